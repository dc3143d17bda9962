//! `bare-call`: the baseline of a remote ask: calls of actors on another node by plain
//! `ractor_cluster`.

use async_trait::async_trait;

use super::allowed_settings::Setting;
use super::bare_server::{BareServer, RemoteActors};
use super::echo_host::REQUEST_LEN;
use super::two_nodes::{OtherNodeKind, TwoNodes, start_other};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Outcome};

pub(super) struct RactorCall;

#[async_trait]
impl Scenario for RactorCall {
    fn name(&self) -> &'static str {
        "bare-call"
    }

    fn about(&self) -> &'static str {
        "calls of an actor in another process by plain ractor_cluster"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[Setting::InFlight, Setting::Rate, Setting::Actors]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let actors = set_up.settings.actors_count.unwrap_or(1);
        let kind = OtherNodeKind::Bare {
            actors: u16::try_from(actors).expect("the flag's range is smaller"),
        };
        let other = start_other(set_up, kind).await?;
        let (node, target) = BareServer::call(other.port(), actors).await?;
        let end = Box::pin(node.stop());
        let caller = move |_: &_, number| RactorCaller {
            target: target.clone(),
            number,
        };
        Ok(Box::new(TwoNodes::new(other, end, caller)))
    }
}

struct RactorCaller {
    target: RemoteActors,
    number: usize,
}

impl Caller for RactorCaller {
    async fn call(&mut self) -> Outcome {
        self.target.call(self.number, vec![0; REQUEST_LEN]).await
    }
}
