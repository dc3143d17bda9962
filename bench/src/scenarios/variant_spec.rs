//! One variant of a comparison as written on the command line, such as
//! `actors-place:batch-len-max=1`, and its complete settings. They are checked before anything is
//! started.

use std::str::FromStr;

use clap::Parser;

use super::allowed_settings::{Setting, flag_list, given_settings, only_allowed};
use super::catalog::{find, scenarios};
use super::scenario::{Reach, Scenario};
use super::settings::{
    AskedHost, IN_FLIGHT_MAX, IN_PROCESS_IN_FLIGHT, LoopShape, Store, VariantFlags, VariantSettings,
};
use crate::BenchError;

/// Requests in flight over HTTP: keeps two cores busy, and is a usual choice of other load testers.
const HTTP_IN_FLIGHT: usize = 64;
/// Connections of an open loop: enough for a stall of one second at 1000 requests per second, and
/// in an overload for more requests than a node admits.
const OPEN_CONNECTIONS: usize = 1_000;

/// A variant as written on the command line: a scenario, and the settings that override the flags.
#[derive(Clone)]
pub struct VariantSpec {
    text: String,
    scenario: &'static dyn Scenario,
    overrides: VariantFlags,
}

/// The settings of the store.
struct StoreSettings {
    /// `None` if nothing is stored or the node is external.
    store: Option<Store>,
    /// The server of [`Store::Postgres`].
    postgres: Option<String>,
    committers: Option<usize>,
    /// Orders in the database before the load starts.
    fill: u64,
    copy_of: Option<String>,
}

/// The settings of the load.
struct LoadSettings {
    shape: LoopShape,
    /// `None` if set-up determines it.
    in_flight: Option<usize>,
    /// Requests per second; `None` in a closed loop, or if it depends on the knee.
    rate: Option<f64>,
    /// `None` if the system is not called over HTTP.
    connections: Option<usize>,
    /// `None` without closed loops before and after.
    knee_connections: Option<usize>,
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Overrides {
    #[command(flatten)]
    flags: VariantFlags,
}

impl FromStr for VariantSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, overrides) = text.split_once(':').unwrap_or((text, ""));
        let scenario = find(name).ok_or_else(|| {
            let known: Vec<_> = scenarios().map(|(name, _)| name).collect();
            format!(
                "unknown scenario {name:?}; the scenarios are {}",
                known.join(", ")
            )
        })?;
        let flags = overrides.split(',').filter(|part| !part.is_empty());
        let flags = flags.map(|part| format!("--{}", part.trim()));
        let overrides = Overrides::try_parse_from(flags)
            .map_err(|rejection| rejection.render().to_string())?
            .flags;
        Ok(Self {
            text: text.to_owned(),
            scenario,
            overrides,
        })
    }
}

impl VariantSpec {
    pub(crate) fn scenario(&self) -> &'static dyn Scenario {
        self.scenario
    }

    /// The complete settings of this variant; `flags` apply to both variants.
    ///
    /// # Errors
    /// [`BenchError::Settings`] when settings contradict each other or do not apply to the
    /// scenario.
    pub fn settings(&self, flags: &VariantFlags) -> Result<VariantSettings, BenchError> {
        let mine = &self.overrides;
        check_applicable(mine, &[self])?;
        // Flags that apply only to the other variant's scenario are dropped here.
        let flags = &only_allowed(flags, self.scenario.takes());
        let takes = |setting| self.scenario.takes().contains(&setting);
        let load = self.load_settings(flags)?;
        // A variant with its own node ignores the URL that the flags give for both.
        let own_node = mine.node.is_some() || !mine.node_arg.is_empty();
        let url = mine.url.clone().or_else(|| flags.url.clone());
        let url = url.filter(|_| !own_node);
        let started = url.is_none();
        let node = mine.node.clone().or_else(|| flags.node.clone());
        let node_args = match mine.node_arg.as_slice() {
            [] => flags.node_arg.clone(),
            own => own.to_vec(),
        };
        let store_settings = self.store_settings(flags, started)?;
        let or = |mine: Option<u32>, both: Option<u32>, default: u32| {
            usize::try_from(mine.or(both).unwrap_or(default)).expect("32 bits fit")
        };
        Ok(VariantSettings {
            variant: self.text.clone(),
            scenario: self.scenario.name().to_owned(),
            loop_shape: load.shape,
            in_flight_count: load.in_flight,
            rate_per_s: load.rate,
            connections_count: load.connections,
            knee_connections_count: load.knee_connections,
            accounts_count: or(mine.accounts, flags.accounts, 1_000),
            products_count: or(mine.products, flags.products, 500),
            keyed: mine.keyed.or(flags.keyed).unwrap_or(false),
            store: store_settings.store,
            postgres: store_settings.postgres,
            committers_count: store_settings.committers,
            fill_count: store_settings.fill,
            copy_of: store_settings.copy_of,
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

    /// The settings of the load; `flags` apply to both variants.
    fn load_settings(&self, flags: &VariantFlags) -> Result<LoadSettings, BenchError> {
        let mine = &self.overrides;
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
                "{}: {in_flight} requests in flight need as many connections: each connection carries one",
                self.text
            )));
        }
        Ok(LoadSettings {
            shape: if open {
                LoopShape::Open
            } else {
                LoopShape::Closed
            },
            in_flight,
            rate,
            connections,
            knee_connections,
        })
    }

    /// The settings of the store; `flags` apply to both variants, and `started` is false for an
    /// external node.
    fn store_settings(
        &self,
        flags: &VariantFlags,
        started: bool,
    ) -> Result<StoreSettings, BenchError> {
        let mine = &self.overrides;
        let takes = |setting| self.scenario.takes().contains(&setting);
        let postgres = mine.postgres.clone().or_else(|| flags.postgres.clone());
        let committers = mine.committers.or(flags.committers);
        let chosen = mine.store.or(flags.store);
        let reach = self.scenario.reach();
        let on_postgres_only = reach == Reach::Program || self.scenario.default_fill() > 0;
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
        let variant = &self.text;
        let invalid = |reason: &str| Err(BenchError::Settings(format!("{variant}: {reason}")));
        if store.is_none() && (mine.store.is_some() || mine.postgres.is_some()) {
            return invalid("--store and --postgres do not apply to an external node (--url)");
        }
        if store == Some(Store::Memory) && reach == Reach::Http {
            return invalid("a node has no memory store");
        }
        let on_postgres = store == Some(Store::Postgres);
        if on_postgres && postgres.is_none() {
            return invalid(
                "needs --postgres URL with a role that may create databases (`cargo xtask services up` prints one)",
            );
        }
        if committers.is_some() && !on_postgres {
            return invalid("--committers applies to PostgreSQL only");
        }
        // What a variant says itself counts, whichever of the two it is.
        let (fill, copy_of) = match (mine.fill, &mine.copy_of) {
            (None, None) => (flags.fill, flags.copy_of.clone()),
            (fill, copy_of) => (fill, copy_of.clone()),
        };
        if fill.is_some() && !on_postgres {
            return invalid("--fill applies to PostgreSQL only");
        }
        if copy_of.is_some() && !on_postgres {
            return invalid("--copy-of applies to PostgreSQL only");
        }
        let fill = match copy_of {
            Some(_) => 0,
            None => fill.unwrap_or_else(|| self.scenario.default_fill()),
        };
        Ok(StoreSettings {
            store,
            postgres: postgres.filter(|_| on_postgres),
            committers: committers.map(usize::from),
            fill: fill.into(),
            copy_of,
        })
    }
}

/// Rejects flags that apply to none of the variants. A flag may apply to one of two only.
pub(crate) fn check_applicable(
    given: &VariantFlags,
    variants: &[&VariantSpec],
) -> Result<(), BenchError> {
    let scenarios = || variants.iter().map(|variant| variant.scenario());
    let applies_to_none = |setting: &Setting| {
        let mut scenarios = scenarios();
        !scenarios.any(|scenario| scenario.takes().contains(setting))
    };
    let mut inapplicable = given_settings(given);
    inapplicable.retain(applies_to_none);
    if inapplicable.is_empty() {
        return Ok(());
    }
    let takes = scenarios()
        .map(|scenario| format!("{} takes {}", scenario.name(), flag_list(scenario.takes())));
    Err(BenchError::Settings(format!(
        "not applicable: {}; {}",
        flag_list(&inapplicable),
        takes.collect::<Vec<_>>().join("; ")
    )))
}

/// Prints the text of the command line.
impl std::fmt::Debug for VariantSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(spec: &str, flags: &[&str]) -> Result<VariantSettings, BenchError> {
        let flags = Overrides::try_parse_from(flags).expect("flags").flags;
        spec.parse::<VariantSpec>().expect(spec).settings(&flags)
    }

    #[test]
    fn override_applies_to_its_variant_only() {
        let flags = ["--in-flight=32", "--store=memory", "--accounts=10"];
        let one = settings("actors-place", &flags).expect("consistent");
        assert_eq!(
            (one.in_flight_count, one.store),
            (Some(32), Some(Store::Memory))
        );
        assert_eq!((one.accounts_count, one.batch_len_max_appends), (10, None));
        let other = "actors-place:store=sqlite,batch-len-max=1,keyed";
        let other = settings(other, &flags).expect("consistent");
        assert_eq!(
            (other.in_flight_count, other.store),
            (Some(32), Some(Store::Sqlite))
        );
        assert_eq!((other.batch_len_max_appends, other.keyed), (Some(1), true));
        assert_eq!(other.connections_count, None);
    }

    #[test]
    fn defaults_depend_on_scenario_and_loop_shape() {
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
            let settings = settings(spec, &flags).expect("consistent");
            let found = (settings.in_flight_count, settings.connections_count);
            assert_eq!(found, (Some(in_flight), connections), "{spec} {flags:?}");
        }
    }

    #[test]
    fn contradictory_settings_are_rejected_by_name() {
        let few = settings("read", &["--in-flight=9", "--connections=8"]);
        assert!(few.expect_err("too few").to_string().contains("9 requests"));
        for (spec, named) in [
            ("raed", "the scenarios are read, ceiling"),
            ("read:conections=1", "--conections"),
            ("read:rate=-1", "0.001 to 10000000"),
            ("place:products=1", "2..=1000000"),
        ] {
            let invalid = spec.parse::<VariantSpec>().expect_err(spec);
            assert!(invalid.contains(named), "{invalid}");
        }
    }

    #[test]
    fn variant_with_own_node_ignores_the_url_flag() {
        let flags = ["--url=http://localhost:8000/graphql"];
        let one = settings("place", &flags).expect("consistent");
        assert!(one.url.is_some() && one.node.is_none());
        let other = settings("place:node=old/fritzy", &flags).expect("consistent");
        assert!(other.url.is_none() && other.node.is_some());
    }

    fn store_settings(spec: &str, flags: VariantFlags) -> Result<StoreSettings, String> {
        let variant: VariantSpec = spec.parse().expect(spec);
        let flags = only_allowed(&flags, variant.scenario().takes());
        let store_settings = variant.store_settings(&flags, flags.url.is_none());
        store_settings.map_err(|invalid| invalid.to_string())
    }

    fn with_server() -> VariantFlags {
        VariantFlags {
            postgres: Some("postgres://h".to_owned()),
            ..VariantFlags::default()
        }
    }

    #[test]
    fn postgres_flag_selects_postgres_unless_overridden() {
        for (spec, store) in [
            ("actors-place", Some(Store::Postgres)),
            ("place", Some(Store::Postgres)),
            ("pgbench", Some(Store::Postgres)),
            ("actors-place:store=sqlite", Some(Store::Sqlite)),
            ("hello", None),
        ] {
            let found = store_settings(spec, with_server()).expect("consistent");
            assert_eq!(found.store, store, "{spec}");
            let has_server = store == Some(Store::Postgres);
            assert_eq!(found.postgres.is_some(), has_server, "{spec}");
        }
        let found = store_settings("place", VariantFlags::default()).expect("consistent");
        assert_eq!(found.store, Some(Store::Sqlite));
    }

    #[test]
    fn contradictory_store_settings_are_rejected() {
        let two = VariantFlags {
            committers: Some(2),
            ..VariantFlags::default()
        };
        let elsewhere = VariantFlags {
            url: Some("http://h/graphql".to_owned()),
            ..VariantFlags::default()
        };
        for (spec, flags, named) in [
            (
                "place:store=postgres",
                VariantFlags::default(),
                "--postgres URL",
            ),
            ("pgbench", VariantFlags::default(), "--postgres URL"),
            (
                "place:store=memory",
                VariantFlags::default(),
                "no memory store",
            ),
            ("actors-place", two, "--committers"),
            ("place:store=sqlite", elsewhere, "--url"),
            ("place:fill=7", VariantFlags::default(), "--fill"),
            ("place:copy-of=a", VariantFlags::default(), "--copy-of"),
        ] {
            let invalid = store_settings(spec, flags)
                .err()
                .expect("the settings contradict");
            assert!(invalid.contains(named), "{invalid}");
        }
    }

    fn rejection(variants: &[&str], flags: VariantFlags) -> Option<String> {
        let variants: Vec<VariantSpec> = variants
            .iter()
            .map(|variant| variant.parse().expect("a variant"))
            .collect();
        let variants: Vec<_> = variants.iter().collect();
        let checked = check_applicable(&flags, &variants);
        checked.err().map(|invalid| invalid.to_string())
    }

    #[test]
    fn inapplicable_flag_is_rejected_with_the_allowed_ones() {
        let flags = || VariantFlags {
            products: Some(7),
            connections: Some(8),
            ..VariantFlags::default()
        };
        assert_eq!(
            rejection(&["hello"], flags()).as_deref(),
            Some("not applicable: --products; hello takes --in-flight, --rate, --connections")
        );
        assert_eq!(rejection(&["place"], flags()), None);
        assert_eq!(rejection(&["hello", "place"], flags()), None);
        let invalid =
            rejection(&["hello", "read"], flags()).expect("neither scenario takes products");
        assert!(invalid.contains("; read takes --in-flight, "), "{invalid}");
    }
}
