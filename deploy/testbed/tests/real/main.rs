//! The servers and the proxy, tried on a real PostgreSQL with its own clients.

mod kafka;
mod lifecycle;
mod proxy_faults;
mod proxy_holds;
mod psql;
mod shared;
mod standby;
mod unattended;

use fritzy_testbed::{PostgresConfig, PostgresServer, skipped};

/// A server of one's own; `None`, and said so, where there is no PostgreSQL.
fn server(test: &str, config: PostgresConfig) -> Option<PostgresServer> {
    match PostgresServer::start(config) {
        Ok(server) => Some(server),
        Err(error) if error.is_missing() => {
            skipped(test, &error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Makes something that a transaction commits, and that can be asked for without a table.
fn make(name: &str) -> String {
    format!("CREATE SEQUENCE {name}")
}

/// Whether it is there: `t` or `f`.
fn is_there(name: &str) -> String {
    format!("SELECT to_regclass('{name}') IS NOT NULL")
}
