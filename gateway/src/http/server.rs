//! Connections: how many there are at once, and how long each may take to say what it wants.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, error};
use warp::filters::BoxedFilter;
use warp::http::Request;
use warp::reply::Response;

/// Bytes a connection reads ahead, and so of a head at most. A query by GET has 64 KB of address.
const READ_BYTES_MAX: usize = 128 * 1_024;
/// Requests at once on one HTTP/2 connection, so that the bound on connections bounds them as well.
const STREAMS_MAX: u32 = 64;
/// When there are no more file descriptors, some connection must end first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at once; one more waits until another ends.
    pub max: usize,
    /// For the head of a request to arrive, idleness before it included.
    pub head_timeout: Duration,
}

/// Serves until `stopped`, then lets running requests finish.
pub async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    stopped: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.max.min(Semaphore::MAX_PERMITS)));
    let running = GracefulShutdown::new();
    let server = Server {
        routes,
        limits,
        builder: builder(limits),
    };
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let next = std::pin::pin!(next(&listener, &places));
        match select(next, &mut stopped).await {
            Either::Left((Ok((stream, place)), _)) => server.begin(stream, place, &running),
            Either::Left((Err(failure), _)) if is_of_one_connection(&failure) => {}
            Either::Left((Err(failure), _)) => {
                error!(%failure, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Either::Right(_) => break,
        }
    }
    drop(listener);
    running.shutdown().await;
}

/// A place first: one connection too many waits in the listener's queue, where it costs nothing.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await;
    let place = place.expect("the semaphore is never closed");
    Ok((listener.accept().await?.0, place))
}

fn is_of_one_connection(failure: &io::Error) -> bool {
    matches!(
        failure.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

fn builder(limits: ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(READ_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head_timeout)
        .max_concurrent_streams(STREAMS_MAX);
    builder
}

struct Server {
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    builder: Builder<TokioExecutor>,
}

impl Server {
    fn begin(&self, stream: TcpStream, place: OwnedSemaphorePermit, running: &GracefulShutdown) {
        let asked = Arc::new(AtomicBool::new(false));
        let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
        let service = service_fn({
            let asked = asked.clone();
            move |request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                routes.call(request)
            }
        });
        let builder = self.builder.clone();
        let watcher = running.watcher();
        let head_timeout = self.limits.head_timeout;
        tokio::spawn(async move {
            let _place = place;
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(watcher.watch(connection));
            // Before the first bytes tell the protocol, no timer of it runs yet.
            let first = tokio::time::timeout(head_timeout, &mut connection).await;
            let ended = match first {
                Ok(ended) => ended,
                Err(_) if asked.load(Ordering::Relaxed) => connection.await,
                Err(_) => return debug!("a connection asked for nothing in time"),
            };
            if let Err(failure) = ended {
                // A client that hangs up is no error of ours.
                debug!(%failure, "a connection broke off");
            }
        });
    }
}
