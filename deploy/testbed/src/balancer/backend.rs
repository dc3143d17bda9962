//! One backend: whether it is ready, and the connections to it that wait for their next request.
//!
//! A pooled connection is a risk: when the backend closes it at the moment in which a request is sent, nobody knows whether
//! the request was done. A new connection for each request has no such moment, but costs a connect and a task of the backend each time,
//! which load tests would measure. So connections are kept, but only **while the backend is ready**: the moment it is not, those that wait are closed, and
//! those in use are closed after their answer. A node serves on for `--unready-ms` after it has become unready, which is
//! longer than it takes to notice; so by the time it closes connections, none of them is in this pool. The other reason to
//! close one is idleness, after which a node waits a minute; here it waits some seconds.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::readiness;

/// On one machine, or in one data centre.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// Far below the minute after which a node closes an idle connection.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Connections that wait, for each backend.
const IDLE_CONNECTIONS_MAX: usize = 512;

/// A backend.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// `None` where a test says what is ready.
    following: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct State {
    is_ready: bool,
    /// How often it has ceased to be ready: connections belong to the time before.
    times: u64,
    /// The one used last is the last.
    idle: Vec<(SendRequest<Incoming>, Instant)>,
}

/// A connection that is used by one request.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Incoming>,
    times: u64,
}

impl Backend {
    /// One that is not ready yet, and whose readiness is followed until it is dropped.
    pub(super) fn followed(address: SocketAddr) -> Self {
        let mut backend = Self::unfollowed(address);
        let state = backend.state.clone();
        let following = readiness::follow(address, move |is_ready| set_ready(&state, is_ready));
        backend.following = Some(tokio::spawn(following).abort_handle());
        backend
    }

    /// One that is not ready yet.
    pub(super) fn unfollowed(address: SocketAddr) -> Self {
        Self {
            address,
            state: Arc::default(),
            following: None,
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

    /// A connection that waits, or a new one.
    ///
    /// # Errors
    /// Why there is none. Nothing was sent.
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
        // How it ends is told to the request that uses it.
        tokio::spawn(connection);
        Ok(Connection { sender, times })
    }

    /// One that waits, or to which time a new one will belong.
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

    /// Keeps a connection, whose answer is at its end, for the next request.
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

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

/// Notes it, and closes connections that should not be kept.
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
