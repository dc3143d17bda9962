//! The stores on a PostgreSQL server: a few committers with a connection each, and a pool for
//! reading.

mod backend;
mod backup;
mod batch_statement;
mod client_tools;
mod committer_connection;
mod config;
mod connect_error;
mod contents;
mod continuity;
mod cursor_table;
mod cursors;
mod database_lock;
mod database_url;
mod dedicated_connection;
mod error;
mod error_class;
mod generations;
mod hosts;
mod journal;
mod membership;
mod migrations;
mod open;
mod ownership;
mod read_model;
mod read_pool;
mod replica;
mod restore;
mod row;
mod save_cursors;
mod schema;
mod server;
mod server_facts;
mod session;
mod settle;
mod tail;
mod unnest;
mod verify;
mod write;

pub use backup::backup_postgres;
pub use config::{PostgresConfig, Sharing};
pub use database_url::{DatabaseUrl, without_password};
pub use error::PostgresError;
pub use restore::{PostgresRestore, raise_postgres_generation, restore_postgres};
pub use schema::migrate_postgres;
pub use verify::verify_postgres;
