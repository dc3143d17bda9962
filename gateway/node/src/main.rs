//! The `fritzy` binary; everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests, the journal and the Kafka client allocate memory on one thread and free it on another,
/// which mimalloc handles well.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    fritzy_node::main()
}
