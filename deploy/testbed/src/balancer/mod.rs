//! A small HTTP balancer that follows readiness, as balancers of real clusters do: for tests, and
//! for local clusters.
//!
//! Each request goes to the next ready backend, and its body and response are streamed. **Nothing
//! is sent twice**: only when a backend has refused the connection, so that nothing of the request
//! can have reached it, another one is tried. Clients that need more use idempotency keys and retry
//! themselves.

mod backend;
mod forward;
mod readiness;
#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::error::ServiceError;
use backend::Backend;

/// Client connections at once; further ones wait in the listener's queue. A node accepts as many.
const CONNECTIONS_MAX: usize = 4_096;
/// For the head of a request, idle time included: as long as a node gives its clients.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// Without free file descriptors, a connection must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A balancer that runs until it is dropped. It has its own thread, and needs no runtime of its
/// caller.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    backends: Arc<Backends>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Balancer {
    /// Listens on an address, for these backends. None of them is ready before its first successful
    /// check.
    ///
    /// # Errors
    /// When the address cannot be listened on, or no thread be started.
    pub fn start(listen: SocketAddr, backends: &[SocketAddr]) -> Result<Self, ServiceError> {
        let cannot = |what: String| move |source| ServiceError::Io { what, source };
        let listener = TcpListener::bind(listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(cannot(format!("listen on {listen}")))?;
        let address = listener
            .local_addr()
            .map_err(cannot(format!("listen on {listen}")))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("balancer")
            .enable_all()
            .build()
            .map_err(cannot("start a thread".to_owned()))?;
        let started = Self {
            address,
            backends: Arc::default(),
            runtime: Some(runtime),
        };
        started.set_backends(backends);
        let serving = serve(listener, started.backends.clone());
        started.runtime().spawn(serving);
        Ok(started)
    }

    /// The address on which it listens; a requested port 0 is replaced by the real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the backends. Those that stay keep their readiness and connections.
    pub fn set_backends(&self, addresses: &[SocketAddr]) {
        let _context = self.runtime().enter();
        let known = self.backends.all();
        let backend = |address: &SocketAddr| {
            let stays = known.iter().find(|backend| backend.address == *address);
            stays.map_or_else(|| Arc::new(Backend::followed(*address)), Arc::clone)
        };
        self.backends
            .replace(addresses.iter().map(backend).collect());
    }

    /// The backends that are ready.
    #[must_use]
    pub fn ready(&self) -> Vec<SocketAddr> {
        let ready = self.backends.ready();
        ready.iter().map(|backend| backend.address).collect()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only by the drop")
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped within another runtime, which must not be blocked.
            runtime.shutdown_background();
        }
    }
}

/// The backends, and which one is next.
#[derive(Debug, Default)]
struct Backends {
    all: RwLock<Arc<[Arc<Backend>]>>,
    turn: AtomicUsize,
}

impl Backends {
    fn all(&self) -> Arc<[Arc<Backend>]> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }

    fn replace(&self, all: Vec<Arc<Backend>>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all.into();
    }

    fn ready(&self) -> Vec<Arc<Backend>> {
        let all = self.all();
        all.iter().filter(|one| one.is_ready()).cloned().collect()
    }

    /// The ready backends, in the order in which one request tries them.
    fn in_turn(&self) -> Vec<Arc<Backend>> {
        let mut ready = self.ready();
        if !ready.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % ready.len();
            ready.rotate_left(first);
        }
        ready
    }
}

async fn serve(listener: TcpListener, backends: Arc<Backends>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = places.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = serve_one(stream, backends.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve_one(stream: TcpStream, backends: Arc<Backends>) {
    // Small responses are sent at once; a failure here is harmless.
    drop(stream.set_nodelay(true));
    let forwarding = service_fn(move |request| {
        let backends = backends.clone();
        async move { Ok::<_, hyper::Error>(forward::forward(&backends, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), forwarding);
    // A client may disconnect at any time.
    drop(served.await);
}
