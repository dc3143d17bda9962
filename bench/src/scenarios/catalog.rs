//! The table of all scenarios.

use super::actors_activate::ActorsActivate;
use super::actors_ask::ActorsAsk;
use super::actors_create_order::ActorsPlace;
use super::baseline::CeilingScenario;
use super::create_order::Place;
use super::hello::Hello;
use super::kafka_catch_up::KafkaCatchUp;
use super::overload::Overload;
use super::pgbench::Pgbench;
use super::ractor_call::BareCall;
use super::read::Read;
use super::remote_ask::RemoteAsk;
use super::scenario::Scenario;

/// Every scenario.
const ALL: [&dyn Scenario; 12] = [
    &Read,
    &CeilingScenario,
    &Hello,
    &Place,
    &Overload,
    &ActorsPlace,
    &ActorsAsk,
    &ActorsActivate,
    &RemoteAsk,
    &BareCall,
    &KafkaCatchUp,
    &Pgbench,
];

/// The scenario with this name.
pub(super) fn find(name: &str) -> Option<&'static dyn Scenario> {
    ALL.into_iter().find(|scenario| scenario.name() == name)
}

/// Name and purpose of every scenario.
pub fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.into_iter()
        .map(|scenario| (scenario.name(), scenario.about()))
}
