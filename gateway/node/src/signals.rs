//! The signals that stop a node, and one that must not. It listens for them before it starts: a signal
//! that arrives right after the port is printed must stop it gracefully, too.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGTERM and SIGINT, received from the creation of this value on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Never read. A write beyond the limit on the size of files (`ulimit -f`) sends SIGXFSZ, which
    /// would end the process; received, it leaves a failed write, as a full disk does.
    _file_size: Signal,
}

impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// When the operating system refuses to register the handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_size: signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?,
        })
    }

    /// Returns when one of them has been received.
    pub(crate) async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => info!("SIGINT: stopping"),
        }
    }
}
