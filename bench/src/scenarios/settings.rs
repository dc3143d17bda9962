//! The settings of one side of a comparison: flags that hold for both sides, overridden for one of them by what stands
//! behind its name, as in `actors-place:batch-len-max=1`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use super::allowed_settings::Setting;
use super::{Reach, Scenario, find, scenarios};
use crate::BenchError;
use crate::load::Load;

/// Requests under way over HTTP: keeps two cores busy, and what others measure with.
const HTTP_IN_FLIGHT: usize = 64;
/// Requests under way in this process: as many as fill the committer's batches.
const IN_PROCESS_IN_FLIGHT: usize = 256;
/// Connections of an open loop: room for a second's stall at a thousand requests a second; and in an overload for more
/// requests than a node admits.
const OPEN_CONNECTIONS: usize = 1_000;
/// Requests under way at most, in any loop: each is a task here, and over HTTP a file descriptor on both sides.
const IN_FLIGHT_MAX: usize = 10_000;

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

/// A side as it is written on the command line: a scenario, and what is particular to this side.
#[derive(Clone)]
pub struct SideSpec {
    text: String,
    scenario: &'static dyn Scenario,
    overrides: SideFlags,
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

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Overrides {
    #[command(flatten)]
    flags: SideFlags,
}

impl FromStr for SideSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, overrides) = text.split_once(':').unwrap_or((text, ""));
        let scenario = find(name).ok_or_else(|| {
            let known: Vec<_> = scenarios().map(|(name, _)| name).collect();
            format!(
                "there is no scenario {name:?}; known are {}",
                known.join(", ")
            )
        })?;
        let flags = overrides.split(',').filter(|part| !part.is_empty());
        let flags = flags.map(|part| format!("--{}", part.trim()));
        let overrides = Overrides::try_parse_from(flags)
            .map_err(|refusal| refusal.render().to_string())?
            .flags;
        Ok(Self {
            text: text.to_owned(),
            scenario,
            overrides,
        })
    }
}

impl SideSpec {
    pub(crate) fn scenario(&self) -> &'static dyn Scenario {
        self.scenario
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What is particular to it.
    pub(super) fn overrides(&self) -> &SideFlags {
        &self.overrides
    }

    /// The complete settings of this side, when `flags` hold for both.
    ///
    /// # Errors
    /// [`BenchError::Settings`] when they do not fit together.
    pub fn settings(&self, flags: &SideFlags) -> Result<SideSettings, BenchError> {
        let mine = &self.overrides;
        mine.check_use(&[self])?;
        // What holds for both and only the other side has a use for leaves this one as it is.
        let flags = &flags.only(self.scenario.takes());
        let takes = |setting| self.scenario.takes().contains(&setting);
        let http = self.scenario.reach() == Reach::Http;
        let rate = mine.rate.or(flags.rate);
        let in_flight = mine.in_flight.or(flags.in_flight).map(usize::from);
        let has_knee = takes(Setting::KneeConnections);
        let knee_connections = mine.knee_connections.or(flags.knee_connections);
        let knee_connections =
            has_knee.then(|| knee_connections.map_or(HTTP_IN_FLIGHT, usize::from));
        let open = rate.is_some() || has_knee;
        let connections = mine.connections.or(flags.connections).map(usize::from);
        let connections = http.then(|| {
            connections.unwrap_or(match (open, in_flight) {
                (_, Some(in_flight)) => in_flight,
                (true, None) => OPEN_CONNECTIONS,
                (false, None) => HTTP_IN_FLIGHT,
            })
        });
        let in_process = self.scenario.reach() == Reach::InProcess;
        let in_flight = in_flight.or(match (open, connections) {
            (_, Some(connections)) => Some(connections),
            (true, None) => Some(IN_FLIGHT_MAX),
            (false, None) => in_process.then_some(IN_PROCESS_IN_FLIGHT),
        });
        if let Some((connections, in_flight)) = connections.zip(in_flight)
            && connections < in_flight
        {
            return Err(BenchError::Settings(format!(
                "{}: {in_flight} requests under way need as many connections: each carries one at a time",
                self.text
            )));
        }
        // A side with a node of its own does not mean the other side's address, and the other way round.
        let own_node = mine.node.is_some() || !mine.node_arg.is_empty();
        let url = mine.url.clone().or_else(|| flags.url.clone());
        let url = url.filter(|_| !own_node);
        let started = url.is_none();
        let node = mine.node.clone().or_else(|| flags.node.clone());
        let node_args = match mine.node_arg.as_slice() {
            [] => flags.node_arg.clone(),
            own => own.to_vec(),
        };
        let stored = self.stored(flags, started)?;
        let or = |mine: Option<u32>, both: Option<u32>, default: u32| {
            usize::try_from(mine.or(both).unwrap_or(default)).expect("32 bits fit")
        };
        Ok(SideSettings {
            side: self.text.clone(),
            scenario: self.scenario.name().to_owned(),
            loop_shape: if open {
                LoopShape::Open
            } else {
                LoopShape::Closed
            },
            in_flight_count: in_flight,
            rate_per_s: rate,
            connections_count: connections,
            knee_connections_count: knee_connections,
            accounts_count: or(mine.accounts, flags.accounts, 1_000),
            products_count: or(mine.products, flags.products, 500),
            keyed: mine.keyed.or(flags.keyed).unwrap_or(false),
            store: stored.store,
            postgres: stored.postgres,
            committers_count: stored.committers,
            fill_count: stored.fill,
            kafka: mine.kafka.clone().or_else(|| flags.kafka.clone()),
            single_statement: mine
                .single_statement
                .or(flags.single_statement)
                .unwrap_or(false),
            batch_len_max_appends: mine.batch_len_max.or(flags.batch_len_max).map(usize::from),
            host: takes(Setting::Host).then(|| mine.host.or(flags.host).unwrap_or(AskedHost::Echo)),
            actors_count: takes(Setting::Actors)
                .then(|| usize::from(mine.actors.or(flags.actors).unwrap_or(1))),
            url,
            node: node.filter(|_| started),
            node_args: if started { node_args } else { Vec::new() },
        })
    }
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

/// Shows what was written.
impl std::fmt::Debug for SideSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.001 to 10000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(spec: &str, flags: &[&str]) -> Result<SideSettings, BenchError> {
        let flags = Overrides::try_parse_from(flags).expect("flags").flags;
        spec.parse::<SideSpec>().expect(spec).settings(&flags)
    }

    #[test]
    fn what_stands_behind_a_name_overrides_the_flags_for_this_side_alone() {
        let flags = ["--in-flight=32", "--store=memory", "--accounts=10"];
        let one = settings("actors-place", &flags).expect("fits");
        assert_eq!(
            (one.in_flight_count, one.store),
            (Some(32), Some(Store::Memory))
        );
        assert_eq!((one.accounts_count, one.batch_len_max_appends), (10, None));
        let other = "actors-place:store=sqlite,batch-len-max=1,keyed";
        let other = settings(other, &flags).expect("fits");
        assert_eq!(
            (other.in_flight_count, other.store),
            (Some(32), Some(Store::Sqlite))
        );
        assert_eq!((other.batch_len_max_appends, other.keyed), (Some(1), true));
        assert_eq!(other.connections_count, None);
    }

    #[test]
    fn defaults_follow_the_scenario_and_the_shape() {
        for (spec, flags, in_flight, connections) in [
            ("read", vec![], 64, Some(64)),
            ("read", vec!["--in-flight=8"], 8, Some(8)),
            ("read", vec!["--connections=8"], 8, Some(8)),
            ("read", vec!["--in-flight=4", "--connections=8"], 4, Some(8)),
            ("read", vec!["--rate=5"], 1_000, Some(1_000)),
            ("overload", vec![], 1_000, Some(1_000)),
            ("overload", vec!["--connections=90"], 90, Some(90)),
            ("actors-ask", vec![], 256, None),
            (
                "actors-ask",
                vec!["--rate=5", "--connections=8"],
                10_000,
                None,
            ),
        ] {
            let settings = settings(spec, &flags).expect("fits");
            let found = (settings.in_flight_count, settings.connections_count);
            assert_eq!(found, (Some(in_flight), connections), "{spec} {flags:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let few = settings("read", &["--in-flight=9", "--connections=8"]);
        assert!(few.expect_err("too few").to_string().contains("9 requests"));
        for (spec, named) in [
            ("raed", "known are read, ceiling"),
            ("read:conections=1", "--conections"),
            ("read:rate=-1", "0.001 to 10000000"),
            ("place:products=1", "2..=1000000"),
        ] {
            let refused = spec.parse::<SideSpec>().expect_err(spec);
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn a_side_with_a_node_of_its_own_does_not_use_the_others_address() {
        let flags = ["--url=http://localhost:8000/graphql"];
        let one = settings("place", &flags).expect("fits");
        assert!(one.url.is_some() && one.node.is_none());
        let other = settings("place:node=old/fritzy", &flags).expect("fits");
        assert!(other.url.is_none() && other.node.is_some());
    }
}
