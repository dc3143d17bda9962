//! The command line.

mod adopt;
mod arguments;
mod backup;
mod cluster;
mod error;
mod events;
mod journal;
mod migrate;
mod output;
mod projections;
mod restore;
mod run;
mod runtime;
mod setting_names;
mod settings_file;
mod sources;
mod topics;
mod until_signal;

pub use run::main;
