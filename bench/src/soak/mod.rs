//! The soak: a cluster under mixed load, with a fault every half minute, for minutes or hours.
//!
//! It starts PostgreSQL, nodes and proxies itself. Clients own their entities, so that each knows
//! what no response may contradict ([`ledger`]). Probes write to every shard, so that it is known
//! when each is served again ([`probe`], [`recovery`]). Processes are sampled each minute
//! ([`sample`], [`growth`]). In the end, everything acknowledged is read back ([`read_back`]), and
//! the journal is verified.
//!
//! Architecture Invariant: what is judged is pure (`ledger`, `recovery`, `growth`, `plan`) and
//! tested with made-up observations. Only `cluster`, `sample` and `api` touch processes.

mod api;
mod client;
mod cluster;
mod counts;
mod faults;
mod growth;
mod ledger;
mod options;
mod plan;
mod probe;
mod read_back;
mod recovery;
mod report;
mod run;
mod sample;
mod sampler;
mod shared;
mod table;

pub use counts::{Counts, Latency, UnknownOutcome};
pub use faults::FaultRecord;
pub use growth::{Growth, Verdict};
pub use ledger::{WrongAnswer, WrongKind};
pub use options::SoakOptions;
pub use plan::SoakFault;
pub use report::{FailOver, SoakReport, SoakSettings};
pub use run::{Progress, soak};
pub use sample::{NodeSample, Sample};
