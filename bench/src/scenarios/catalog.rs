//! The table of all scenarios.

use super::actors_activate::ActorsActivate;
use super::actors_ask::ActorsAsk;
use super::actors_create_order::ActorsCreateOrder;
use super::baseline::BaselineScenario;
use super::create_order::CreateOrderScenario;
use super::hello::Hello;
use super::kafka_catch_up::KafkaCatchUp;
use super::list_orders::ListOrders;
use super::overload::Overload;
use super::pgbench::Pgbench;
use super::ractor_call::RactorCall;
use super::read::Read;
use super::remote_ask::RemoteAsk;
use super::scenario::Scenario;

const ALL: [&dyn Scenario; 13] = [
    &Read,
    &BaselineScenario,
    &Hello,
    &CreateOrderScenario,
    &ListOrders,
    &Overload,
    &ActorsCreateOrder,
    &ActorsAsk,
    &ActorsActivate,
    &RemoteAsk,
    &RactorCall,
    &KafkaCatchUp,
    &Pgbench,
];

pub(super) fn find(name: &str) -> Option<&'static dyn Scenario> {
    ALL.into_iter().find(|scenario| scenario.name() == name)
}

/// Name and purpose of every scenario, in the order of the help text.
pub fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.into_iter()
        .map(|scenario| (scenario.name(), scenario.about()))
}
