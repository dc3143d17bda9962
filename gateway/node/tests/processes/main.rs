//! The binary as people and orchestrators meet it: started, refused, asked, ended, killed; on a disk that is
//! full, and under the eyes of a tracer.

#[path = "../../../../actors/tests/shells/audit.rs"]
mod audit;
#[path = "../../../../actors/kafka/tests/brokers/brokers.rs"]
#[allow(dead_code, reason = "the bridge's own tests do more to brokers")]
mod brokers;
#[path = "../client/mod.rs"]
mod client;
#[path = "../../../../actors/kafka/tests/brokers/console.rs"]
mod console;
#[path = "../../../../actors/kafka/tests/brokers/consumed.rs"]
#[allow(dead_code, reason = "the bridge's own tests look closer")]
mod consumed;

mod cluster_admin;
mod cluster_mishaps;
mod database;
mod events_tail;
mod first_start;
mod full_disk;
mod killed;
mod large_answers;
mod logs;
mod moving_bridges;
mod node_process;
mod operated;
mod printed;
mod refused_starts;
mod shop_clients;
mod signals;
mod sync_faults;
mod temporary_files;
mod trace;
mod traced;
mod verify;
