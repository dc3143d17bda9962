//! Real servers and real nodes for tests and comparisons, a proxy that breaks connections to them,
//! and a balancer in front of nodes.
//!
//! It knows how a server is found on this machine, started on a free loopback port, broken in the
//! ways servers break, and ended so that neither a process nor a directory is left behind, even
//! when the program that started it is killed. Linux only, because it reads `/proc`.
//!
//! It is never part of a node: tests, the load tester's comparisons and `cargo xtask` use it. It
//! has no database driver (`psql` is its client) and knows nothing of the product but the command
//! line of the binary; `fritzy-testbed-shop` knows the rest. Only the balancer has a runtime, of
//! its own.

mod balancer;
mod binaries;
mod detached_server;
mod error;
mod golden;
mod kafka;
mod node;
mod os_user;
mod port;
mod postgres;
mod processes;
mod proxy;
mod reaped_dir;
mod reaper;
mod release;
mod run;
mod shared_postgres;
mod skip;
mod small_disk;
mod wait;

pub use balancer::Balancer;
pub use binaries::{POSTGRES_BIN_VARIABLE, PostgresBinaries};
pub use detached_server::{DetachedProcess, DetachedServer};
pub use error::ServiceError;
pub use golden::{GoldenFile, require_all};
pub use kafka::{
    KAFKA_LIB_VARIABLE, KafkaArtifacts, KafkaCluster, KafkaConfig, KafkaSecurity, SecurePorts,
    TansuBroker,
};
pub use node::{
    ChildProcess, ClusterSettings, ExitedProcess, LocalCluster, LocalNode, NODE_TIME_MAX,
    NodeAddresses, NodeProcess, NodeSlot, Workspace, node_binary,
};
pub use port::{free_address, free_port, is_free};
pub use postgres::{PgBouncer, PostgresConfig, PostgresServer, TlsFiles};
pub use proxy::{ChaosProxy, ClientMessage, Hold, HoldFrom};
pub use reaped_dir::ReapedDir;
pub use release::{LAST_RELEASE, last_release};
pub use shared_postgres::{TEST_POSTGRES_VARIABLE, TestPostgres, shared_postgres};
pub use skip::{function_in, skipped};
pub use small_disk::SmallDisk;
pub use wait::{blocking, poll_until, wait_until, wait_until_async};
