//! The banner on stdout of a started node: what it uses, and the URL of its page.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracing::warn;

use crate::data_folder::in_memory;
use crate::settings::Settings;

/// The lines of the banner.
pub(crate) fn text(settings: &Settings, address: SocketAddr) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let database = settings.database_shown();
    let cluster = &settings.cluster;
    let other_services = match (settings.database_url.is_some(), &cluster.node_name) {
        (_, name) if cluster.cluster_listen.is_some() => match name {
            Some(name) => format!("node {name} of a cluster on PostgreSQL"),
            None => "a node of a cluster on PostgreSQL".to_owned(),
        },
        (true, _) => "a complete node on PostgreSQL".to_owned(),
        (false, _) => "a complete node without other services".to_owned(),
    };
    let warning = memory_warning(settings);
    let (shards, currency) = (settings.shards.get(), settings.currency);
    let base = base_url(address);
    let events = match settings.kafka() {
        Some(kafka) if kafka.topic_prefix.is_empty() => {
            format!("published on Kafka at {}", kafka.brokers)
        }
        Some(kafka) => format!(
            "published on Kafka at {}, topics {}*",
            kafka.brokers, kafka.topic_prefix
        ),
        None => "kept in the journal; set KAFKA_BROKERS=host:9092 to publish them".to_owned(),
    };
    let api = match (cluster.roles().gateway, settings.front.explorer.is_on()) {
        (true, true) => format!("{base}/graphql\n  page     {base}/"),
        (true, false) => format!("{base}/graphql"),
        (false, _) => {
            format!("not served, because --roles lacks gateway; metrics at {base}/metrics")
        }
    };
    format!(
        "fritzy {version}, {other_services}\n{warning}\
         \x20 data     {database}, {shards} shards, fsync at every commit; prices in {currency}\n\
         \x20 search   none in this version: products(query:) returns SEARCH_UNAVAILABLE\n\
         \x20 events   {events}\n\
         \x20 API      {api}\n"
    )
}

/// A line for a database that does not outlive the machine's memory; otherwise empty.
fn memory_warning(settings: &Settings) -> String {
    let kind = match settings.database_url {
        Some(_) => None,
        None => in_memory(&settings.database()),
    };
    let Some(kind) = kind else {
        return String::new();
    };
    let folder = settings.data_dir.display();
    warn!(folder = %folder, file_system = kind, "the data folder is in memory: all data is lost at a restart of the machine or container");
    format!(
        "\x20 warning  the data folder {folder} is in memory ({kind}): all data is lost at a restart of the machine or \
         container. Choose a folder on a disk with --data-dir\n"
    )
}

/// The URL for a browser on this machine. `localhost` is 127.0.0.1 everywhere, and other loopback
/// addresses only on some machines.
fn base_url(address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST | Ipv4Addr::UNSPECIFIED) => {
            format!("http://localhost:{port}")
        }
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => format!("http://[::1]:{port}"),
        _ => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_is_reachable_from_this_machine() {
        for (address, url) in [
            ("127.0.0.1:8000", "http://localhost:8000"),
            ("0.0.0.0:80", "http://localhost:80"),
            ("192.0.2.7:8000", "http://192.0.2.7:8000"),
            ("127.0.0.2:9", "http://127.0.0.2:9"),
            ("[::1]:9", "http://[::1]:9"),
            ("[::]:9", "http://[::1]:9"),
            ("[2001:db8::1]:9", "http://[2001:db8::1]:9"),
        ] {
            assert_eq!(base_url(address.parse().expect(address)), url);
        }
    }
}
