//! `remote-ask`: requests to shards of another node, through the router, the connection and the
//! dispatchers of both nodes.

use fastrand::Rng;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{Shop, ShopConfig};
use fritzy_bench_support::MeasuredNode;
use fritzy_cluster::{LocalLease, Router, ShardMap};
use fritzy_persistence::{MemoryConfig, Stores};
use fritzy_types::{ShardCount, ShardId};

use super::allowed_settings::Setting;
use super::baseline::baseline_accounts;
use super::echo_host::{EchoHost, REPLY_LEN, REQUEST_LEN};
use super::settings::AskedHost;
use super::shop::{deadline, outcome};
use super::two_nodes::{OtherNodeKind, TwoNodes, echo_router, preparing, start_other};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Outcome, Plan, Rejection};
use crate::process::ServerProcess;
use crate::random::seeded;

pub(super) struct RemoteAsk;

#[async_trait]
impl Scenario for RemoteAsk {
    fn name(&self) -> &'static str {
        "remote-ask"
    }

    fn about(&self) -> &'static str {
        "requests to shards in another process, through router, connection and dispatchers"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Host,
            Setting::Accounts,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        match set_up.settings.host {
            Some(AskedHost::Shop) => set_up_shop(set_up).await,
            _ => set_up_echo(set_up).await,
        }
    }
}

fn address(other: &ServerProcess) -> String {
    format!("127.0.0.1:{}", other.port())
}

async fn set_up_echo(set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
    let other = start_other(set_up, OtherNodeKind::Echo).await?;
    let router = echo_router();
    let asker = MeasuredNode::asker(&router, address(&other)).await;
    let end = Box::pin(asker.map_err(preparing)?.end());
    let caller = move |_: &Plan, number| {
        let shards = usize::from(router.map().count().get());
        let shard = u16::try_from(number % shards).expect("a shard has 16 bits");
        EchoCaller {
            router: router.clone(),
            shard: ShardId(shard),
        }
    };
    Ok(Box::new(TwoNodes::new(other, end, caller)))
}

struct EchoCaller {
    router: Arc<Router<EchoHost>>,
    shard: ShardId,
}

impl Caller for EchoCaller {
    async fn call(&mut self) -> Outcome {
        let request = vec![0; REQUEST_LEN];
        match self.router.ask(self.shard, deadline(), request).await {
            Ok(reply) if reply.len() == REPLY_LEN => Outcome::Accepted,
            Ok(_) => Outcome::Rejected(Rejection::WrongResponse),
            Err(failure) => Outcome::Rejected(Rejection::Code(failure.to_string())),
        }
    }
}

async fn set_up_shop(set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
    let accounts = set_up.settings.accounts_count;
    let seed = set_up.seed;
    let other = start_other(set_up, OtherNodeKind::Shop { accounts, seed }).await?;
    // This node owns no shard, so its stores are not used.
    let stores = Stores::in_memory(MemoryConfig::default());
    let shop = Shop::empty(
        ShopConfig::default(),
        Arc::new(ShardMap::new(ShardCount::DEFAULT)),
        LocalLease::unlimited(),
        stores.journal.clone(),
        stores.read_model.clone(),
    );
    let shop = Arc::new(shop.await.map_err(preparing)?);
    let asker = MeasuredNode::asker(shop.router(), address(&other)).await;
    let asker = asker.map_err(preparing)?;
    let ids = baseline_accounts(seed, accounts).into_iter();
    let ids: Arc<[String]> = ids.map(|(id, _)| id).collect();
    for id in &*ids {
        // Checks that each account is found.
        shop.account(id, deadline()).await.map_err(preparing)?;
    }
    let called = shop.clone();
    let caller = move |plan: &Plan, number| ShopCaller {
        shop: called.clone(),
        ids: ids.clone(),
        random: seeded(&[plan.seed, plan.repetition as u64, number as u64]),
    };
    let end = Box::pin(async move {
        asker.end().await;
        shop.stop().await;
        stores.close().await;
    });
    Ok(Box::new(TwoNodes::new(other, end, caller)))
}

struct ShopCaller {
    shop: Arc<Shop>,
    ids: Arc<[String]>,
    random: Rng,
}

impl Caller for ShopCaller {
    async fn call(&mut self) -> Outcome {
        let id = &self.ids[self.random.usize(..self.ids.len())];
        outcome(self.shop.account(id, deadline()).await)
    }
}
