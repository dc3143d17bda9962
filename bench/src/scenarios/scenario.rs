//! What a scenario is, how it is set up, and what takes the load.

use std::path::Path;

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::database::Templates;
use super::durability::Durability;
use super::settings::SideSettings;
use crate::BenchError;
use crate::load::{Measured, Plan};
use crate::process::Cores;

/// One thing to measure.
#[async_trait]
pub(crate) trait Scenario: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it measures, in one line.
    fn about(&self) -> &'static str;

    /// How it is reached.
    fn reach(&self) -> Reach;

    /// The settings it has a use for; any other is refused.
    fn takes(&self) -> &'static [Setting];

    /// Orders that are in its database before anything is asked, unless told otherwise.
    fn fills(&self) -> u32 {
        0
    }

    /// Makes everything that is there before the first request is counted.
    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError>;
}

/// How what is measured is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As clients do, in a process of its own.
    Http,
    /// By calling it, in this process.
    InProcess,
    /// By a program of others.
    Program,
}

/// What a scenario is set up with.
pub(crate) struct SetUp<'a> {
    /// This side's settings.
    pub(crate) settings: &'a SideSettings,
    /// Where temporary folders are made.
    pub(crate) within: &'a Path,
    /// The cores to stay on.
    pub(crate) cores: Option<Cores>,
    /// Databases that are filled already.
    pub(crate) templates: &'a Templates,
    /// What every choice follows from.
    pub(crate) seed: u64,
}

/// Something that is set up, and takes load.
#[async_trait]
pub(crate) trait Subject: Send {
    /// Under which conditions it answers.
    fn conditions(&self) -> &Conditions;

    /// Puts load on it.
    async fn drive(&mut self, plan: &Plan) -> Result<Measured, BenchError>;

    /// Stops whatever was started for it, and removes what it left.
    async fn tear_down(self: Box<Self>) -> Result<(), BenchError>;
}

/// What figures depend on beside the flags.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// What an acknowledgement means.
    pub(crate) durability: Durability,
    /// The effective settings of the node, by name; `None` where there is none, or another's.
    pub(crate) node_settings: Option<std::collections::BTreeMap<String, String>>,
}
