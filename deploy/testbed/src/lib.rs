//! Real servers for tests and comparisons, a proxy that breaks the way to them, and a balancer in front of nodes.
//!
//! It owns the knowledge of how a server is found on this machine, started on a free loopback port, broken in the ways
//! servers break, and ended so that nothing is left behind: neither a process nor a folder, even when the program that
//! started it is killed. Linux only, because it looks at processes through `/proc`.
//!
//! It never becomes part of a node: tests, the load tester's comparisons and `cargo xtask` use it. It has no
//! driver: `psql` is its client, threads move its bytes. Only the balancer has a runtime, of its own.

mod account;
mod balancer;
mod binaries;
mod error;
mod for_tests;
mod guardian;
mod kafka;
mod left;
mod port;
mod postgres;
mod processes;
mod proxy;
mod run;
mod skipped;
mod watched;

pub use balancer::Balancer;
pub use binaries::{POSTGRES_BIN_VARIABLE, PostgresBinaries};
pub use error::ServiceError;
pub use for_tests::{TEST_POSTGRES_VARIABLE, TestPostgres, postgres_for_tests};
pub use kafka::{
    KAFKA_LIB_VARIABLE, KafkaArtifacts, KafkaCluster, KafkaConfig, KafkaSecurity, SecurePorts,
    TansuBroker,
};
pub use left::{LeftProcess, LeftRunning};
pub use port::{free_port, is_free};
pub use postgres::{PostgresConfig, PostgresServer, TlsFiles};
pub use proxy::{ChaosProxy, ClientMessage, Hold, HoldFrom};
pub use skipped::skipped;
pub use watched::WatchedFolder;
