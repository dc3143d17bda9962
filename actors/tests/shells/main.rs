//! The shells on stores in memory: supervision, deadlines, keys, and placing orders; and on a file whose
//! commits fail.

mod commit_faults;
mod commit_faults_under_load;
mod faults;
mod faulty_commits;
mod fixtures;
mod idempotency;
mod life;
mod memory;
mod moving;
mod moving_under_load;
mod overload;
mod placing;
mod supervision;
mod two_nodes;
