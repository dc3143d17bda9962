//! One file per subcommand: flags in, the library's work, text and an exit code out. Only here is anything printed.

mod display;
mod replay;

pub(crate) use replay::Replay;
