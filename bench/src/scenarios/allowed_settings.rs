//! Which settings a scenario has a use for. Any other is refused by name: whoever gives it believes that it counts.

use super::settings::{SideFlags, SideSpec};
use crate::BenchError;

/// A setting of a side: what a scenario takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    InFlight,
    Rate,
    Connections,
    KneeConnections,
    Accounts,
    Products,
    Keyed,
    Store,
    Postgres,
    Committers,
    Fill,
    Kafka,
    SingleStatement,
    BatchLenMax,
    Host,
    Actors,
    Url,
    Node,
    NodeArg,
}

impl Setting {
    /// As it is written on the command line.
    const fn flag(self) -> &'static str {
        match self {
            Self::InFlight => "--in-flight",
            Self::Rate => "--rate",
            Self::Connections => "--connections",
            Self::KneeConnections => "--knee-connections",
            Self::Accounts => "--accounts",
            Self::Products => "--products",
            Self::Keyed => "--keyed",
            Self::Store => "--store",
            Self::Postgres => "--postgres",
            Self::Committers => "--committers",
            Self::Fill => "--fill",
            Self::Kafka => "--kafka",
            Self::SingleStatement => "--single-statement",
            Self::BatchLenMax => "--batch-len-max",
            Self::Host => "--host",
            Self::Actors => "--actors",
            Self::Url => "--url",
            Self::Node => "--node",
            Self::NodeArg => "--node-arg",
        }
    }
}

impl SideFlags {
    /// Those that were given. It names every field, so that none is forgotten.
    fn given(&self) -> Vec<Setting> {
        let Self {
            in_flight,
            rate,
            connections,
            knee_connections,
            accounts,
            products,
            keyed,
            store,
            postgres,
            committers,
            fill,
            kafka,
            single_statement,
            batch_len_max,
            host,
            actors,
            url,
            node,
            node_arg,
        } = self;
        let given = [
            (Setting::InFlight, in_flight.is_some()),
            (Setting::Rate, rate.is_some()),
            (Setting::Connections, connections.is_some()),
            (Setting::KneeConnections, knee_connections.is_some()),
            (Setting::Accounts, accounts.is_some()),
            (Setting::Products, products.is_some()),
            (Setting::Keyed, keyed.is_some()),
            (Setting::Store, store.is_some()),
            (Setting::Postgres, postgres.is_some()),
            (Setting::Committers, committers.is_some()),
            (Setting::Fill, fill.is_some()),
            (Setting::Kafka, kafka.is_some()),
            (Setting::SingleStatement, single_statement.is_some()),
            (Setting::BatchLenMax, batch_len_max.is_some()),
            (Setting::Host, host.is_some()),
            (Setting::Actors, actors.is_some()),
            (Setting::Url, url.is_some()),
            (Setting::Node, node.is_some()),
            (Setting::NodeArg, !node_arg.is_empty()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given);
        given.map(|(setting, _)| setting).collect()
    }

    /// These flags without those that are of no use.
    pub(super) fn only(&self, takes: &[Setting]) -> Self {
        let of_use = |setting| takes.contains(&setting);
        Self {
            in_flight: self.in_flight.filter(|_| of_use(Setting::InFlight)),
            rate: self.rate.filter(|_| of_use(Setting::Rate)),
            connections: self.connections.filter(|_| of_use(Setting::Connections)),
            knee_connections: self
                .knee_connections
                .filter(|_| of_use(Setting::KneeConnections)),
            accounts: self.accounts.filter(|_| of_use(Setting::Accounts)),
            products: self.products.filter(|_| of_use(Setting::Products)),
            keyed: self.keyed.filter(|_| of_use(Setting::Keyed)),
            store: self.store.filter(|_| of_use(Setting::Store)),
            postgres: self.postgres.clone().filter(|_| of_use(Setting::Postgres)),
            committers: self.committers.filter(|_| of_use(Setting::Committers)),
            fill: self.fill.filter(|_| of_use(Setting::Fill)),
            kafka: self.kafka.clone().filter(|_| of_use(Setting::Kafka)),
            single_statement: self
                .single_statement
                .filter(|_| of_use(Setting::SingleStatement)),
            batch_len_max: self.batch_len_max.filter(|_| of_use(Setting::BatchLenMax)),
            host: self.host.filter(|_| of_use(Setting::Host)),
            actors: self.actors.filter(|_| of_use(Setting::Actors)),
            url: self.url.clone().filter(|_| of_use(Setting::Url)),
            node: self.node.clone().filter(|_| of_use(Setting::Node)),
            node_arg: if of_use(Setting::NodeArg) {
                self.node_arg.clone()
            } else {
                Vec::new()
            },
        }
    }

    /// Refuses flags that none of these sides has a use for. What one of two takes is that one's.
    pub(crate) fn check_use(&self, sides: &[&SideSpec]) -> Result<(), BenchError> {
        let scenarios = || sides.iter().map(|side| side.scenario());
        let is_useless = |setting: &Setting| {
            let mut scenarios = scenarios();
            !scenarios.any(|scenario| scenario.takes().contains(setting))
        };
        let mut useless = self.given();
        useless.retain(is_useless);
        if useless.is_empty() {
            return Ok(());
        }
        let takes = scenarios()
            .map(|scenario| format!("{} takes {}", scenario.name(), flags(scenario.takes())));
        Err(BenchError::Settings(format!(
            "no use for {}: {}",
            flags(&useless),
            takes.collect::<Vec<_>>().join("; ")
        )))
    }
}

fn flags(settings: &[Setting]) -> String {
    let flags: Vec<_> = settings.iter().map(|setting| setting.flag()).collect();
    flags.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sides: &[&str], flags: SideFlags) -> Option<String> {
        let sides: Vec<SideSpec> = sides
            .iter()
            .map(|side| side.parse().expect("a side"))
            .collect();
        let sides: Vec<_> = sides.iter().collect();
        let checked = flags.check_use(&sides);
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
