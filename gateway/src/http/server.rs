//! Accepts connections: at most so many at once, each with a time limit for being idle.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::connection::ConnectionServer;

/// Pause after a failed accept: without file descriptors, some connection must end first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Unsent bytes that the system keeps of a connection. By default it takes megabytes at once, so
/// that a client that reads slowly would look like one that reads nothing. Sent bytes in flight are
/// not limited by it.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES_MAX: u32 = 128 * 1_024;

/// The limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Concurrent connections; further ones wait until one ends.
    pub max: usize,
    /// For the head of a request to arrive, including idle time before it, and for a client to take
    /// a further part of a response.
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
    mut stopped: BoxFuture<'static, ()>,
) {
    bound_unsent_bytes(&listener);
    let permits = Arc::new(Semaphore::new(limits.max.min(Semaphore::MAX_PERMITS)));
    let stop = CancellationToken::new();
    let server = ConnectionServer::new(routes, limits.head_timeout, stop.clone());
    let running = TaskTracker::new();
    loop {
        let next = std::pin::pin!(accept(&listener, &permits));
        match select(next, &mut stopped).await {
            Either::Left((Ok((stream, permit)), _)) => {
                let serving = server.clone().serve(stream);
                running.spawn(async move {
                    let _permit = permit;
                    serving.await;
                });
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
    stop.cancel();
    running.close();
    running.wait().await;
}

/// Accepted connections inherit it. Where the system refuses, slow readers are closed earlier.
fn bound_unsent_bytes(_listener: &TcpListener) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(failure) = socket2::SockRef::from(_listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
    {
        tracing::debug!(%failure, "cannot limit what the system keeps unsent");
    }
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
