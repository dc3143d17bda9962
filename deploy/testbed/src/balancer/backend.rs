//! One backend: its readiness, and its idle connections.
//!
//! A pooled connection is a risk. When the backend closes it while a request is being sent, nobody
//! knows whether the request was executed. A new connection per request avoids that, but costs a
//! connect and a task in the backend, which load tests would measure. So connections are pooled
//! only **while the backend is ready**. When it becomes unready, idle connections are closed at
//! once, and those in use after their response. A node continues to serve for `--unready-ms` after
//! it has become unready, which is longer than this module needs to notice. By the time the node
//! closes connections, none of them is in the pool. Connections are also closed when idle: a node
//! does so after a minute, this module after some seconds.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::readiness;

/// Enough on one machine, or within one data center.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Far below the minute after which a node closes an idle connection.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Idle connections of one backend.
const IDLE_CONNECTIONS_MAX: usize = 512;

#[derive(Debug)]
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// `None` where a test sets the readiness.
    _following: Option<AbortOnDropHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    is_ready: bool,
    /// How often it has become unready. A connection of an earlier period is not pooled again.
    times: u64,
    /// The most recently used one is the last.
    idle: Vec<(SendRequest<Incoming>, Instant)>,
}

/// A connection in use by one request.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Incoming>,
    times: u64,
}

impl Backend {
    /// A backend that is unready at first. Its readiness is polled until it is dropped.
    pub(super) fn followed(address: SocketAddr) -> Self {
        let unfollowed = Self::unfollowed(address);
        let state = unfollowed.state.clone();
        let following = readiness::follow(address, move |is_ready| set_ready(&state, is_ready));
        Self {
            _following: Some(AbortOnDropHandle::new(tokio::spawn(following))),
            ..unfollowed
        }
    }

    /// A backend that is unready at first, and not polled.
    pub(super) fn unfollowed(address: SocketAddr) -> Self {
        Self {
            address,
            state: Arc::default(),
            _following: None,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state().is_ready
    }

    #[cfg(test)]
    pub(super) fn set_ready(&self, is_ready: bool) {
        set_ready(&self.state, is_ready);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.state().idle.len()
    }

    /// An idle connection, or a new one.
    ///
    /// # Errors
    /// When the backend cannot be connected to. Nothing was sent.
    pub(super) async fn connection(&self) -> io::Result<Connection> {
        let times = match self.waiting() {
            Ok(connection) => return Ok(connection),
            Err(times) => times,
        };
        let connecting = timeout(CONNECT_MAX, TcpStream::connect(self.address)).await;
        let stream = connecting.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // The request that uses the connection sees how it ends.
        tokio::spawn(connection);
        Ok(Connection { sender, times })
    }

    /// An idle connection, or the period that a new one belongs to.
    fn waiting(&self) -> Result<Connection, u64> {
        let mut state = self.state();
        let times = state.times;
        while let Some(idle) = state.idle.pop() {
            if is_fresh(&idle) && idle.0.is_ready() {
                let (sender, _) = idle;
                return Ok(Connection { sender, times });
            }
        }
        Err(times)
    }

    /// Returns a connection to the pool once its response is complete.
    pub(super) fn keep(&self, connection: Connection) {
        let mut state = self.state();
        let belongs = state.is_ready && state.times == connection.times;
        if belongs && state.idle.len() < IDLE_CONNECTIONS_MAX {
            state.idle.push((connection.sender, Instant::now()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Sets the readiness, and closes the connections that must not be pooled any more.
fn set_ready(state: &Mutex<State>, is_ready: bool) {
    let mut state = lock(state);
    if state.is_ready && !is_ready {
        state.times += 1;
        state.idle.clear();
    }
    state.is_ready = is_ready;
    state.idle.retain(is_fresh);
}

/// A panic under this lock leaves nothing half done.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_fresh(idle: &(SendRequest<Incoming>, Instant)) -> bool {
    !idle.0.is_closed() && idle.1.elapsed() < IDLE_MAX
}
