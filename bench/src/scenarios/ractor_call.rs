//! `bare-call`: what a remote ask is measured against: calls of actors on another node by `ractor_cluster` alone.

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::bare_server::{BareNode, BareTarget};
use super::echo_host::REQUEST_LEN;
use super::two_nodes::{Answers, TwoNodes, start_other};
use super::{Reach, Scenario, SetUp, Subject};
use crate::BenchError;
use crate::load::{Caller, Outcome};

/// The scenario.
pub(super) struct BareCall;

#[async_trait]
impl Scenario for BareCall {
    fn name(&self) -> &'static str {
        "bare-call"
    }

    fn about(&self) -> &'static str {
        "calls of an actor in another process, by ractor_cluster alone"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[Setting::InFlight, Setting::Rate, Setting::Actors]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let actors = set_up.settings.actors_count.unwrap_or(1);
        let answers = Answers::Bare {
            actors: u16::try_from(actors).expect("the range of the flag ends below"),
        };
        let other = start_other(set_up, answers).await?;
        let (node, target) = BareNode::call(other.port(), actors).await?;
        let end = Box::pin(node.stop());
        let caller = move |_: &_, number| Calling {
            target: target.clone(),
            number,
        };
        Ok(Box::new(TwoNodes::new(other, end, caller)))
    }
}

struct Calling {
    target: BareTarget,
    number: usize,
}

impl Caller for Calling {
    async fn call(&mut self) -> Outcome {
        self.target.call(self.number, vec![0; REQUEST_LEN]).await
    }
}
