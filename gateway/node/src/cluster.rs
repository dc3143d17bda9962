//! A node among others: its place in the network, and when it is ready.

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
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::admin::{self, Desk, Listening, Serving};
use crate::settings::ClusterSettings;
use crate::start_error::StartError;

/// Calls that wait to be accepted; the system may allow fewer (`net.core.somaxconn`, 4 096 mostly). One more has to be repeated
/// by whoever calls, after seconds, so that a crowd of strangers would keep nodes away.
const CALLS_MAX: u32 = 4_096;
/// For leaving, once requests have ended: what is under way takes 10 s at most.
const LEAVE_MAX: Duration = Duration::from_secs(12);
/// For every shard to have a place, before a node that has just joined serves: others that died are taken for dead by then.
const PLACED_MAX: Duration = Duration::from_secs(15);
/// For every node that was there to be reached: as much.
const MET_MAX: Duration = Duration::from_secs(15);

/// A node's sockets among others.
pub(crate) struct Sockets {
    network: Network,
    admin: Option<Listening>,
}

/// A node's place in its cluster.
pub(crate) struct Clustered {
    pub(crate) member: Arc<Member>,
    _admin: Option<Serving>,
    readying: Option<AbortHandle>,
    unready: Duration,
    drain_max: Duration,
}

/// The sockets for other nodes and for operators, and where others reach this one; `None` for a node that is alone.
pub(crate) async fn network(settings: &ClusterSettings) -> Result<Option<Sockets>, StartError> {
    let Some(address) = settings.cluster_listen else {
        return Ok(None);
    };
    let listening = listen(address);
    let listener = listening.map_err(|failure| StartError::ClusterListen { address, failure })?;
    let bound = listener
        .local_addr()
        .map_err(|failure| StartError::ClusterListen { address, failure })?;
    let address = match &settings.cluster_advertise {
        Some(address) => address.clone(),
        None if bound.ip().is_unspecified() => return Err(StartError::Advertise { address }),
        None => bound.to_string(),
    };
    let cookie = settings.cluster_cookie.as_ref();
    let cookie = cookie.expect("clap demands it").reveal().to_owned();
    let network = Network {
        address,
        cookie,
        listener: Arc::new(listener),
    };
    let admin = admin::listen(settings).await?;
    Ok(Some(Sockets { network, admin }))
}

/// Listens for other nodes.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(CALLS_MAX)
}

impl Clustered {
    /// Joins; the node is not ready before it begins.
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
            database: stores.generation.clone(),
        };
        let membership = stores.membership.clone().ok_or(StartError::SqliteCluster)?;
        let (name, map) = (config.name.clone(), shop.shard_map().clone());
        let joining = shop.join(config, membership.clone(), projections, lease.clone());
        let member = Arc::new(joining.await?);
        let admin = admin.map(|listening| {
            listening.serve(Desk::new(
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
            readying: None,
            unready: Duration::from_millis(settings.unready_ms),
            drain_max: Duration::from_secs(settings.drain_s_max.into()),
        })
    }

    /// Becomes ready. When this returns, every shard has a place, here or elsewhere, as far as there are nodes for them, or
    /// nobody wants this node any more.
    pub(crate) async fn begin(
        &mut self,
        map: &ShardMap,
        readiness: Readiness,
        unwanted: impl Future<Output = ()> + Send,
    ) {
        tokio::select! {
            placed = timeout(PLACED_MAX, placed(map)) => if placed.is_err() {
                warn!("some shards have no owner yet; serving the others");
            },
            () = unwanted => return,
        }
        let readying = ready(self.member.clone(), readiness);
        self.readying = Some(tokio::spawn(readying).abort_handle());
    }

    /// Gives all shards away while requests still come, and goes on to pass them to the others.
    pub(crate) async fn drain(&self) {
        if let Some(readying) = &self.readying {
            readying.abort();
        }
        sleep(self.unready).await;
        info!("giving all shards away");
        if timeout(self.drain_max, self.member.drain()).await.is_err() {
            warn!("some shards were not given away in time; they are stopped");
        }
    }

    /// Stops what still runs, and goes. Without the database others take this node for dead instead.
    pub(crate) async fn leave(&self) {
        if timeout(LEAVE_MAX, self.member.leave()).await.is_err() {
            warn!("the table of nodes is out of reach; others will take this node for dead");
        }
    }
}

/// Returns when every shard has a place.
async fn placed(map: &ShardMap) {
    let mut changes = map.watch();
    let has_place = |shard| map.place(shard) != ShardLocation::Unassigned;
    while !map.count().all().all(has_place) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The nodes that were there before this one, live, and are not connected to it.
fn unmet(status: &MemberStatus) -> Vec<String> {
    let Some(me) = status.me else {
        return Vec::new();
    };
    let is_met = |node| status.peers.iter().any(|peer| peer.node == node);
    let others = status.state.nodes.iter();
    let others = others.filter(|record| !record.fenced && record.node.id < me);
    let unmet = others.filter(|record| !is_met(record.node.id));
    unmet.map(|record| record.node.name.clone()).collect()
}

/// Ready is who has joined and is not about to leave, whatever the database does. One that has not reached the others could do
/// little: they serve meanwhile. That it loses them later is no reason, for then all of them would turn unready at once.
async fn ready(member: Arc<Member>, readiness: Readiness) {
    let mut status = member.watch();
    let mut life: Option<(NodeId, Instant)> = None;
    let mut has_met = false;
    loop {
        let is_ready = {
            let status = status.borrow_and_update();
            let me = status.me.filter(|_| status.looked.is_some());
            if life.map(|(me, _)| me) != me {
                life = me.map(|me| (me, Instant::now()));
                has_met = false;
            }
            if let (false, Some((_, since))) = (has_met, life) {
                let missing = unmet(&status);
                let is_enough = since.elapsed() >= MET_MAX && !status.peers.is_empty();
                has_met = missing.is_empty() || is_enough;
                if has_met && !missing.is_empty() {
                    let missing = missing.join(", ");
                    warn!(missing, "ready, although some nodes are not reached");
                }
            }
            has_met && !status.draining
        };
        readiness.set(is_ready);
        if status.changed().await.is_err() {
            return readiness.set(false);
        }
    }
}
