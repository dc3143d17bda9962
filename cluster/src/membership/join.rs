//! Joining. A node checks that it can be reached and is accepted by the others before it is in the
//! node table: otherwise it would acquire shards that no other node could reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{JoinError, NewNode, NodeId, NodeRecord};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use crate::membership::config::Network;
use crate::membership::context::MemberContext;
use crate::membership::coordinator::MembershipCoordinator;
use crate::membership::error::MemberError;
use crate::membership::lease::TTL;
use crate::protocol::frame::{WIRE_MAX, WIRE_MIN};
use crate::routing::host::ShardHost;
use crate::transport::handshake::Identity;
use crate::transport::peers::{Peers, check_address, probe_rejection};
use crate::transport::shared::PeerNotice;

/// Between two attempts to join, and between two checks of the advertised address.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Nodes probed before joining at most: all have the same cookie, so some are as good as all.
const PROBED_MAX: usize = 16;
/// How long the advertised address may take to lead here: DNS records spread, and networks come up.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(15);

/// Joins under a new id.
///
/// # Errors
/// [`MemberError`], as [`Member::start`](crate::Member::start) has it.
pub(crate) async fn join<H: ShardHost>(
    context: &MemberContext<H>,
) -> Result<MembershipCoordinator<H>, MemberError> {
    let me = NodeId::from_uuid(Uuid::now_v7());
    let network = &context.config.network;
    let node = NewNode {
        id: me,
        name: context.config.name.clone(),
        address: Some(network.address.clone()),
        roles: context.config.roles,
        program: context.config.program.clone(),
        wire_min: WIRE_MIN,
        wire_max: WIRE_MAX,
    };
    let identity = Identity {
        me,
        name: context.config.name.clone(),
        database: context.config.database.clone(),
        cookie: network.cookie.clone(),
    };
    let (peers, notices) = open_transport(context, &identity, network).await?;
    match register(context, &node).await {
        Ok(()) => {
            let state = context.heartbeats.start_for(identity, own_address(network));
            info!(node = %me, name = node.name, "joined");
            Ok(MembershipCoordinator::new(
                context, me, peers, notices, state,
            ))
        }
        Err(failure) => {
            context.router.set_remote(None);
            peers.stop().await;
            Err(failure)
        }
    }
}

/// Where this node itself reaches its listener. Not at the advertised address: what lies between that
/// and the node may fail without the node.
fn own_address(network: &Network) -> String {
    let Ok(mut address) = network.listener.local_addr() else {
        return network.address.clone();
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address.to_string()
}

/// Starts the transport, and checks that it is reachable and accepted before it is used.
async fn open_transport<H: ShardHost>(
    context: &MemberContext<H>,
    identity: &Identity,
    network: &Network,
) -> Result<(Arc<Peers<H>>, mpsc::Receiver<PeerNotice>), MemberError> {
    let (host, map) = (context.router.local().clone(), context.router.map().clone());
    let started = Peers::start(identity.clone(), network.listener.clone(), host, map).await;
    let (peers, notices) = started.map_err(|failure| MemberError::Machine(failure.to_string()))?;
    let peers = Arc::new(peers);
    let began = Instant::now();
    while let Err(reason) = check_address(identity, &network.address).await {
        if began.elapsed() > ADDRESS_TIMEOUT {
            peers.stop().await;
            let address = network.address.clone();
            return Err(MemberError::Address { address, reason });
        }
        warn!(
            reason,
            address = network.address,
            "this node does not reach itself at its advertised address; retrying"
        );
        sleep(RETRY_DELAY).await;
    }
    if let Err(rejected) = probe_others(context, identity).await {
        peers.stop().await;
        return Err(rejected);
    }
    context.router.set_remote(Some(peers.clone()));
    Ok((peers, notices))
}

/// Probes whether the nodes of the cluster accept this one. Unreachable nodes count as accepting.
async fn probe_others<H: ShardHost>(
    context: &MemberContext<H>,
    identity: &Identity,
) -> Result<(), MemberError> {
    let snapshot = context.membership.read_state(None, &[]).await?;
    let others = snapshot.state.unwrap_or_default().nodes.into_iter();
    let others = others.filter(|other| !other.fenced && other.node.name != identity.name);
    let rejections = others.take(PROBED_MAX).map(async |other| {
        let address = other.node.address?;
        let reason = probe_rejection(identity, other.node.id, &address).await?;
        let name = other.node.name;
        Some(MemberError::Rejected {
            name,
            address,
            reason,
        })
    });
    match join_all(rejections).await.into_iter().flatten().next() {
        Some(rejected) => Err(rejected),
        None => Ok(()),
    }
}

/// Inserts the node into the node table. An earlier incarnation with the same name must have ended:
/// its heartbeat has stopped.
async fn register<H: ShardHost>(
    context: &MemberContext<H>,
    node: &NewNode,
) -> Result<(), MemberError> {
    loop {
        let other = match context.membership.join(node).await {
            Ok(()) => return Ok(()),
            Err(JoinError::Read(failure)) => return Err(failure.into()),
            Err(JoinError::NameTaken(other)) => other,
        };
        if !has_ended(context, &other).await? {
            let at = other.node.address;
            let at = at.map_or_else(String::new, |at| format!(" at {at}"));
            let name = other.node.name;
            return Err(MemberError::NameTaken { name, at });
        }
    }
}

/// Whether another incarnation has ended. One whose heartbeat stays the same for the duration of a
/// lease is fenced.
async fn has_ended<H: ShardHost>(
    context: &MemberContext<H>,
    other: &NodeRecord,
) -> Result<bool, MemberError> {
    let (id, name) = (other.node.id, &other.node.name);
    info!(name, node = %id, "waiting to see whether an earlier incarnation with this name has ended");
    let began = Instant::now();
    loop {
        let snapshot = context.membership.read_state(None, &[id]).await?;
        match snapshot.heartbeats.first() {
            None => return Ok(true),
            Some((_, heartbeat)) if *heartbeat > other.heartbeat => return Ok(false),
            Some((_, heartbeat)) if began.elapsed() > TTL => {
                if context.membership.fence(id, *heartbeat).await? {
                    info!(name, node = %id, "the earlier incarnation has ended");
                    return Ok(true);
                }
                return Ok(false);
            }
            Some(_) => sleep(RETRY_DELAY / 4).await,
        }
    }
}
