//! The signals that a node handles, on a thread of their own: a node whose runtime hangs must still
//! end. It listens for them before it starts: a signal that arrives right after the port is printed
//! must stop it gracefully, too.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use rustix::process::Signal as Number;
use tokio::runtime::{self, Handle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

/// A task on the node's runtime must run within this time while it stops. On a machine without free
/// cores it runs late, by some tenths of a second.
const RUNTIME_MAX: Duration = Duration::from_secs(5);
/// Between two such tasks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// For the last line of the log to be written.
const LAST_LINE_MAX: Duration = Duration::from_millis(100);
/// The exit code of a node that did not stop gracefully.
const NOT_GRACEFUL: i32 = 1;

/// The first SIGTERM or SIGINT, received from the creation of this value on.
pub(crate) struct Signals(watch::Receiver<bool>);

/// What the thread receives.
struct Received {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Never read. A write beyond the limit on the size of files (`ulimit -f`) sends SIGXFSZ, which
    /// would end the process; received, it leaves a failed write, as a full disk does.
    _file_size: Signal,
}

impl Signals {
    /// Starts listening, for a node on the current runtime.
    ///
    /// # Errors
    /// When the operating system refuses the thread or the handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        let node = Handle::current();
        let own = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let received = {
            let _entered = own.enter();
            Received::listen()?
        };
        let (stop, stopping) = watch::channel(false);
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || own.block_on(handle(received, node, stop)))?;
        Ok(Self(stopping))
    }

    /// Returns when one of them has been received.
    pub(crate) async fn any(mut self) {
        if self.0.wait_for(|stopping| *stopping).await.is_err() {
            // The thread has died, and with it the handlers.
            std::future::pending::<()>().await;
        }
    }
}

impl Received {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?,
        })
    }

    /// The next signal that stops a node.
    async fn next_stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    info!("SIGHUP is ignored: settings are read when a node starts");
                }
            }
        }
    }
}

/// Passes the first signal on. Ends the process at the second one, or when the node hangs.
async fn handle(mut received: Received, node: Handle, stop: watch::Sender<bool>) {
    let first = received.next_stop().await;
    info!("{first}: stopping");
    stop.send_replace(true);
    tokio::select! {
        second = received.next_stop() => warn!("{second} again: ending at once"),
        () = hung(&node) => error!(
            "no task has run for {RUNTIME_MAX:?} while the node stops: it hangs, and is ended"
        ),
    }
    sleep(LAST_LINE_MAX).await;
    process::exit(NOT_GRACEFUL);
}

/// Returns when a task on the node's runtime has not run in time.
async fn hung(node: &Handle) {
    loop {
        let (ran, running) = oneshot::channel();
        node.spawn(async move { ran.send(()) });
        if timeout(RUNTIME_MAX, running).await.is_err() {
            return;
        }
        sleep(CHECK_INTERVAL).await;
    }
}
