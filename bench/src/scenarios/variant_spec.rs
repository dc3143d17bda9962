//! One side of a comparison as it is written on the command line, such as `actors-place:batch-len-max=1`, and the
//! settings that follow from it: they must fit together before anything is started.

use std::str::FromStr;

use clap::Parser;

use super::allowed_settings::{Setting, flag_list, given_settings, only_allowed};
use super::catalog::{find, scenarios};
use super::scenario::{Reach, Scenario};
use super::settings::{
    AskedHost, IN_FLIGHT_MAX, IN_PROCESS_IN_FLIGHT, LoopShape, SideFlags, SideSettings, Store,
};
use crate::BenchError;

/// Requests under way over HTTP: keeps two cores busy, and what others measure with.
const HTTP_IN_FLIGHT: usize = 64;
/// Connections of an open loop: room for a second's stall at a thousand requests a second; and in an overload for more
/// requests than a node admits.
const OPEN_CONNECTIONS: usize = 1_000;

/// A side as it is written on the command line: a scenario, and what is particular to this side.
#[derive(Clone)]
pub struct SideSpec {
    text: String,
    scenario: &'static dyn Scenario,
    overrides: SideFlags,
}

/// Where data is kept.
struct Stored {
    /// `None` where there is nothing to keep, or it is another's.
    store: Option<Store>,
    /// The server, with the store on PostgreSQL.
    postgres: Option<String>,
    committers: Option<usize>,
    /// Orders that are there before anything is asked.
    fill: u64,
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

    /// The complete settings of this side, when `flags` hold for both.
    ///
    /// # Errors
    /// [`BenchError::Settings`] when they do not fit together.
    pub fn settings(&self, flags: &SideFlags) -> Result<SideSettings, BenchError> {
        let mine = &self.overrides;
        check_use(mine, &[self])?;
        // What holds for both and only the other side has a use for leaves this one as it is.
        let flags = &only_allowed(flags, self.scenario.takes());
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

    /// What this side's settings say of its store, when `flags` hold for both sides; `started` is whether the shop is
    /// ours.
    fn stored(&self, flags: &SideFlags, started: bool) -> Result<Stored, BenchError> {
        let mine = &self.overrides;
        let takes = |setting| self.scenario.takes().contains(&setting);
        let postgres = mine.postgres.clone().or_else(|| flags.postgres.clone());
        let committers = mine.committers.or(flags.committers);
        let chosen = mine.store.or(flags.store);
        let reach = self.scenario.reach();
        let on_postgres_only = reach == Reach::Program || self.scenario.fills() > 0;
        let store = if on_postgres_only {
            Some(Store::Postgres)
        } else if takes(Setting::Store) && started {
            let default = match postgres {
                Some(_) => Store::Postgres,
                None => Store::Sqlite,
            };
            Some(chosen.unwrap_or(default))
        } else {
            None
        };
        let side = &self.text;
        let refused = |told: &str| Err(BenchError::Settings(format!("{side}: {told}")));
        if store.is_none() && (mine.store.is_some() || mine.postgres.is_some()) {
            return refused("with --url, where data is kept is the node's own affair");
        }
        if store == Some(Store::Memory) && reach == Reach::Http {
            return refused("a node has no store in memory");
        }
        let on_postgres = store == Some(Store::Postgres);
        if on_postgres && postgres.is_none() {
            return refused(
                "needs a server: --postgres URL, of a role that may create databases (`cargo xtask services up` prints one)",
            );
        }
        if committers.is_some() && !on_postgres {
            return refused("no use for --committers: only on PostgreSQL are there several");
        }
        let fill = mine.fill.or(flags.fill);
        if fill.is_some() && !on_postgres {
            return refused("no use for --fill: only a database on PostgreSQL is filled");
        }
        let fill = fill.unwrap_or_else(|| self.scenario.fills());
        Ok(Stored {
            store,
            postgres: postgres.filter(|_| on_postgres),
            committers: committers.map(usize::from),
            fill: fill.into(),
        })
    }
}

/// Refuses flags that none of these sides has a use for. What one of two takes is that one's.
pub(crate) fn check_use(given: &SideFlags, sides: &[&SideSpec]) -> Result<(), BenchError> {
    let scenarios = || sides.iter().map(|side| side.scenario());
    let is_useless = |setting: &Setting| {
        let mut scenarios = scenarios();
        !scenarios.any(|scenario| scenario.takes().contains(setting))
    };
    let mut useless = given_settings(given);
    useless.retain(is_useless);
    if useless.is_empty() {
        return Ok(());
    }
    let takes = scenarios()
        .map(|scenario| format!("{} takes {}", scenario.name(), flag_list(scenario.takes())));
    Err(BenchError::Settings(format!(
        "no use for {}: {}",
        flag_list(&useless),
        takes.collect::<Vec<_>>().join("; ")
    )))
}

/// Shows what was written.
impl std::fmt::Debug for SideSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
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

    fn stored(spec: &str, flags: SideFlags) -> Result<Stored, String> {
        let side: SideSpec = spec.parse().expect(spec);
        let flags = only_allowed(&flags, side.scenario().takes());
        let stored = side.stored(&flags, flags.url.is_none());
        stored.map_err(|refused| refused.to_string())
    }

    fn with_server() -> SideFlags {
        SideFlags {
            postgres: Some("postgres://h".to_owned()),
            ..SideFlags::default()
        }
    }

    #[test]
    fn a_server_that_is_named_is_used_unless_a_side_says_otherwise() {
        for (spec, store) in [
            ("actors-place", Some(Store::Postgres)),
            ("place", Some(Store::Postgres)),
            ("pgbench", Some(Store::Postgres)),
            ("actors-place:store=sqlite", Some(Store::Sqlite)),
            ("hello", None),
        ] {
            let found = stored(spec, with_server()).expect("fits");
            assert_eq!(found.store, store, "{spec}");
            let has_server = store == Some(Store::Postgres);
            assert_eq!(found.postgres.is_some(), has_server, "{spec}");
        }
        let found = stored("place", SideFlags::default()).expect("fits");
        assert_eq!(found.store, Some(Store::Sqlite));
    }

    #[test]
    fn stores_that_do_not_fit_are_refused() {
        let two = SideFlags {
            committers: Some(2),
            ..SideFlags::default()
        };
        let elsewhere = SideFlags {
            url: Some("http://h/graphql".to_owned()),
            ..SideFlags::default()
        };
        for (spec, flags, named) in [
            (
                "place:store=postgres",
                SideFlags::default(),
                "--postgres URL",
            ),
            ("pgbench", SideFlags::default(), "--postgres URL"),
            (
                "place:store=memory",
                SideFlags::default(),
                "no store in memory",
            ),
            ("actors-place", two, "--committers"),
            ("place:store=sqlite", elsewhere, "--url"),
            ("place:fill=7", SideFlags::default(), "--fill"),
        ] {
            let refused = stored(spec, flags).err().expect("it does not fit");
            assert!(refused.contains(named), "{refused}");
        }
    }

    fn refusal(sides: &[&str], flags: SideFlags) -> Option<String> {
        let sides: Vec<SideSpec> = sides
            .iter()
            .map(|side| side.parse().expect("a side"))
            .collect();
        let sides: Vec<_> = sides.iter().collect();
        let checked = check_use(&flags, &sides);
        checked.err().map(|refused| refused.to_string())
    }

    #[test]
    fn what_no_side_has_a_use_for_is_refused_with_what_each_takes() {
        let flags = || SideFlags {
            products: Some(7),
            connections: Some(8),
            ..SideFlags::default()
        };
        assert_eq!(
            refusal(&["hello"], flags()).as_deref(),
            Some("no use for --products: hello takes --in-flight, --rate, --connections")
        );
        assert_eq!(refusal(&["place"], flags()), None);
        assert_eq!(refusal(&["hello", "place"], flags()), None);
        let refused = refusal(&["hello", "read"], flags()).expect("neither has products");
        assert!(refused.contains("; read takes --in-flight, "), "{refused}");
    }
}
