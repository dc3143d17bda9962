//! What must hold for a run, judged from what clients have seen and what is left in the database.

mod chain;
mod journal;
mod kafka;
mod linearizability;
mod loss;
mod specification;
#[cfg(test)]
mod tests;
mod verdict;

pub use journal::{Journal, check_journal};
pub use kafka::check_kafka;
pub use linearizability::check_linearizability;
pub use loss::{Loss, Losses};
pub use verdict::{Finding, Verdict};
