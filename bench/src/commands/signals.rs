//! The signals that end a run.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Returns after SIGINT, SIGTERM or SIGHUP.
pub(super) async fn signalled() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
