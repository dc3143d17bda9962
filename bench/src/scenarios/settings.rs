//! The settings of one side of a comparison, as flags and complete.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::load::Load;

/// Requests under way in this process: as many as fill the committer's batches.
pub(super) const IN_PROCESS_IN_FLIGHT: usize = 256;
/// Requests under way at most, in any loop: each is a task here, and over HTTP a file descriptor on both sides.
pub(super) const IN_FLIGHT_MAX: usize = 10_000;

/// Settings that can differ between the two sides; what is not given takes the scenario's default.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "Settings of a side (override them for one side: SCENARIO:name=value,name=value)"
)]
pub struct SideFlags {
    /// Closed loop: requests under way, each sending the next when it is answered, 1 to 10000. With --rate: requests
    /// under way at most. Default: 64 over HTTP, 256 in process; with --rate one for each connection, or 10000
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub in_flight: Option<u16>,

    /// Open loop: requests per second at a constant rate, whatever is answered; latency counts from the moment each
    /// was due
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    pub rate: Option<f64>,

    /// Connections over HTTP, 1 to 10000; each carries one request at a time. Default: one for each request under
    /// way, 1000 with --rate and in `overload`
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: Option<u16>,

    /// Connections of the closed loops of `overload`, which find what bare HTTP and a busy node can do, and watch the
    /// node recover, 1 to 10000; each has one request under way. Default: 64, as in `hello` and `place`
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub knee_connections: Option<u16>,

    /// Accounts to make and choose from. Default: 1000
    #[arg(long, value_name = "ACCOUNTS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub accounts: Option<u32>,

    /// Products to make and choose from, at least 2. Default: 500
    #[arg(long, value_name = "PRODUCTS", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub products: Option<u32>,

    /// Give each order an idempotency key of its own
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub keyed: Option<bool>,

    /// Where a shop in process, or a node that is started, keeps its data. Default: postgres with --postgres,
    /// otherwise sqlite
    #[arg(long)]
    pub store: Option<Store>,

    /// The PostgreSQL server for --store postgres and pgbench: the address of a role that may create databases, as
    /// `cargo xtask services up` prints one. Each run makes a database of its own there, and drops it
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,

    /// Committers of a shop or a node on PostgreSQL. Default: the node's own
    #[arg(long, value_name = "COMMITTERS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub committers: Option<u16>,

    /// Orders that are in the database before anything is asked, on PostgreSQL: the server writes them itself, as a shop
    /// would have, keyed as --keyed says. Default: none, and 100000 in `actors-activate`, which needs 40960 at least
    #[arg(long, value_name = "ORDERS", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub fill: Option<u32>,

    /// Brokers of Kafka: what happens in a shop or a node that is started is published there, and how long that takes
    /// is told of a shop in process. Topics that are missing are made
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,

    /// Have pgbench write an order as one statement that commits by itself, instead of two in a transaction
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub single_statement: Option<bool>,

    /// Appends in one transaction of a shop in process, at most. Default: the committer's own
    #[arg(long, value_name = "APPENDS", value_parser = clap::value_parser!(u16).range(1..))]
    pub batch_len_max: Option<u16>,

    /// Measure the node at this GraphQL endpoint instead of starting one; http only. What the run adds stays there
    #[arg(long, conflicts_with_all = ["node", "node_arg"])]
    pub url: Option<String>,

    /// The node to start. Default: `fritzy` beside this program
    #[arg(long, value_name = "PROGRAM")]
    pub node: Option<PathBuf>,

    /// What answers a remote ask: `echo`, which does next to nothing, or `shop`, the real one, whose accounts are active.
    /// Default: echo
    #[arg(long)]
    pub host: Option<AskedHost>,

    /// Actors on the other node that share the bare calls, 1 to 64. Default: 1
    #[arg(long, value_name = "ACTORS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub actors: Option<u16>,

    /// An argument for the node, as in --node-arg=--shards=16; can be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub node_arg: Vec<String>,
}

/// Where a shop keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// A SQLite file that is synced at every commit.
    Sqlite,
    /// A database on PostgreSQL.
    Postgres,
    /// Memory, of a shop in process only; nothing is durable.
    Memory,
}

/// What answers on the other node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum AskedHost {
    /// A reply as large as an account's, at once.
    Echo,
    /// A shop in memory whose accounts are active.
    Shop,
}

/// The shape of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopShape {
    /// So many requests under way.
    Closed,
    /// So many requests per second.
    Open,
}

/// The settings of one side, complete. What its scenario has no use for is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideSettings {
    /// The side as it was written.
    pub side: String,
    /// The scenario's name.
    pub scenario: String,
    /// Closed or open loop.
    pub loop_shape: LoopShape,
    /// Requests under way: exactly in a closed loop, at most in an open one. `None` where it is found while setting up.
    pub in_flight_count: Option<usize>,
    /// The rate of an open loop; `None` where it follows from the knee.
    pub rate_per_s: Option<f64>,
    /// Connections over HTTP.
    pub connections_count: Option<usize>,
    /// Connections of the closed loops before and after an overload; reports before this was a setting are without.
    #[serde(default)]
    pub knee_connections_count: Option<usize>,
    /// Accounts to choose from.
    pub accounts_count: usize,
    /// Products to choose from.
    pub products_count: usize,
    /// Whether orders have idempotency keys.
    pub keyed: bool,
    /// Where the shop keeps its data; reports before a node could be started on PostgreSQL are without for a node.
    pub store: Option<Store>,
    /// The server for the store on PostgreSQL. Not reported: it holds a password.
    #[serde(skip)]
    pub postgres: Option<String>,
    /// Committers on PostgreSQL; `None` is the node's own number.
    #[serde(default)]
    pub committers_count: Option<usize>,
    /// Orders that are there before anything is asked.
    #[serde(default)]
    pub fill_count: u64,
    /// Where events are published.
    #[serde(default)]
    pub kafka: Option<String>,
    /// Whether an order is one statement that commits by itself.
    #[serde(default)]
    pub single_statement: bool,
    /// Appends in one transaction of a shop in process at most; `None` is the committer's own limit.
    pub batch_len_max_appends: Option<usize>,
    /// What answers a remote ask; reports before there were any are without.
    #[serde(default)]
    pub host: Option<AskedHost>,
    /// Actors that share the bare calls.
    #[serde(default)]
    pub actors_count: Option<usize>,
    /// The node that was measured instead of one that was started.
    pub url: Option<String>,
    /// The node that was started instead of the one beside this program.
    pub node: Option<PathBuf>,
    /// Arguments of the node.
    pub node_args: Vec<String>,
}

impl SideSettings {
    /// The load; a scenario whose rate follows from the knee makes its own.
    pub(crate) fn load(&self) -> Load {
        match self.rate_per_s {
            Some(rate_per_s) => Load::Open {
                rate_per_s,
                in_flight_max: self.in_flight_count.unwrap_or(IN_FLIGHT_MAX),
            },
            None => Load::Closed {
                in_flight: self.in_flight_count.unwrap_or(IN_PROCESS_IN_FLIGHT),
            },
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.001 to 10000000".to_owned()),
    }
}
