//! A node's membership of its cluster: its sockets, joining, readiness, draining and leaving.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fritzy_actors::Shop;
use fritzy_cluster::{
    LocalLease, Member, MemberConfig, MemberStatus, Network, ShardLocation, ShardMap,
};
use fritzy_gateway::Readiness;
use fritzy_persistence::Stores;
use fritzy_projections::Projections;
use fritzy_types::NodeId;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::admin::{self, AdminListener, AdminServer, AdminService};
use crate::listening::{listen_on_first, resolve};
use crate::settings::{ClusterSettings, ListenAddress};
use crate::start_error::StartError;

/// Backlog of connections not yet accepted; the system may allow fewer (`net.core.somaxconn`,
/// usually 4 096). Beyond it a peer retries after seconds, so that with a shorter one a burst of
/// strangers would keep nodes out.
const BACKLOG_MAX: u32 = 4_096;
/// Time to leave once requests have ended: whatever is in flight takes 10 s at most.
const LEAVE_MAX: Duration = Duration::from_secs(12);
/// Time for every shard to have an owner before a new member serves: by then, dead nodes are
/// declared dead.
const ASSIGNED_MAX: Duration = Duration::from_secs(15);
/// Time for every earlier member to be connected: the same.
const CONNECTED_MAX: Duration = Duration::from_secs(15);

/// What a member counts for operators. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct ClusterMetrics {
    silent_peers: Gauge,
}

impl ClusterMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Nodes that this one has not reached for 10 s, although their heartbeat goes on";
        registry.register("cluster_silent_peers", help, self.silent_peers.clone());
    }
}

/// The sockets of a cluster member.
pub(crate) struct Sockets {
    network: Network,
    admin: Option<AdminListener>,
}

/// A node's membership of its cluster.
pub(crate) struct ClusterMembership {
    pub(crate) member: Arc<Member>,
    _admin: Option<AdminServer>,
    readiness_task: Option<AbortOnDropHandle<()>>,
    unready: Duration,
    drain_max: Duration,
}

/// Binds the sockets for other nodes and for the admin API; `None` for a node without a cluster.
///
/// # Errors
/// [`StartError`] when an address cannot be resolved, bound or advertised.
pub(crate) async fn bind(settings: &ClusterSettings) -> Result<Option<Sockets>, StartError> {
    let Some(given) = &settings.cluster_listen else {
        return Ok(None);
    };
    let error = |failure| StartError::ClusterListen {
        address: given.clone(),
        failure,
    };
    let addresses = resolve("--cluster-listen", given).await?;
    let listener = listen_on_first(&addresses, async |address| listen(address)).await;
    let listener = listener.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    let address = match (&settings.cluster_advertise, given) {
        (Some(address), _) => address.clone(),
        (None, _) if bound.ip().is_unspecified() => {
            let address = given.clone();
            return Err(StartError::Advertise { address });
        }
        // The name, not the IP address: on its own machine it may stand for a loopback address.
        (None, ListenAddress::Host(host, _)) => format!("{host}:{}", bound.port()),
        (None, ListenAddress::Ip(_)) => bound.to_string(),
    };
    let cookie = settings.cluster_cookie.as_ref();
    let cookie = cookie.expect("clap requires it").reveal().to_owned();
    let network = Network {
        address,
        cookie,
        listener: Arc::new(listener),
    };
    let admin = admin::listen(settings).await?;
    Ok(Some(Sockets { network, admin }))
}

/// Listens for connections of other nodes.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_MAX)
}

impl ClusterMembership {
    /// Joins the cluster. The node becomes ready only in [`Self::await_ready`].
    ///
    /// # Errors
    /// [`StartError`] on SQLite, and when the node cannot join.
    pub(crate) async fn join(
        settings: &ClusterSettings,
        sockets: Sockets,
        stores: &Stores,
        shop: &Shop,
        projections: Arc<Projections>,
        lease: LocalLease,
    ) -> Result<Self, StartError> {
        let Sockets { network, admin } = sockets;
        let config = MemberConfig {
            name: settings
                .node_name
                .clone()
                .unwrap_or_else(|| network.address.clone()),
            network,
            roles: settings.roles(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            database: stores.database.clone(),
            stalled: {
                let stores = stores.clone();
                Arc::new(move || stores.stalled())
            },
        };
        let membership = stores.membership.clone().ok_or(StartError::SqliteCluster)?;
        let (name, map) = (config.name.clone(), shop.shard_map().clone());
        let joining = shop.join(config, membership.clone(), projections, lease.clone());
        let member = Arc::new(joining.await?);
        let admin = admin.map(|listener| {
            listener.serve(AdminService::new(
                name,
                member.clone(),
                membership,
                stores.journal.clone(),
                map.clone(),
                lease,
            ))
        });
        Ok(Self {
            member,
            _admin: admin,
            readiness_task: None,
            unready: settings.unready(),
            drain_max: Duration::from_secs(settings.drain_s_max.into()),
        })
    }

    /// Waits until every shard has an owner, then maintains `readiness`. Returns early when
    /// `cancelled` completes. After [`ASSIGNED_MAX`] it continues without owners of the others.
    pub(crate) async fn await_ready(
        &mut self,
        map: &ShardMap,
        readiness: Readiness,
        metrics: ClusterMetrics,
        cancelled: impl Future<Output = ()> + Send,
    ) {
        tokio::select! {
            assigned = timeout(ASSIGNED_MAX, shards_assigned(map)) => if assigned.is_err() {
                warn!("some shards have no owner yet; serving the others");
            },
            () = cancelled => return,
        }
        let task = tokio::spawn(maintain_readiness(self.member.clone(), readiness, metrics));
        self.readiness_task = Some(AbortOnDropHandle::new(task));
    }

    /// Hands off all shards while requests still arrive; they are forwarded to the new owners.
    pub(crate) async fn drain(&self) {
        if let Some(task) = &self.readiness_task {
            task.abort();
        }
        sleep(self.unready).await;
        info!("handing off all shards");
        if timeout(self.drain_max, self.member.drain()).await.is_err() {
            warn!("some shards were not handed off in time; stopping them");
        }
    }

    /// Stops the remaining shards and leaves the cluster. Without the database, others declare this
    /// node dead instead.
    pub(crate) async fn leave(&self) {
        if timeout(LEAVE_MAX, self.member.leave()).await.is_err() {
            warn!("the table of nodes is unreachable; other nodes will declare this node dead");
        }
    }
}

/// Returns when every shard has an owner.
async fn shards_assigned(map: &ShardMap) {
    let mut changes = map.watch();
    let has_owner = |shard| map.location(shard) != ShardLocation::Unassigned;
    while !map.count().all().all(has_owner) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The live nodes that joined before this one and are not connected to it.
fn unreached_peers(status: &MemberStatus) -> Vec<String> {
    let Some(me) = status.me else {
        return Vec::new();
    };
    let is_connected = |node| status.peers.iter().any(|peer| peer.node == node);
    let others = status.state.nodes.iter();
    let others = others.filter(|record| !record.fenced && record.node.id < me);
    let unreached = others.filter(|record| !is_connected(record.node.id));
    unreached.map(|record| record.node.name.clone()).collect()
}

/// A node is ready while it is a member and not draining, whatever the state of the database. It
/// must also have been connected to the other nodes once, because they can serve meanwhile. Losing
/// them later does not make it unready: otherwise a network fault would make all nodes unready at
/// once.
async fn maintain_readiness(member: Arc<Member>, readiness: Readiness, metrics: ClusterMetrics) {
    let mut status = member.watch();
    let mut incarnation: Option<(NodeId, Instant)> = None;
    let mut has_connected = false;
    loop {
        let is_ready = {
            let status = status.borrow_and_update();
            let silent = i64::try_from(status.silent.len()).unwrap_or(i64::MAX);
            metrics.silent_peers.set(silent);
            let me = status.me.filter(|_| status.polled_at.is_some());
            if incarnation.map(|(me, _)| me) != me {
                incarnation = me.map(|me| (me, Instant::now()));
                has_connected = false;
            }
            if let (false, Some((_, since))) = (has_connected, incarnation) {
                let missing = unreached_peers(&status);
                let is_enough = since.elapsed() >= CONNECTED_MAX && !status.peers.is_empty();
                has_connected = missing.is_empty() || is_enough;
                if has_connected && !missing.is_empty() {
                    let missing = missing.join(", ");
                    warn!(missing, "ready, although some nodes are unreachable");
                }
            }
            has_connected && !status.draining
        };
        readiness.set(is_ready);
        if status.changed().await.is_err() {
            return readiness.set(false);
        }
    }
}
