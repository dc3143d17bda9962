//! Signals that end the cluster.

use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use super::control::ClusterEvent;

/// Passes Ctrl-C, SIGTERM and SIGHUP on as events, in the background.
///
/// # Errors
/// When the handlers cannot be installed.
pub(super) fn listen(events: Sender<ClusterEvent>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let context = runtime.enter();
    let [mut interrupt, mut terminate, mut hangup] = match kinds.map(signal) {
        [Ok(interrupt), Ok(terminate), Ok(hangup)] => [interrupt, terminate, hangup],
        _ => anyhow::bail!("cannot install signal handlers"),
    };
    drop(context);
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if events.send(ClusterEvent::Shutdown).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
