//! The two traits of a measurement: a scenario, and the system under test that it sets up.

use std::path::Path;

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::durability::Durability;
use super::settings::VariantSettings;
use super::templates::Templates;
use crate::BenchError;
use crate::load::{Measurement, Plan};
use crate::process::Cores;

/// One workload on one kind of system.
#[async_trait]
pub(crate) trait Scenario: Send + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// What it measures, in one line of the help text.
    fn about(&self) -> &'static str;

    fn reach(&self) -> Reach;

    /// The settings that apply to it; any other setting is an error.
    fn takes(&self) -> &'static [Setting];

    /// Orders in its database before the load starts; `--fill` overrides it.
    fn default_fill(&self) -> u32 {
        0
    }

    /// Prepares everything that must exist before the first request.
    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError>;
}

/// How the load generator reaches the system under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Over HTTP, as clients do; the system is a process of its own.
    Http,
    /// By method calls in this process.
    InProcess,
    /// By a third-party load generator.
    Program,
}

/// The input of [`Scenario::set_up`].
pub(crate) struct SetUp<'a> {
    /// The settings of this variant.
    pub(crate) settings: &'a VariantSettings,
    /// The folder in which temporary folders are created.
    pub(crate) within: &'a Path,
    /// The CPU cores of a pinned run.
    pub(crate) cores: Option<Cores>,
    /// Filled databases to copy from.
    pub(crate) templates: &'a Templates,
    /// The seed of all random choices.
    pub(crate) seed: u64,
}

/// A system that is set up and accepts load.
#[async_trait]
pub(crate) trait SystemUnderTest: Send {
    /// The conditions that its figures depend on.
    fn conditions(&self) -> &Conditions;

    /// Puts the planned load on it and returns what was measured.
    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError>;

    /// Stops all processes that were started for it, and removes its files and databases.
    async fn tear_down(self: Box<Self>) -> Result<(), BenchError>;
}

/// What figures depend on besides the flags.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// What an acknowledged write guarantees.
    pub(crate) durability: Durability,
    /// The effective settings of the node, by name; `None` without a node or with an external one.
    pub(crate) node_settings: Option<std::collections::BTreeMap<String, String>>,
}
