//! The node: settings, command line, admin API, and the only place that assembles the components.

mod admin;
mod banner;
mod cli;
mod cluster;
mod data_folder;
mod documents;
mod listening;
mod logging;
mod node;
mod open_files;
mod projections;
mod settings;
mod signals;
mod start_error;

pub use cli::main;
pub use node::Node;
pub use settings::{
    ClusterSettings, FrontSettings, ListenAddress, LogFormat, Role, Secret, Settings, Switch,
};
pub use start_error::StartError;
