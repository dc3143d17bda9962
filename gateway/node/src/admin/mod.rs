//! The admin API, on its own port: shows and operates the cluster. The token is checked before
//! anything else of a request.

mod build_views;
mod endpoint;
mod error;
mod node_lookup;
mod service;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fritzy_gateway::{ConnectionLimits, serve};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::listening::{listen_on_first, resolve};
use crate::settings::{ClusterSettings, Secret};
use crate::start_error::StartError;

pub(crate) use service::AdminService;
pub(crate) use views::{
    CalledNodeView, ClusterView, DeadNodeView, DrainView, EntityView, GenerationView, LostView,
    NodeName, NodeView, ObservedOwner, RebalancedView, ShardList, ShardView,
};
#[cfg(test)]
pub(crate) use views::{ObservedShardView, ShardsView};

/// Concurrent connections: some operators, and their monitoring.
const CONNECTIONS_MAX: usize = 64;
/// Time for a request head to arrive.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// The bound socket of the admin API.
pub(crate) struct AdminListener {
    listener: TcpListener,
    token: Secret,
}

/// The admin API, served until this is dropped.
pub(crate) struct AdminServer(
    #[expect(dead_code, reason = "held to be dropped")] AbortOnDropHandle<()>,
);

/// Binds the socket of the admin API; `None` for a node without one.
///
/// # Errors
/// [`StartError`] without a token, and when the address cannot be resolved or bound.
pub(crate) async fn listen(
    settings: &ClusterSettings,
) -> Result<Option<AdminListener>, StartError> {
    let Some(address) = &settings.admin_listen else {
        return Ok(None);
    };
    let token = settings.admin_token.clone();
    let token = token.ok_or(StartError::AdminToken)?;
    let error = |failure| StartError::AdminListen {
        address: address.clone(),
        failure,
    };
    let addresses = resolve("--admin-listen", address).await?;
    let listener = listen_on_first(&addresses, TcpListener::bind).await;
    let listener = listener.map_err(error)?;
    let bound: SocketAddr = listener.local_addr().map_err(error)?;
    if !bound.ip().is_loopback() {
        warn!(
            address = %bound,
            "the admin API is reachable from other machines and has no TLS: firewall this port"
        );
    }
    info!(address = %bound, "admin API listening");
    Ok(Some(AdminListener { listener, token }))
}

impl AdminListener {
    /// Serves from now on.
    pub(crate) fn serve(self, service: AdminService) -> AdminServer {
        let routes = endpoint::routes(self.token, Arc::new(service));
        let limits = ConnectionLimits {
            max: CONNECTIONS_MAX,
            head_timeout: HEAD_TIME_MAX,
        };
        let serving = serve(self.listener, routes, limits, std::future::pending());
        AdminServer(AbortOnDropHandle::new(tokio::spawn(serving)))
    }
}
