//! Joining: a node makes sure that it is reached and let in before it stands in the table, for one that nobody talks to would
//! take shards that nobody could reach.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_types::{JoinError, NewNode, NodeId, NodeRecord};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use crate::membership::coordinator::Keeper;
use crate::membership::lease::TTL;
use crate::membership::member::{AGAIN_AFTER, Life, MemberError, Network};
use crate::protocol::frame::{WIRE_MAX, WIRE_MIN};
use crate::routing::router::ShardHost;
use crate::transport::dispatcher::PeerNotice;
use crate::transport::handshake::Identity;
use crate::transport::peers::{Peers, check_address, refusal};

/// Nodes that are asked before this one joins at most: they have one cookie.
const ASKED_MAX: usize = 16;
/// For an address to lead here: names spread, and networks come up.
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(15);

impl<H: ShardHost> Life<H> {
    /// Joins under a fresh id.
    pub(crate) async fn begin(&self) -> Result<Keeper<H>, MemberError> {
        let me = NodeId::from_uuid(Uuid::now_v7());
        let network = &self.config.network;
        let node = NewNode {
            id: me,
            name: self.config.name.clone(),
            address: Some(network.address.clone()),
            roles: self.config.roles,
            program: self.config.program.clone(),
            wire_min: WIRE_MIN,
            wire_max: WIRE_MAX,
        };
        let (peers, heard) = self.open(me, network).await?;
        let joined = async {
            self.join(&node).await?;
            Ok(self.renewals.begin(me))
        };
        match joined.await {
            Ok(standing) => {
                info!(node = %me, name = node.name, "joined");
                Ok(Keeper::new(self, me, peers, heard, standing))
            }
            Err(failure) => {
                self.router.set_remote(None);
                peers.stop().await;
                Err(failure)
            }
        }
    }

    /// Opens the way to others, and makes sure that they find theirs here.
    async fn open(
        &self,
        me: NodeId,
        network: &Network,
    ) -> Result<(Arc<Peers<H>>, mpsc::Receiver<PeerNotice>), MemberError> {
        let identity = Identity {
            me,
            name: self.config.name.clone(),
            database: self.config.database.clone(),
            cookie: network.cookie.clone(),
        };
        let (host, map) = (self.router.local().clone(), self.router.map().clone());
        let started = Peers::start(identity.clone(), network.listener.clone(), host, map).await;
        let (peers, heard) =
            started.map_err(|failure| MemberError::Machine(failure.to_string()))?;
        let peers = Arc::new(peers);
        let began = Instant::now();
        while let Err(reason) = check_address(&identity, &network.address).await {
            if began.elapsed() > ADDRESS_WAIT_MAX {
                peers.stop().await;
                let address = network.address.clone();
                return Err(MemberError::Address { address, reason });
            }
            warn!(
                reason,
                address = network.address,
                "this node does not reach itself; trying again"
            );
            sleep(AGAIN_AFTER).await;
        }
        if let Err(refused) = self.ask_others(&identity).await {
            peers.stop().await;
            return Err(refused);
        }
        self.router.set_remote(Some(peers.clone()));
        Ok((peers, heard))
    }

    /// Asks the nodes that there are whether they would let this one in. One that is in the table and that nobody talks to would
    /// take shards, and nobody could reach them.
    async fn ask_others(&self, identity: &Identity) -> Result<(), MemberError> {
        let look = self.membership.read_state(None, &[]).await?;
        let others = look.state.unwrap_or_default().nodes.into_iter();
        let others = others.filter(|other| !other.fenced && other.node.name != identity.name);
        let refusals = others.take(ASKED_MAX).map(async |other| {
            let address = other.node.address?;
            let reason = refusal(identity, other.node.id, &address).await?;
            let name = other.node.name;
            Some(MemberError::HostError {
                name,
                address,
                reason,
            })
        });
        match join_all(refusals).await.into_iter().flatten().next() {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Adds the row. A run that has the name must be over: its beat stands still.
    async fn join(&self, node: &NewNode) -> Result<(), MemberError> {
        loop {
            let other = match self.membership.join(node).await {
                Ok(()) => return Ok(()),
                Err(JoinError::Read(failure)) => return Err(failure.into()),
                Err(JoinError::NameTaken(other)) => other,
            };
            if !self.is_over(&other).await? {
                let at = other.node.address;
                let at = at.map_or_else(String::new, |at| format!(" at {at}"));
                let name = other.node.name;
                return Err(MemberError::NameTaken { name, at });
            }
        }
    }

    /// Whether another run is over. One whose beat stands still for as long as a lease lasts is fenced.
    async fn is_over(&self, other: &NodeRecord) -> Result<bool, MemberError> {
        let (id, name) = (other.node.id, &other.node.name);
        info!(name, node = %id, "waiting whether this run is over");
        let began = Instant::now();
        loop {
            let look = self.membership.read_state(None, &[id]).await?;
            match look.beats.first() {
                None => return Ok(true),
                Some((_, beat)) if *beat > other.beat => return Ok(false),
                Some((_, beat)) if began.elapsed() > TTL => {
                    if self.membership.fence(id, *beat).await? {
                        info!(name, node = %id, "it is over");
                        return Ok(true);
                    }
                    return Ok(false);
                }
                Some(_) => sleep(AGAIN_AFTER / 4).await,
            }
        }
    }
}
