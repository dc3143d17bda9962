//! The endpoint for those who operate the cluster, on a port of its own: how it stands, and what can be done about it.
//! Whoever asks shows the token before anything else is looked at.

mod build_views;
mod endpoint;
mod node_lookup;
mod service;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fritzy_gateway::{ConnectionLimits, serve};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tracing::{info, warn};

use crate::settings::{ClusterSettings, Secret};
use crate::start_error::StartError;

pub(crate) use service::Desk;
pub(crate) use views::{
    AskedView, ClusterView, DrainView, EntityView, GoneView, NodeName, NodeView, RebalancedView,
    SeenPlace, ShardList, ShardView,
};
#[cfg(test)]
pub(crate) use views::{SeenView, ShardsView};

/// Connections at most: some operators, and what watches for them.
const CONNECTIONS_MAX: usize = 64;
/// For a head to arrive.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// The socket of the endpoint, before anybody is answered.
pub(crate) struct Listening {
    listener: TcpListener,
    token: Secret,
}

/// The endpoint, until this is dropped.
pub(crate) struct Serving(AbortHandle);

/// Listens; `None` for a node without the endpoint.
pub(crate) async fn listen(settings: &ClusterSettings) -> Result<Option<Listening>, StartError> {
    let Some(address) = settings.admin_listen else {
        return Ok(None);
    };
    let token = settings.admin_token.clone();
    let token = token.ok_or(StartError::AdminToken)?;
    let refused = |failure| StartError::AdminListen { address, failure };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound: SocketAddr = listener.local_addr().map_err(refused)?;
    if !bound.ip().is_loopback() {
        warn!(
            address = %bound,
            "the endpoint for operators can be reached from other machines, and speaks without TLS: keep this port to them"
        );
    }
    info!(address = %bound, "listening for operators");
    Ok(Some(Listening { listener, token }))
}

impl Listening {
    /// Answers from now on.
    pub(crate) fn serve(self, desk: Desk) -> Serving {
        let routes = endpoint::routes(self.token, Arc::new(desk));
        let limits = ConnectionLimits {
            max: CONNECTIONS_MAX,
            head_timeout: HEAD_TIME_MAX,
        };
        // It ends with the node.
        let serving = serve(self.listener, routes, limits, std::future::pending());
        Serving(tokio::spawn(serving).abort_handle())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}
