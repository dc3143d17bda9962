//! Two nodes on one machine: the other one is this program, started again, and the callers are in this process.

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

use super::bare_server::BareNode;
use super::baseline::{ceiling_accounts, without_store};
use super::echo_host::Echo;
use super::in_process::measure;
use super::shop::{deadline, start_shop};
use super::{Conditions, SetUp, Subject};
use crate::BenchError;
use crate::load::{Caller, Measured, Plan, Window};
use crate::process::{Launch, Role, ServerProcess};

/// Accounts that are made at a time.
const MAKING_MAX: usize = 64;

/// What the other node answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// So many actors that are called barely.
    Bare {
        /// How many.
        actors: u16,
    },
    /// A shard that answers at once.
    Echo,
    /// A shop in memory.
    Shop {
        /// How many accounts it has, all of them active.
        accounts: usize,
        /// What their ids follow from.
        seed: u64,
    },
}

/// The other node, in its own process.
pub struct OtherNode {
    stop: BoxFuture<'static, ()>,
}

impl OtherNode {
    /// Starts to answer who comes to `listener`.
    ///
    /// # Errors
    /// [`BenchError::Preparing`]
    pub async fn start(listener: TcpListener, answers: Answers) -> Result<Self, BenchError> {
        let stop: BoxFuture<'static, ()> = match answers {
            Answers::Bare { actors } => Box::pin(BareNode::answer(listener, actors).await?.stop()),
            Answers::Echo => {
                let owner = MeasuredNode::owner(&echo_router(), listener).await;
                Box::pin(owner.map_err(preparing)?.end())
            }
            Answers::Shop { accounts, seed } => {
                let stores = Stores::in_memory(MemoryConfig::default());
                let shop = start_shop(ShopConfig::default(), &stores).await?;
                make_accounts(&shop, seed, accounts).await?;
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

    /// Ends.
    pub async fn stop(self) {
        self.stop.await;
    }
}

/// Makes accounts whose ids the other side knows, and leaves each active.
async fn make_accounts(shop: &Shop, seed: u64, count: usize) -> Result<(), BenchError> {
    let accounts = ceiling_accounts(seed, count);
    let making = accounts.into_iter().map(|(id, name)| async move {
        let id = id.parse::<Uuid>().map_err(preparing)?;
        let request = Request {
            command: CommandId::from_uuid(id),
            fingerprint: None,
            deadline: deadline(),
        };
        let made = shop.create_account(&request, name).await;
        let id = made.map_err(preparing)?.state.id.to_string();
        let read = shop.account(&id, deadline()).await;
        read.map(drop).map_err(preparing)
    });
    stream::iter(making)
        .buffer_unordered(MAKING_MAX)
        .try_collect()
        .await
}

/// A router to shards that answer at once.
pub(super) fn echo_router() -> Arc<Router<Echo>> {
    let map = ShardMap::new(ShardCount::DEFAULT);
    Arc::new(Router::new(Arc::new(map), Arc::new(Echo)))
}

/// Starts this program again, as the other node.
pub(super) async fn start_other(
    set_up: &SetUp<'_>,
    answers: Answers,
) -> Result<ServerProcess, BenchError> {
    let program = std::env::current_exe().unwrap_or_else(|_| Path::new("fritzy-bench").to_owned());
    let told = match answers {
        Answers::Bare { actors } => vec!["bare".to_owned(), format!("--actors={actors}")],
        Answers::Echo => vec!["echo".to_owned()],
        Answers::Shop { accounts, seed } => vec![
            "shop".to_owned(),
            format!("--accounts={accounts}"),
            format!("--seed={seed}"),
        ],
    };
    let mut arguments = vec![OsString::from("other-node")];
    arguments.extend(told.into_iter().map(OsString::from));
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

/// Makes the caller with this number.
type CallerOf<C> = dyn Fn(&Plan, usize) -> C + Send + Sync;

/// Two nodes under load by callers of one kind.
pub(super) struct TwoNodes<C> {
    other: ServerProcess,
    /// Ends this side.
    end: BoxFuture<'static, ()>,
    conditions: Conditions,
    /// Caller number n of a run.
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
impl<C: Caller> Subject for TwoNodes<C> {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measured, BenchError> {
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
