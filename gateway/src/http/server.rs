//! Accepts connections: at most so many at once, each with a time limit for the head of a request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
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

/// Read buffer of a connection, which also limits the head of a request. A query by GET has up to
/// 64 KB of URL.
const READ_BYTES_MAX: usize = 128 * 1_024;
/// Concurrent requests on one HTTP/2 connection, so that the limit on connections also limits
/// requests.
const STREAMS_MAX: u32 = 64;
/// Pause after a failed accept: without file descriptors, some connection must end first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Concurrent connections; further ones wait until one ends.
    pub max: usize,
    /// For the head of a request to arrive, including idle time before it.
    pub head_timeout: Duration,
}

/// Serves until `stopped` completes, then waits for requests in flight.
pub fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, ()> {
    // Boxed, so that hyper's part is compiled in this crate alone.
    Box::pin(serve_until(listener, routes, limits, Box::pin(stopped)))
}

async fn serve_until(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    stopped: BoxFuture<'static, ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.max.min(Semaphore::MAX_PERMITS)));
    let running = GracefulShutdown::new();
    let server = Server {
        routes,
        limits,
        builder: builder(limits),
    };
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let next = std::pin::pin!(accept(&listener, &permits));
        match select(next, &mut stopped).await {
            Either::Left((Ok((stream, permit)), _)) => {
                server.spawn_connection(stream, permit, &running)
            }
            Either::Left((Err(failure), _)) if concerns_one_connection(&failure) => {}
            Either::Left((Err(failure), _)) => {
                error!(%failure, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Either::Right(_) => break,
        }
    }
    drop(listener);
    running.shutdown().await;
}

/// Takes the permit first: excess connections wait in the listener's backlog, where they cost
/// nothing.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    Ok((listener.accept().await?.0, permit))
}

fn concerns_one_connection(failure: &io::Error) -> bool {
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
    fn spawn_connection(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
        running: &GracefulShutdown,
    ) {
        let has_request = Arc::new(AtomicBool::new(false));
        let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
        let service = service_fn({
            let has_request = has_request.clone();
            move |request: Request<Incoming>| {
                has_request.store(true, Ordering::Relaxed);
                routes.call(request)
            }
        });
        let builder = self.builder.clone();
        let watcher = running.watcher();
        let head_timeout = self.limits.head_timeout;
        tokio::spawn(async move {
            let _permit = permit;
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(watcher.watch(connection));
            // The timers of a protocol start only once the first bytes have identified it.
            let first = tokio::time::timeout(head_timeout, &mut connection).await;
            let ended = match first {
                Ok(ended) => ended,
                Err(_) if has_request.load(Ordering::Relaxed) => connection.await,
                Err(_) => return debug!("closed a connection without a request in time"),
            };
            if let Err(failure) = ended {
                // A client that disconnects is not an error of this node.
                debug!(%failure, "connection ended early");
            }
        });
    }
}
