//! Settings of a node in a cluster. Without them it runs alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fritzy_types::Roles;

use super::listen_address::ListenAddress;

/// Characters of a secret: shorter ones can be guessed.
const SECRET_CHARS_MIN: usize = 16;
/// Characters of a name, as of a DNS label: names are part of handshakes and of tables for
/// operators.
const NAME_CHARS_MAX: usize = 63;

/// Default of `unready_ms` in a cluster: two polls of a balancer that polls once a second.
const UNREADY_MS: u64 = 2_000;
/// The admin API of a node on this machine, at its usual port.
const ADMIN_URL: &str = "http://127.0.0.1:8001";

/// The settings of a node in a cluster.
#[derive(Args, Clone, Debug)]
pub struct ClusterSettings {
    /// Address or host name, and port, for other nodes; makes this node a member of the cluster that shares its
    /// PostgreSQL database and its cookie. Firewall this port
    #[arg(
        long,
        env = "FRITZY_CLUSTER_LISTEN",
        value_name = "ADDRESS",
        global = true,
        requires = "cluster_cookie"
    )]
    pub cluster_listen: Option<ListenAddress>,

    /// host:port where other nodes reach this node; default: --cluster-listen. It must reach this
    /// node; checked before joining
    #[arg(
        long,
        env = "FRITZY_CLUSTER_ADVERTISE",
        value_name = "HOST:PORT",
        global = true,
        requires = "cluster_listen",
        value_parser = address
    )]
    pub cluster_advertise: Option<String>,

    /// Secret shared by all nodes of the cluster, at least 16 characters
    #[arg(
        long,
        env = "FRITZY_CLUSTER_COOKIE",
        value_name = "SECRET",
        global = true,
        hide_env_values = true
    )]
    pub cluster_cookie: Option<Secret>,

    /// Unique name of this node, kept over restarts; default: its address for other nodes
    #[arg(
        long,
        env = "FRITZY_NODE_NAME",
        value_name = "NAME",
        global = true,
        value_parser = name
    )]
    pub node_name: Option<String>,

    /// Roles of this node in the cluster, separated by commas: gateway (serves clients), entities
    /// (owns accounts, products and orders), projections (publishes the events of owned shards)
    #[arg(
        long,
        env = "FRITZY_ROLES",
        default_value = "gateway,entities,projections",
        global = true,
        value_delimiter = ','
    )]
    pub roles: Vec<Role>,

    /// Address or host name, and port, of the admin API, which `fritzy cluster` calls. It has no TLS: keep it on
    /// 127.0.0.1 or an operators' network
    #[arg(
        long,
        env = "FRITZY_ADMIN_LISTEN",
        value_name = "ADDRESS",
        global = true
    )]
    pub admin_listen: Option<ListenAddress>,

    /// Bearer token of the admin API, at least 16 characters; --admin-listen requires it, `fritzy
    /// cluster` sends it
    #[arg(
        long,
        env = "FRITZY_ADMIN_TOKEN",
        value_name = "SECRET",
        global = true,
        hide_env_values = true
    )]
    pub admin_token: Option<Secret>,

    /// Admin API that `fritzy cluster` calls: the --admin-listen of any node
    #[arg(
        long,
        env = "FRITZY_ADMIN_URL",
        default_value = ADMIN_URL,
        value_name = "URL",
        global = true
    )]
    pub admin_url: String,

    /// Milliseconds between becoming unready and giving shards away, after SIGTERM: as long as your
    /// load balancer needs to notice. Default in a cluster: 2000, two polls of a balancer that polls
    /// once a second. A node alone does not wait
    #[arg(
        long, env = "FRITZY_UNREADY_MS", global = true,
        value_parser = clap::value_parser!(u64).range(0..=600_000)
    )]
    pub unready_ms: Option<u64>,

    /// Seconds for giving all shards away after SIGTERM; the remaining ones are stopped, and other
    /// nodes take them over
    #[arg(
        long, env = "FRITZY_DRAIN_S_MAX", default_value = "30", global = true,
        value_parser = clap::value_parser!(u16).range(0..=3_600)
    )]
    pub drain_s_max: u16,
}

/// A role of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves the GraphQL API to clients.
    Gateway,
    /// Owns shards and runs their entities.
    Entities,
    /// Runs the projections of its shards.
    Projections,
}

impl Default for ClusterSettings {
    /// A node without a cluster.
    fn default() -> Self {
        Self {
            cluster_listen: None,
            cluster_advertise: None,
            cluster_cookie: None,
            node_name: None,
            roles: vec![Role::Gateway, Role::Entities, Role::Projections],
            admin_listen: None,
            admin_token: None,
            admin_url: ADMIN_URL.to_owned(),
            unready_ms: None,
            drain_s_max: 30,
        }
    }
}

impl ClusterSettings {
    /// The time between becoming unready and giving shards away.
    pub(crate) fn unready(&self) -> Duration {
        Duration::from_millis(self.unready_ms.unwrap_or(UNREADY_MS))
    }

    /// The roles, as a set of flags.
    pub(crate) fn roles(&self) -> Roles {
        Roles {
            gateway: self.roles.contains(&Role::Gateway),
            entities: self.roles.contains(&Role::Entities),
            projections: self.roles.contains(&Role::Projections),
        }
    }
}

/// A secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret in clear text.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.chars().count() < SECRET_CHARS_MIN {
            return Err(format!("it has fewer than {SECRET_CHARS_MIN} characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

fn address(text: &str) -> Result<String, String> {
    let is_address = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
    if is_address {
        Ok(text.to_owned())
    } else {
        Err("not an address such as node-1.fritzy:7000".into())
    }
}

fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(is_plain) {
        return Err(format!(
            "not a name of 1 to {NAME_CHARS_MAX} letters, digits, dots, hyphens and underscores"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unready_time_has_a_default_for_balancers() {
        let set = |unready_ms| {
            let settings = ClusterSettings {
                unready_ms,
                ..ClusterSettings::default()
            };
            settings.unready().as_millis()
        };
        assert_eq!([set(None), set(Some(0)), set(Some(500))], [2_000, 0, 500]);
    }
}
