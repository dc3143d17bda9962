//! Why a node cannot be a member of its cluster.

use fritzy_types::StorageError;

/// Why a node did not join. Each message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Another running node has the same name.
    #[error(
        "a node named {name} is running{at}. Give each node a name of its own with --node-name"
    )]
    NameTaken {
        /// The name that both nodes have.
        name: String,
        /// ` at host:port` of the other node, or empty when it has no address.
        at: String,
    },
    /// The advertised address does not lead to this node.
    #[error(
        "other nodes would not reach this one at {address}: {reason}. Give the right one with --cluster-advertise"
    )]
    Address {
        /// The advertised address, `host:port`.
        address: String,
        /// What was found there.
        reason: String,
    },
    /// A node of the cluster rejects this one.
    #[error(
        "node {name} at {address} rejects this one: {reason}. All nodes of a cluster have one database, one --cluster-cookie, and a version of the protocol between nodes in common"
    )]
    Rejected {
        /// The name of the node that rejects.
        name: String,
        /// The address of the node that rejects, `host:port`.
        address: String,
        /// The reason that it gives.
        reason: String,
    },
    /// The node table cannot be read or written.
    #[error("the node table cannot be used: {0}")]
    Table(#[from] StorageError),
    /// This machine refuses a resource: a thread, an actor or a socket.
    #[error("{0}")]
    Machine(String),
}
