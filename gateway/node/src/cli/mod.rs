//! The command line.

mod arguments;
mod cluster;
mod error;
mod events;
mod journal;
mod migrate;
mod output;
mod projections;
mod run;
mod runtime;
mod setting_names;
mod settings_file;
mod sources;
mod topics;

pub use run::main;
