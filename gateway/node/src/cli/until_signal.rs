//! Runs a command's work until a signal ends it, so that its temporary files are removed.

use super::runtime::current_thread_runtime;
use crate::signals::Signals;

/// The result of `work`. On SIGTERM and SIGINT the work is dropped, and what it had begun is undone.
///
/// # Errors
/// A line: a signal came first, or the operating system refuses a runtime.
pub(super) fn until_signal<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = current_thread_runtime()?;
    let done = runtime.block_on(async {
        let signals = Signals::listen();
        let signals = signals.map_err(|failure| format!("cannot receive signals: {failure}"))?;
        tokio::select! {
            biased;
            () = signals.any() => Err("interrupted by a signal".to_owned()),
            done = work => Ok(done),
        }
    });
    // A thread that still copies must not keep this process alive.
    runtime.shutdown_background();
    done
}

/// [`until_signal`] for work that blocks its thread, which is not waited for after a signal.
///
/// # Errors
/// As [`until_signal`].
pub(super) fn blocking_until_signal<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = until_signal(async { tokio::task::spawn_blocking(work).await })?;
    done.map_err(|failure| format!("the command failed: {failure}"))
}
