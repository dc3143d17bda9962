//! Nodes, shards and the way between them: who is there, who owns which shard, and how a request gets to its owner.
//! Knows nothing of accounts, products or orders, and nothing of how a shard does its work.

mod accepting;
pub mod aside;
mod calling;
pub mod codec;
mod connections;
mod farewell;
mod gate;
mod guarded;
mod handing_over;
mod hello;
mod joining;
mod keeper;
mod lease;
mod link;
mod liveness;
mod member;
mod peers;
mod placement;
mod rebalance;
mod renewing;
mod router;
mod shard_map;
pub mod trace;
mod wire;

pub use gate::{Heard, PeerNotice};
pub use hello::Identity;
pub use lease::{BootTime, LeaseGeneration, LocalLease, TTL};
pub use link::AskError;
pub use liveness::{FailureDetector, WATCHED_MAX, watched};
pub use member::{Member, MemberConfig, MemberError, MemberStatus, Network, ShardLifecycle};
pub use peers::{PeerStatus, Peers, Remote};
pub use placement::{Placement, place, preference};
pub use rebalance::{Plan, Planner, STABLE_FOR, View};
pub use router::{HostError, Router, ShardHost};
pub use shard_map::{ShardLocation, ShardMap};
pub use wire::{News, Reply, Trace, WIRE_MAX, WIRE_MIN, WireFailure};
