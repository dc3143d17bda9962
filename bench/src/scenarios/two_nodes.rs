//! Two nodes on one machine: the other node is this program in another process, the callers are in
//! this process.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{Request, Shop, ShopConfig};
use fritzy_bench_support::MeasuredNode;
use fritzy_cluster::{Router, ShardMap};
use fritzy_domain::CommandId;
use fritzy_persistence::{MemoryConfig, Stores};
use fritzy_types::ShardCount;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::bare_server::BareServer;
use super::baseline::{baseline_accounts, without_store};
use super::echo_host::EchoHost;
use super::in_process::measure;
use super::shop::{deadline, start_shop};
use super::{Conditions, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Measurement, Plan, Window};
use crate::process::{Launch, Role, ServerProcess};

/// Concurrent requests during creation.
const CREATING_MAX: usize = 64;

/// What handles requests on the other node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherNodeKind {
    /// Actors that are called by plain `ractor_cluster`.
    Bare {
        /// The number of actors that take calls.
        actors: u16,
    },
    /// A shard host that replies at once.
    Echo,
    /// A shop in memory.
    Shop {
        /// The number of its accounts, all of them active.
        accounts: usize,
        /// The seed of their ids.
        seed: u64,
    },
}

/// The other node, run by the process that it is started in.
pub struct OtherNode {
    stop: BoxFuture<'static, ()>,
}

impl OtherNode {
    /// Starts the node on `listener`.
    ///
    /// # Errors
    /// [`BenchError::Preparing`] when the shop or the node cannot be started.
    pub async fn start(listener: TcpListener, kind: OtherNodeKind) -> Result<Self, BenchError> {
        let stop: BoxFuture<'static, ()> = match kind {
            OtherNodeKind::Bare { actors } => {
                Box::pin(BareServer::listen(listener, actors).await?.stop())
            }
            OtherNodeKind::Echo => {
                let owner = MeasuredNode::owner(&echo_router(), listener).await;
                Box::pin(owner.map_err(preparing)?.end())
            }
            OtherNodeKind::Shop { accounts, seed } => {
                let stores = Stores::in_memory(MemoryConfig::default());
                let shop = start_shop(ShopConfig::default(), &stores).await?;
                create_accounts(&shop, seed, accounts).await?;
                let owner = MeasuredNode::owner(shop.router(), listener)
                    .await
                    .map_err(preparing)?;
                Box::pin(async move {
                    owner.end().await;
                    shop.stop().await;
                    stores.close().await;
                })
            }
        };
        Ok(Self { stop })
    }

    /// Stops the node, and its shop and store if it has them.
    pub async fn stop(self) {
        self.stop.await;
    }
}

/// Creates and activates accounts whose ids the callers know.
async fn create_accounts(shop: &Shop, seed: u64, count: usize) -> Result<(), BenchError> {
    let accounts = baseline_accounts(seed, count);
    let creating = accounts.into_iter().map(|(id, name)| async move {
        let id = id.parse::<Uuid>().map_err(preparing)?;
        let request = Request {
            command: CommandId::from_uuid(id),
            fingerprint: None,
            deadline: deadline(),
        };
        let created = shop.create_account(&request, name.into()).await;
        let id = created.map_err(preparing)?.state.id.to_string();
        let read = shop.account(&id, deadline()).await;
        read.map(drop).map_err(preparing)
    });
    stream::iter(creating)
        .buffer_unordered(CREATING_MAX)
        .try_collect()
        .await
}

/// A router to shards that reply at once.
pub(super) fn echo_router() -> Arc<Router<EchoHost>> {
    let map = ShardMap::new(ShardCount::DEFAULT);
    Arc::new(Router::new(Arc::new(map), Arc::new(EchoHost)))
}

/// Starts this program as the other node.
pub(super) async fn start_other(
    set_up: &SetUp<'_>,
    kind: OtherNodeKind,
) -> Result<ServerProcess, BenchError> {
    let program = std::env::current_exe().unwrap_or_else(|_| Path::new("fritzy-bench").to_owned());
    let flags = match kind {
        OtherNodeKind::Bare { actors } => vec!["bare".to_owned(), format!("--actors={actors}")],
        OtherNodeKind::Echo => vec!["echo".to_owned()],
        OtherNodeKind::Shop { accounts, seed } => vec![
            "shop".to_owned(),
            format!("--accounts={accounts}"),
            format!("--seed={seed}"),
        ],
    };
    let mut arguments = vec![OsString::from("other-node")];
    arguments.extend(flags.into_iter().map(OsString::from));
    let launch = Launch {
        program,
        arguments,
        environment: Vec::new(),
        has_data: false,
        within: set_up.within.to_owned(),
        core: None,
    };
    Ok(launch.start().await?)
}

/// Creates the caller with this number.
type CallerOf<C> = dyn Fn(&Plan, usize) -> C + Send + Sync;

/// Two nodes under load from callers of one type.
pub(super) struct TwoNodes<C> {
    other: ServerProcess,
    /// Stops the node of this process.
    end: BoxFuture<'static, ()>,
    conditions: Conditions,
    /// Creates caller number n of a run.
    caller: Box<CallerOf<C>>,
}

impl<C: Caller> TwoNodes<C> {
    pub(super) fn new(
        other: ServerProcess,
        end: BoxFuture<'static, ()>,
        caller: impl Fn(&Plan, usize) -> C + Send + Sync + 'static,
    ) -> Self {
        Self {
            other,
            end,
            conditions: without_store(),
            caller: Box::new(caller),
        }
    }
}

#[async_trait]
impl<C: Caller> SystemUnderTest for TwoNodes<C> {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let callers = (0..plan.load.callers()).map(|number| (self.caller)(plan, number));
        let callers: Vec<C> = callers.collect();
        let window = Window::beginning_now(plan.warmup, plan.duration);
        let processes = [
            (Role::Generator, std::process::id()),
            (Role::Server, self.other.pid()),
        ];
        Ok(measure(callers, plan, window, &processes).await)
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        self.end.await;
        Ok(self.other.stop().await?)
    }
}

pub(super) fn preparing(failure: impl std::fmt::Display) -> BenchError {
    BenchError::Preparing {
        what: "two nodes",
        reason: failure.to_string(),
    }
}
