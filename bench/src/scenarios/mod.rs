//! What is measured: one file for each scenario, which says how everything it needs is made and what is asked.
//!
//! A scenario over HTTP talks to a server process through the generator of [`crate::http`]; `node_process` starts one,
//! `http_subject` asks it. A scenario in this process calls the shop's own methods; `shop_subject` opens one. `database`
//! makes and fills one on PostgreSQL for either. Both choose accounts and baskets in the same way, by `shop_data` and `basket`.

mod actors_activate;
mod actors_ask;
mod actors_place;
mod bare;
mod bare_call;
mod basket;
mod bridged;
mod ceiling;
mod database;
mod durability;
mod echo;
mod hello;
mod http_subject;
mod in_process;
mod kafka_catch_up;
mod node_process;
mod overload;
mod pgbench;
mod place;
mod read;
mod remote_ask;
mod settings;
mod shop_data;
mod shop_subject;
mod stored;
mod things;
mod two_nodes;
mod uses;

use std::path::Path;

use async_trait::async_trait;

pub use ceiling::ceiling_accounts;
pub(crate) use database::Templates;
pub use durability::{Durability, Fsync};
pub use settings::{AskedHost, LoopShape, SideFlags, SideSettings, SideSpec, Store};

pub use two_nodes::{Answers, OtherNode};

use crate::BenchError;
use crate::load::{Measured, Plan};
use crate::process::Cores;
use uses::Setting;

/// Every scenario.
const ALL: [&dyn Scenario; 12] = [
    &read::Read,
    &ceiling::CeilingScenario,
    &hello::Hello,
    &place::Place,
    &overload::Overload,
    &actors_place::ActorsPlace,
    &actors_ask::ActorsAsk,
    &actors_activate::ActorsActivate,
    &remote_ask::RemoteAsk,
    &bare_call::BareCall,
    &kafka_catch_up::KafkaCatchUp,
    &pgbench::Pgbench,
];

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

/// The scenario with this name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Scenario> {
    ALL.into_iter().find(|scenario| scenario.name() == name)
}

/// Name and purpose of every scenario.
pub fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.into_iter()
        .map(|scenario| (scenario.name(), scenario.about()))
}
