//! Which settings apply to a scenario. Any other setting is an error, because it would be ignored
//! silently.

use super::settings::VariantFlags;

/// A setting of a variant, as scenarios list them.
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
    CopyOf,
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
    /// The flag on the command line.
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
            Self::CopyOf => "--copy-of",
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

/// The settings that are set. The pattern names every field, so that the compiler reports a
/// forgotten one.
pub(super) fn given_settings(flags: &VariantFlags) -> Vec<Setting> {
    let VariantFlags {
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
        copy_of,
        kafka,
        single_statement,
        batch_len_max,
        host,
        actors,
        url,
        node,
        node_arg,
    } = flags;
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
        (Setting::CopyOf, copy_of.is_some()),
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

/// The flags without those that are not in `takes`.
pub(super) fn only_allowed(flags: &VariantFlags, takes: &[Setting]) -> VariantFlags {
    let of_use = |setting| takes.contains(&setting);
    VariantFlags {
        in_flight: flags.in_flight.filter(|_| of_use(Setting::InFlight)),
        rate: flags.rate.filter(|_| of_use(Setting::Rate)),
        connections: flags.connections.filter(|_| of_use(Setting::Connections)),
        knee_connections: flags
            .knee_connections
            .filter(|_| of_use(Setting::KneeConnections)),
        accounts: flags.accounts.filter(|_| of_use(Setting::Accounts)),
        products: flags.products.filter(|_| of_use(Setting::Products)),
        keyed: flags.keyed.filter(|_| of_use(Setting::Keyed)),
        store: flags.store.filter(|_| of_use(Setting::Store)),
        postgres: flags.postgres.clone().filter(|_| of_use(Setting::Postgres)),
        committers: flags.committers.filter(|_| of_use(Setting::Committers)),
        fill: flags.fill.filter(|_| of_use(Setting::Fill)),
        copy_of: flags.copy_of.clone().filter(|_| of_use(Setting::CopyOf)),
        kafka: flags.kafka.clone().filter(|_| of_use(Setting::Kafka)),
        single_statement: flags
            .single_statement
            .filter(|_| of_use(Setting::SingleStatement)),
        batch_len_max: flags.batch_len_max.filter(|_| of_use(Setting::BatchLenMax)),
        host: flags.host.filter(|_| of_use(Setting::Host)),
        actors: flags.actors.filter(|_| of_use(Setting::Actors)),
        url: flags.url.clone().filter(|_| of_use(Setting::Url)),
        node: flags.node.clone().filter(|_| of_use(Setting::Node)),
        node_arg: if of_use(Setting::NodeArg) {
            flags.node_arg.clone()
        } else {
            Vec::new()
        },
    }
}

pub(super) fn flag_list(settings: &[Setting]) -> String {
    let flags: Vec<_> = settings.iter().map(|setting| setting.flag()).collect();
    flags.join(", ")
}
