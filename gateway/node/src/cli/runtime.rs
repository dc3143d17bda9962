//! The runtime of commands that need no node.

use tokio::runtime::{Builder, Runtime};

/// A runtime on the current thread.
///
/// # Errors
/// A line that says why the operating system refuses it.
pub(super) fn current_thread_runtime() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|failure| format!("the runtime does not start: {failure}"))
}
