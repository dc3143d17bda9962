//! The `fritzy` binary: everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests, the journal and Kafka's client take memory in one thread and give it back in another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    fritzy_node::main()
}
