//! How a node takes part in its cluster.

use std::sync::Arc;

use fritzy_types::Roles;
use tokio::net::TcpListener;

use crate::membership::progress::StallCheck;

/// The identity of a node, and its place in the network.
#[derive(Clone)]
pub struct MemberConfig {
    /// The node's name; unique among the running nodes of a cluster.
    pub name: String,
    /// How other nodes reach this one.
    pub network: Network,
    /// Which work the node takes.
    pub roles: Roles,
    /// The version of the node's program, for people.
    pub program: String,
    /// The id of the database; nodes connect only if theirs is the same.
    pub database: String,
    /// Says what of the node stands still, besides its runtime and its address. While something
    /// does, no heartbeat is sent.
    pub stalled: StallCheck,
}

/// A node's place in the network.
#[derive(Clone)]
pub struct Network {
    /// The address that other nodes dial, `host:port`.
    pub address: String,
    /// The secret that all nodes of the cluster share.
    pub cookie: String,
    /// The socket on which connections from other nodes are accepted.
    pub listener: Arc<TcpListener>,
}
