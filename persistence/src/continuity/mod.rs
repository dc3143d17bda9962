//! Whether a database still has everything that this node has seen in it.
//!
//! A database can go backwards: an asynchronous standby is promoted without the last writes, or a
//! backup is restored under running nodes. Neither its log position nor its identifiers tell
//! reliably. The proof is in our own rows: the last event that this node has seen in a shard must
//! still be there, with its id, and no shard may have a lower epoch than this node was granted.

mod cause;
mod known_claims;
mod known_heads;
mod loss;
mod metrics;
mod verdict;

pub(crate) use cause::Cause;
pub(crate) use known_claims::{KnownClaim, KnownClaims};
pub(crate) use known_heads::{KnownHead, KnownHeads};
pub(crate) use loss::went_backwards;
pub use loss::{LostRange, describe_lost};
pub(crate) use metrics::GenerationMetrics;
pub(crate) use verdict::{GenerationId, Sighting, Verdict, judge};
