//! Which node should own which shard, and the moves that lead there. Pure computation, no I/O.

pub(crate) mod rebalance;
pub(crate) mod rendezvous;
