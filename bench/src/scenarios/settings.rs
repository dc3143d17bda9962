//! The settings of one variant of a comparison: the flags, and the complete settings with defaults.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::load::Load;

/// Requests in flight in this process: enough to fill the committer's batches.
pub(super) const IN_PROCESS_IN_FLIGHT: usize = 256;
/// Maximum of requests in flight, in any loop: each is a task here, and over HTTP a file descriptor
/// on both sides.
pub(super) const IN_FLIGHT_MAX: usize = 10_000;

/// Settings that can differ between the two variants; a flag that is not given has the scenario's
/// default.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "Settings of a variant (override them for one variant: SCENARIO:name=value,name=value)"
)]
pub struct VariantFlags {
    /// Closed loop: requests in flight, 1 to 10000; each response triggers the next request. With
    /// --rate: maximum of requests in flight. Default: 64 over HTTP, 256 in process; with --rate
    /// one for each connection, or 10000
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub in_flight: Option<u16>,

    /// Open loop: requests per second at a constant rate, independent of responses; latency is
    /// measured from the time a request was due
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    pub rate: Option<f64>,

    /// Connections over HTTP, 1 to 10000; each carries one request at a time. Default: one for each
    /// request in flight; 1000 with --rate and in `overload`
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: Option<u16>,

    /// Connections of the closed loops of `overload`, 1 to 10000; each has one request in flight.
    /// These loops measure bare HTTP, the knee of a busy node, and its recovery. Default: 64, as in
    /// `hello` and `place`
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub knee_connections: Option<u16>,

    /// Accounts to create and choose from. Default: 1000
    #[arg(long, value_name = "ACCOUNTS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub accounts: Option<u32>,

    /// Products to create and choose from, at least 2. Default: 500
    #[arg(long, value_name = "PRODUCTS", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub products: Option<u32>,

    /// Send each order with its own idempotency key
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub keyed: Option<bool>,

    /// Store of the shop in process or of the started node. Default: postgres with --postgres,
    /// otherwise sqlite
    #[arg(long)]
    pub store: Option<Store>,

    /// The PostgreSQL server for --store postgres and pgbench: the URL of a role that may create
    /// databases, as `cargo xtask services up` prints one. Each run creates its own database there
    /// and drops it
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,

    /// Committers of a shop or a node on PostgreSQL. Default: the node's default
    #[arg(long, value_name = "COMMITTERS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub committers: Option<u16>,

    /// Orders in the database before the load starts, on PostgreSQL only: the server generates the
    /// rows, with idempotency keys if --keyed is set. Default: none; 40960 in `actors-activate`,
    /// which is its minimum; 100000 in `list-orders`; 1000000 in `kafka-catch-up`
    #[arg(long, value_name = "ORDERS", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub fill: Option<u32>,

    /// A database of the PostgreSQL server, filled before, perhaps by another version: each run gets
    /// a copy of it. It must not be in use. Instead of --fill
    #[arg(long, value_name = "DATABASE", value_parser = database_name, conflicts_with = "fill")]
    pub copy_of: Option<String>,

    /// Kafka brokers to which the shop or the started node publishes its events; a shop in process
    /// also reports how long that takes. Missing topics are created
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,

    /// Let pgbench write an order as one autocommitted statement instead of two statements in a
    /// transaction
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub single_statement: Option<bool>,

    /// Maximum of appends in one transaction of a shop in process. Default: the committer's default
    #[arg(long, value_name = "APPENDS", value_parser = clap::value_parser!(u16).range(1..))]
    pub batch_len_max: Option<u16>,

    /// Measure the node at this GraphQL endpoint instead of starting one; http only. Data that the
    /// run adds stays there
    #[arg(long, conflicts_with_all = ["node", "node_arg"])]
    pub url: Option<String>,

    /// The node's program. Default: `fritzy` in the folder of this program
    #[arg(long, value_name = "PROGRAM")]
    pub node: Option<PathBuf>,

    /// The shard host of a remote ask: `echo`, which returns a constant reply, or `shop`, a real
    /// shop with active accounts. Default: echo
    #[arg(long)]
    pub host: Option<AskedHost>,

    /// Actors on the other node that handle the bare calls, 1 to 64. Default: 1
    #[arg(long, value_name = "ACTORS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub actors: Option<u16>,

    /// An argument for the node, as in --node-arg=--shards=16; repeatable
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub node_arg: Vec<String>,
}

/// The store of a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// A SQLite file, fsynced at every commit.
    Sqlite,
    /// A PostgreSQL database on the server given by `--postgres`.
    Postgres,
    /// Memory, for a shop in process only; nothing is durable.
    Memory,
}

/// The shard host on the other node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum AskedHost {
    /// Returns a constant reply of an account's size.
    Echo,
    /// A shop in memory with active accounts.
    Shop,
}

/// How requests are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopShape {
    /// A fixed number of requests in flight.
    Closed,
    /// A fixed number of requests per second.
    Open,
}

/// The complete settings of one variant. Settings that do not apply to its scenario are `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantSettings {
    /// The variant as written on the command line.
    #[serde(rename = "side")]
    pub variant: String,
    /// The name of the scenario.
    pub scenario: String,
    /// Closed or open loop.
    pub loop_shape: LoopShape,
    /// Requests in flight: exactly in a closed loop, at most in an open one. `None` if set-up
    /// determines it.
    pub in_flight_count: Option<usize>,
    /// The rate of an open loop; `None` if it depends on the knee.
    pub rate_per_s: Option<f64>,
    /// Connections over HTTP; each carries one request at a time.
    pub connections_count: Option<usize>,
    /// Connections of the closed loops before and after an overload; missing in older reports.
    #[serde(default)]
    pub knee_connections_count: Option<usize>,
    /// Accounts to choose from.
    pub accounts_count: usize,
    /// Products to choose from.
    pub products_count: usize,
    /// Whether orders are sent with idempotency keys.
    pub keyed: bool,
    /// The store; missing for a node in older reports.
    pub store: Option<Store>,
    /// The PostgreSQL server. Not reported: the URL contains a password.
    #[serde(skip)]
    pub postgres: Option<String>,
    /// Committers on PostgreSQL; `None` is the node's default.
    #[serde(default)]
    pub committers_count: Option<usize>,
    /// Orders in the database before the load starts.
    #[serde(default)]
    pub fill_count: u64,
    /// The database that is copied instead.
    #[serde(default)]
    pub copy_of: Option<String>,
    /// The Kafka brokers to which events are published.
    #[serde(default)]
    pub kafka: Option<String>,
    /// Whether pgbench writes an order as one autocommitted statement.
    #[serde(default)]
    pub single_statement: bool,
    /// Maximum of appends in one transaction of a shop in process; `None` is the committer's
    /// default.
    pub batch_len_max_appends: Option<usize>,
    /// The shard host of a remote ask; missing in older reports.
    #[serde(default)]
    pub host: Option<AskedHost>,
    /// Actors that handle the bare calls.
    #[serde(default)]
    pub actors_count: Option<usize>,
    /// The GraphQL endpoint of the external node, if one was measured.
    pub url: Option<String>,
    /// The node's program, if it is not the one in the folder of this program.
    pub node: Option<PathBuf>,
    /// Further arguments of the node.
    pub node_args: Vec<String>,
}

impl VariantSettings {
    /// Whether the database has accounts, products and orders before the load starts.
    pub(super) fn is_filled(&self) -> bool {
        self.fill_count > 0 || self.copy_of.is_some()
    }

    /// The load. A scenario whose rate depends on the knee makes its own.
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

/// A name that needs no quotes in a statement.
fn database_name(text: &str) -> Result<String, String> {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let starts = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    if text.len() <= 63 && text.starts_with(starts) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("not a name of 1 to 63 characters a-z, 0-9 and _".to_owned())
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.001 to 10000000".to_owned()),
    }
}
