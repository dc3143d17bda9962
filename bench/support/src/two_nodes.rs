//! Two nodes, to measure requests from one to the other. The tables of nodes and owners are left
//! out: both nodes are known, and the first owns all shards. Handshake, connection, dispatchers and
//! router are those of every node.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fritzy_types::{Epoch, NewNode, NodeId, NodeRecord, Roles};
use tokio::net::TcpListener;
use tokio::time::timeout;
use uuid::Uuid;

use fritzy_cluster::{Identity, Peers, Remote, Router, ShardHost, WIRE_MAX, WIRE_MIN};

/// The node that owns all shards, and the one that sends requests. The node with the greater id
/// dials.
const OWNER: u128 = 1;
const ASKER: u128 = 2;
/// The time limit for the two nodes to connect.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);

/// One of the two nodes.
pub struct MeasuredNode {
    end: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
}

impl MeasuredNode {
    /// The node that owns all shards: `router`'s local host handles requests, independent of its
    /// map.
    ///
    /// # Errors
    /// The error of the operating system.
    pub async fn owner<H: ShardHost>(
        router: &Arc<Router<H>>,
        listener: TcpListener,
    ) -> Result<Self, String> {
        let peers = open(router, OWNER, listener).await?;
        peers.set_nodes(vec![record(ASKER, None)]).await;
        Ok(Self::of(router, peers))
    }

    /// The node that sends requests. When this returns, `router` sends them to the owner at
    /// `address`.
    ///
    /// # Errors
    /// The error of the operating system, or that the owner cannot be reached.
    pub async fn asker<H: ShardHost>(
        router: &Arc<Router<H>>,
        address: String,
    ) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(|failure| failure.to_string())?;
        let peers = open(router, ASKER, listener).await?;
        let map = router.map();
        let mut changes = map.watch();
        peers.set_nodes(vec![record(OWNER, Some(address))]).await;
        let connected = async {
            while peers.status().is_empty() {
                // The map exists as long as its router.
                let _ = changes.changed().await;
            }
        };
        let connected = timeout(CONNECTED_WITHIN, connected).await;
        let owned = map
            .count()
            .all()
            .map(|shard| (shard, Some(node(OWNER)), Epoch(1)));
        map.apply(node(ASKER), owned);
        let measured = Self::of(router, peers);
        if connected.is_err() {
            measured.end().await;
            return Err("the other node cannot be reached".into());
        }
        Ok(measured)
    }

    /// Takes the node off its router and closes the connection to the other node.
    pub async fn end(self) {
        self.end.await;
    }

    fn of<H: ShardHost>(router: &Arc<Router<H>>, peers: Arc<Peers<H>>) -> Self {
        let remote: Arc<dyn Remote> = peers.clone();
        router.set_remote(Some(remote));
        let router = router.clone();
        let end = Box::pin(async move {
            router.set_remote(None);
            peers.stop().await;
        });
        Self { end }
    }
}

async fn open<H: ShardHost>(
    router: &Router<H>,
    number: u128,
    listener: TcpListener,
) -> Result<Arc<Peers<H>>, String> {
    let identity = Identity {
        me: node(number),
        name: name(number),
        database: "none".into(),
        cookie: "measuring".into(),
    };
    let (host, map) = (router.local().clone(), router.map().clone());
    let started = Peers::start(identity, Arc::new(listener), host, map).await;
    // Ownership updates are ignored: no shard moves.
    let (peers, _) = started.map_err(|failure| failure.to_string())?;
    Ok(Arc::new(peers))
}

fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

fn name(number: u128) -> String {
    format!("measured-{number}")
}

fn record(number: u128, address: Option<String>) -> NodeRecord {
    NodeRecord {
        node: NewNode {
            id: node(number),
            name: name(number),
            address,
            roles: Roles::ALL,
            program: "measured".into(),
            wire_min: WIRE_MIN,
            wire_max: WIRE_MAX,
        },
        heartbeat: 0,
        fenced: false,
        draining: false,
    }
}
