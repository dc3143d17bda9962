//! Nodes, shards and the way between them: who is there, who owns which shard, and how a request gets to its owner.
//! Knows nothing of accounts, products or orders, and nothing of how a shard does its work.

mod membership;
mod placement;
mod protocol;
mod routing;
mod transport;

pub use membership::failure_detector::{FailureDetector, WATCHED_MAX, watched};
pub use membership::lease::{BootTime, LeaseGeneration, LocalLease, TTL};
pub use membership::member::{
    Member, MemberConfig, MemberError, MemberStatus, Network, ShardLifecycle,
};
pub use placement::rebalance::{Plan, Planner, STABLE_FOR, View};
pub use placement::rendezvous::{Placement, place, preference};
pub use protocol::frame::{News, Reply, Trace, WIRE_MAX, WIRE_MIN, WireFailure};
pub use protocol::{codec, trace_context};
pub use routing::admission;
pub use routing::router::{HostError, Router, ShardHost};
pub use routing::shard_map::{ShardLocation, ShardMap};
pub use transport::connection::AskError;
pub use transport::dispatcher::{Heard, PeerNotice};
pub use transport::handshake::Identity;
pub use transport::peers::{PeerStatus, Peers, Remote};
