//! Nodes, shards and the transport between them: which nodes are members, which node owns which
//! shard, and how a request reaches the owner. It knows neither which entities a shard holds nor
//! how the shard handles a request.

mod membership;
mod placement;
mod protocol;
mod routing;
mod transport;

pub use membership::config::{MemberConfig, Network};
pub use membership::error::MemberError;
pub use membership::failure_detector::{FailureDetector, WATCHED_MAX, watched};
pub use membership::lease::{BootTime, LeaseGeneration, LocalLease, TTL};
pub use membership::member::Member;
pub use membership::progress::StallCheck;
pub use membership::shard_lifecycle::ShardLifecycle;
pub use membership::silence::SilentPeer;
pub use membership::status::MemberStatus;
pub use placement::rebalance::{Plan, Planner, STABLE_FOR, View};
pub use placement::rendezvous::{Placement, assign, preference};
pub use protocol::frame::{OwnershipUpdate, Reply, Trace, WIRE_MAX, WIRE_MIN, WireFailure};
pub use protocol::{codec, trace_context};
pub use routing::admission;
pub use routing::host::{HostError, ShardHost};
pub use routing::remote::{AskError, PeerStatus, Remote};
pub use routing::router::Router;
pub use routing::shard_map::{ShardLocation, ShardMap};
pub use transport::handshake::Identity;
pub use transport::peers::Peers;
pub use transport::shared::{OwnershipRecord, PeerNotice};
