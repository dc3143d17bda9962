//! One file per subcommand: flags in, the library's work, text and an exit code out. Only here is anything printed.

mod ceiling_server;
mod compare;
mod display;
mod replay;
mod run;

pub(crate) use ceiling_server::CeilingServer;
pub(crate) use compare::Compare;
pub(crate) use replay::Replay;
pub(crate) use run::Run;

/// What a shell answers for a process that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;
