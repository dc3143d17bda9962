//! Serves one connection until it ends, the node stops, or the client no longer uses it.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use warp::filters::BoxedFilter;
use warp::http::Request;
use warp::reply::Response;

use super::activity::{Activity, Counted, Executing};
use super::sent_body::SentBody;
use super::streams::{self, StreamExecutor};

/// Read buffer of a connection, which also limits the head of a request. A query by GET has up to
/// 64 KB of URL.
const READ_BYTES_MAX: usize = 128 * 1_024;
/// Concurrent requests on one HTTP/2 connection, so that the limit on connections also limits
/// requests.
const STREAMS_MAX: u32 = 64;
/// For the client of an idle HTTP/2 connection to acknowledge that it is closed: a request that it
/// sent meanwhile is then either answered or certainly not executed.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Serves connections, all with the same limits.
#[derive(Clone)]
pub(super) struct ConnectionServer {
    routes: BoxedFilter<(Response,)>,
    builder: Builder<StreamExecutor>,
    idle_max: Duration,
    stopped: CancellationToken,
}

/// Why a connection is closed before its client closes it.
#[derive(Clone, Copy, Debug)]
enum Closing {
    Idle,
    Stopped,
}

impl ConnectionServer {
    /// A connection is closed after `idle_max` without a request or progress of a response, and
    /// after its requests in flight once `stopped` is cancelled.
    pub(super) fn new(
        routes: BoxedFilter<(Response,)>,
        idle_max: Duration,
        stopped: CancellationToken,
    ) -> Self {
        let executor = StreamExecutor {
            stall_max: idle_max,
        };
        let mut builder = Builder::new(executor);
        // The time for the head of a request is part of the idle time.
        builder
            .http1()
            .header_read_timeout(None)
            .max_buf_size(READ_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(idle_max)
            .max_concurrent_streams(STREAMS_MAX);
        Self {
            routes,
            builder,
            idle_max,
            stopped,
        }
    }

    pub(super) async fn serve(self, stream: TcpStream) {
        let activity = Arc::new(Activity::new());
        let routes = TowerToHyperService::new(warp::service(self.routes));
        let service = service_fn(|request: Request<Incoming>| {
            let responding = routes.call(request);
            let connection = activity.clone();
            async move {
                let stream = streams::current();
                let executing = Executing::begin(Counted { connection, stream });
                let response = responding.await?;
                let sending = executing.respond();
                Ok::<_, Infallible>(response.map(|body| SentBody::new(body, sending)))
            }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let closing = tokio::select! {
            ended = &mut connection => return log_end(ended),
            () = idle(&activity, self.idle_max) => Closing::Idle,
            () = self.stopped.cancelled() => Closing::Stopped,
        };
        connection.as_mut().graceful_shutdown();
        match closing {
            Closing::Stopped => log_end(connection.await),
            Closing::Idle => end_idle(connection, &activity).await,
        }
    }
}

/// Returns when nothing has happened on a connection for `idle_max`.
async fn idle(activity: &Activity, idle_max: Duration) {
    loop {
        let idle = activity.idle();
        if idle >= idle_max {
            return;
        }
        sleep(idle_max - idle).await;
    }
}

/// Gives an idle connection time to end in order, and to respond to a request that was under way.
async fn end_idle<E: std::fmt::Display>(
    mut connection: Pin<&mut impl Future<Output = Result<(), E>>>,
    activity: &Activity,
) {
    loop {
        if let Ok(ended) = timeout(GOODBYE_MAX, connection.as_mut()).await {
            return log_end(ended);
        }
        if !activity.is_executing() {
            return debug!("closed an idle connection");
        }
    }
}

fn log_end<E: std::fmt::Display>(ended: Result<(), E>) {
    if let Err(failure) = ended {
        // A client that disconnects is not an error of this node.
        debug!(%failure, "connection ended early");
    }
}
