//! The front end: settings, the GraphQL schema, HTTP, and the one place that puts the parts together.
//! No rule of the shop is here; what a client sends is passed on as it was written.

mod admin;
mod banner;
mod ceiling;
mod cli;
mod cluster_settings;
mod clustered;
mod database_url;
mod graphql;
mod http;
mod kafka_properties;
mod logging;
mod node;
mod settings;
mod signals;
mod start_error;

pub use ceiling::Ceiling;
pub use cli::main;
pub use cluster_settings::{ClusterSettings, Role, Secret};
pub use node::Node;
pub use settings::{LogFormat, Settings};
pub use start_error::StartError;
