//! The node: settings, the command line, the operators' endpoint, and the one place that puts the parts together.

mod admin;
mod banner;
mod cli;
mod cluster;
mod logging;
mod node;
mod settings;
mod signals;
mod start_error;

pub use cli::main;
pub use node::Node;
pub use settings::{ClusterSettings, LogFormat, Role, Secret, Settings};
pub use start_error::StartError;
