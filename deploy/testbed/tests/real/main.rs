//! The servers and the proxy, tested with a real PostgreSQL and its own clients.

mod kafka;
mod lifecycle;
mod proxy_faults;
mod proxy_holds;
mod psql;
mod shared_postgres;
mod standby;
mod unattended;

/// SQL that creates something in a transaction, visible without a table.
fn make(name: &str) -> String {
    format!("CREATE SEQUENCE {name}")
}

/// SQL that returns whether it exists: `t` or `f`.
fn is_there(name: &str) -> String {
    format!("SELECT to_regclass('{name}') IS NOT NULL")
}
