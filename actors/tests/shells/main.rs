//! The actors on in-memory stores: supervision, deadlines, idempotency keys, and placing orders;
//! and on a SQLite file whose commits fail.

mod audit;
mod commit_faults;
mod commit_faults_under_load;
mod entity_lifecycle;
mod faults;
mod faulty_commits;
mod fixtures;
mod idempotency;
mod memory;
mod moving;
mod moving_under_load;
mod overload;
mod placing;
mod supervision;
mod two_nodes;
