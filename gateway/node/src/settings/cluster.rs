//! Settings of a node among others. Without them it is alone.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use fritzy_types::Roles;

/// A secret that is too short can be guessed.
const SECRET_CHARS_MIN: usize = 16;
/// Names stand in first words between nodes, and in tables for people.
const NAME_CHARS_MAX: usize = 63;

/// Where operators reach a node of this machine, unless they say otherwise.
const ADMIN_URL: &str = "http://127.0.0.1:8001";

/// What a node needs to be one of several.
#[derive(Args, Clone, Debug)]
pub struct ClusterSettings {
    /// Address and port for other nodes, which makes this node one of a cluster: those that share a database on PostgreSQL
    /// and the cookie. Keep this port to the nodes
    #[arg(
        long,
        env = "FRITZY_CLUSTER_LISTEN",
        value_name = "ADDRESS",
        global = true,
        requires = "cluster_cookie"
    )]
    pub cluster_listen: Option<SocketAddr>,

    /// Where other nodes reach this one, host:port. Without it, what --cluster-listen says
    #[arg(
        long,
        env = "FRITZY_CLUSTER_ADVERTISE",
        value_name = "HOST:PORT",
        global = true,
        requires = "cluster_listen",
        value_parser = address
    )]
    pub cluster_advertise: Option<String>,

    /// Secret that all nodes of the cluster share, at least 16 characters
    #[arg(
        long,
        env = "FRITZY_CLUSTER_COOKIE",
        value_name = "SECRET",
        global = true,
        hide_env_values = true
    )]
    pub cluster_cookie: Option<Secret>,

    /// Name of this node, kept over restarts; each node has another. Without it, where other nodes reach it
    #[arg(
        long,
        env = "FRITZY_NODE_NAME",
        value_name = "NAME",
        global = true,
        value_parser = name
    )]
    pub node_name: Option<String>,

    /// What this node does in the cluster: gateway (serves clients), entities (owns accounts, products and orders),
    /// projections (publishes the events of what it owns), separated by commas
    #[arg(
        long,
        env = "FRITZY_ROLES",
        default_value = "gateway,entities,projections",
        global = true,
        value_delimiter = ','
    )]
    pub roles: Vec<Role>,

    /// Address and port for those who operate the cluster: `fritzy cluster` asks there. Keep this port to them; on 127.0.0.1
    /// it is reached from this machine only
    #[arg(
        long,
        env = "FRITZY_ADMIN_LISTEN",
        value_name = "ADDRESS",
        global = true
    )]
    pub admin_listen: Option<SocketAddr>,

    /// Secret that --admin-listen asks for, and `fritzy cluster` shows, at least 16 characters
    #[arg(
        long,
        env = "FRITZY_ADMIN_TOKEN",
        value_name = "SECRET",
        global = true,
        hide_env_values = true
    )]
    pub admin_token: Option<Secret>,

    /// Where `fritzy cluster` asks: the --admin-listen of any node
    #[arg(
        long,
        env = "FRITZY_ADMIN_URL",
        default_value = ADMIN_URL,
        value_name = "URL",
        global = true
    )]
    pub admin_url: String,

    /// Milliseconds from being unready until leaving begins, after SIGTERM: as long as whatever spreads requests needs to notice
    #[arg(
        long, env = "FRITZY_UNREADY_MS", default_value = "0", global = true,
        value_parser = clap::value_parser!(u64).range(0..=600_000)
    )]
    pub unready_ms: u64,

    /// Seconds that giving all shards away may take after SIGTERM; then the rest is stopped, and waits for other nodes
    #[arg(
        long, env = "FRITZY_DRAIN_S_MAX", default_value = "30", global = true,
        value_parser = clap::value_parser!(u16).range(0..=3_600)
    )]
    pub drain_s_max: u16,
}

/// What a node can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves clients.
    Gateway,
    /// Owns shards.
    Entities,
    /// Runs the projections of its shards.
    Projections,
}

impl Default for ClusterSettings {
    /// A node that is alone.
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
            unready_ms: 0,
            drain_s_max: 30,
        }
    }
}

impl ClusterSettings {
    /// The roles.
    pub(crate) fn roles(&self) -> Roles {
        Roles {
            gateway: self.roles.contains(&Role::Gateway),
            entities: self.roles.contains(&Role::Entities),
            projections: self.roles.contains(&Role::Projections),
        }
    }
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
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
