//! Nodes of one cluster, each a process of its own, with proxies on its ways: one to the database, and one that its peers call
//! it through.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use fritzy_persistence::{PostgresConfig, PostgresError, Sharing, Stores};
use fritzy_testbed::{ChaosProxy, PostgresServer};
use fritzy_types::{ClusterState, NodeId, ShardCount, ShardId};
use tokio::time::sleep;
use uuid::Uuid;

use crate::audit::{Audit, audit};
use crate::client::Api;
use crate::node_process::{Ground, NODE_TIME_MAX, NodeProcess};
use crate::seats::{free_address, postgres};

/// Few, so that each has many events.
pub(crate) const SHARDS: u16 = 16;
/// Until shards are where they should be: nodes must be the same for some seconds first.
const SETTLE_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// One of them.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) process: NodeProcess,
    pub(crate) api: Api,
    /// The node's way to the database.
    pub(crate) database: ChaosProxy,
    /// The way by which others call it.
    pub(crate) door: ChaosProxy,
    /// Where it listens for others, behind that.
    pub(crate) listens: SocketAddr,
}

/// A run of a node, and whether it was taken for dead.
pub(crate) type Run = (NodeId, bool);

/// All of them.
pub(crate) struct Nodes {
    pub(crate) ground: Ground,
    pub(crate) server: PostgresServer,
    pub(crate) nodes: Vec<Node>,
}

impl Nodes {
    /// Starts so many, and waits until they share all shards; `None` where this machine has no PostgreSQL.
    pub(crate) async fn start(test: &str, count: usize) -> Option<Self> {
        let mut nodes = Self {
            ground: Ground::new(),
            server: postgres(test)?,
            nodes: Vec::new(),
        };
        for number in 1..=count {
            let node = nodes.spawn(&format!("n{number}"));
            nodes.nodes.push(node);
        }
        if count > 0 {
            nodes.settled().await;
        }
        Some(nodes)
    }

    /// Starts a node; when this returns, it serves.
    pub(crate) fn spawn(&self, name: &str) -> Node {
        let mut node = self.spawn_unready(name);
        node.process.address();
        node
    }

    /// Starts a node, and does not wait for it.
    pub(crate) fn spawn_unready(&self, name: &str) -> Node {
        self.spawn_with(name, &[])
    }

    /// The same with further arguments.
    pub(crate) fn spawn_with(&self, name: &str, further: &[&str]) -> Node {
        self.spawn_as(name, further, |_| {})
    }

    /// The same by a command that is changed first.
    pub(crate) fn spawn_as(
        &self,
        name: &str,
        further: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Node {
        let [api, listens] = [free_address(), free_address()];
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.server.port()));
        let database = ChaosProxy::start(server).expect("a port");
        let door = ChaosProxy::start(listens).expect("a port");
        let url = self.server.url("postgres").replace(
            &format!(":{}/", server.port()),
            &format!(":{}/", database.address().port()),
        );
        let [api_at, listens_at, called_at] =
            [api, listens, door.address()].map(|at| at.to_string());
        let shards = SHARDS.to_string();
        let arguments = [
            ["--listen", &api_at],
            ["--database-url", &url],
            ["--shards", &shards],
            ["--cluster-listen", &listens_at],
            ["--cluster-advertise", &called_at],
            ["--cluster-cookie", "the cookie of broken nodes"],
            ["--node-name", name],
        ];
        let arguments = [&arguments.concat(), further].concat();
        let mut command = self.ground.command(&arguments);
        change(&mut command);
        let process = self.ground.spawn(&mut command);
        Node {
            name: name.to_owned(),
            process,
            api: Api::at(api),
            database,
            door,
            listens,
        }
    }

    /// The API of each.
    pub(crate) fn apis(&self) -> Vec<Api> {
        self.nodes.iter().map(|node| node.api.clone()).collect()
    }

    /// The tables of nodes and shards. A busy machine may be slower than a node would wait.
    pub(crate) async fn tables(&self) -> ClusterState {
        let began = Instant::now();
        loop {
            match self.try_tables().await {
                Ok(tables) => return tables,
                Err(failure) => assert!(began.elapsed() < SETTLE_MAX, "{failure}"),
            }
        }
    }

    async fn try_tables(&self) -> Result<ClusterState, Box<dyn Error>> {
        let stores = self.try_stores(Sharing::Cluster).await?;
        let membership = stores.membership.clone().expect("on PostgreSQL");
        let look = membership.read_state(None, &[]).await;
        stores.close().await;
        Ok(look?.state.expect("the whole of it"))
    }

    /// The runs of nodes, and who owns what.
    pub(crate) async fn ownership(&self) -> (Vec<Run>, Vec<(ShardId, Option<NodeId>)>) {
        let tables = self.tables().await;
        let nodes = tables.nodes.iter().map(|n| (n.node.id, n.fenced));
        let shards = tables.shards.iter().map(|row| (row.shard, row.owner));
        (nodes.collect(), shards.collect())
    }

    async fn stores(&self, sharing: Sharing) -> Stores {
        self.try_stores(sharing).await.expect("it opens")
    }

    async fn try_stores(&self, sharing: Sharing) -> Result<Stores, PostgresError> {
        let config = PostgresConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            sharing,
            ..PostgresConfig::new(self.server.url("postgres"))
        };
        Stores::open_postgres(config).await
    }

    /// The present run of a node, by the table.
    pub(crate) async fn id_of(&self, name: &str) -> Option<NodeId> {
        let tables = self.tables().await;
        let mut alive = tables.nodes.iter().filter(|record| !record.fenced);
        let record = alive.find(|record| record.node.name == name);
        record.map(|record| record.node.id)
    }

    /// The shards of a node's present run.
    pub(crate) async fn shards_of(&self, name: &str) -> Vec<ShardId> {
        let id = self.id_of(name).await;
        let tables = self.tables().await;
        let owned = tables.shards.iter().filter(|row| row.owner == id);
        owned.map(|row| row.shard).collect()
    }

    /// Waits until all that run own about as many shards, and no shard is without a living owner.
    pub(crate) async fn settled(&self) {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        self.until("shards are where they should be", async |nodes| {
            let tables = nodes.tables().await;
            let alive: Vec<_> = tables.nodes.iter().filter(|n| !n.fenced).collect();
            let owned = |id| tables.shards.iter().filter(|s| s.owner == Some(id)).count();
            let counts: Vec<usize> = alive.iter().map(|n| owned(n.node.id)).collect();
            let fair = usize::from(SHARDS).div_ceil(names.len()) + 1;
            let least = usize::from(SHARDS) / names.len() / 3;
            alive.len() == names.len()
                && counts.iter().sum::<usize>() == usize::from(SHARDS)
                && counts.iter().all(|count| (least..=fair).contains(count))
        })
        .await;
    }

    /// Waits until a run is fenced and every shard has a living owner; answers after how long.
    pub(crate) async fn taken_from(&self, run: NodeId) -> Duration {
        self.until("every shard has another owner", async |nodes| {
            let tables = nodes.tables().await;
            let mut alive = tables.nodes.iter().filter(|record| !record.fenced);
            let is_over = alive.all(|record| record.node.id != run);
            let lives = |id| {
                let mut records = tables.nodes.iter();
                records.any(|record| Some(record.node.id) == id && !record.fenced)
            };
            let mut shards = tables.shards.iter();
            is_over && shards.all(|row| row.owner.is_some() && lives(row.owner))
        })
        .await
    }

    /// Waits until it is so; answers after how long.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        while !is_so(self).await {
            if began.elapsed() > SETTLE_MAX {
                let logs: Vec<String> = self.nodes.iter().map(|n| tail(&n.process.log())).collect();
                panic!(
                    "never so: {what}: {:#?}\n{}",
                    self.tables().await,
                    logs.join("\n---\n")
                );
            }
            sleep(POLL).await;
        }
        began.elapsed()
    }

    /// Kills one of them.
    pub(crate) fn kill(&mut self, name: &str) {
        let place = self.nodes.iter().position(|node| node.name == name);
        let node = self.nodes.remove(place.expect("one of them"));
        node.process.kill();
    }

    /// Kills all, and reads what they have left; the database must be sound.
    pub(crate) async fn kill_all(&mut self) -> Audit {
        for node in self.nodes.drain(..) {
            node.process.kill();
        }
        let stores = self.stores(Sharing::Alone).await;
        // A batch of theirs may still be under way: a claim waits for it, or fences it off.
        let all: Vec<ShardId> = stores.ownership.shard_count().all().collect();
        let claimed = stores
            .ownership
            .claim(NodeId::from_uuid(Uuid::now_v7()), &all);
        claimed.await.expect("claimed");
        let found = audit(&stores).await;
        stores.close().await;
        let url = self.server.url("postgres");
        let shards = SHARDS.to_string();
        let verify = [
            "journal",
            "verify",
            "--database-url",
            &url,
            "--shards",
            &shards,
        ];
        let verified = self.ground.run(&mut self.ground.command(&verify));
        assert_eq!(verified.code, Some(0), "{verified:?}");
        found
    }
}

impl Node {
    /// Waits until it is ready, or is not.
    pub(crate) async fn is_ready(&self, ready: bool) {
        let began = Instant::now();
        loop {
            let request = self.api.request(hyper::Method::GET, "/healthz/ready");
            // One that is only just being started does not listen yet.
            let answer = self.api.try_send(request, "").await;
            if answer.is_ok_and(|answer| answer.status.is_success()) == ready {
                return;
            }
            let waited = began.elapsed();
            assert!(
                waited < NODE_TIME_MAX,
                "{} {}",
                self.name,
                tail(&self.process.log())
            );
            sleep(POLL).await;
        }
    }

    /// Cuts the node off from the database: nothing arrives, in either direction.
    pub(crate) fn lose_database(&self) {
        self.database.stall();
    }
}

/// The shard of an account, by its id.
pub(crate) fn shard_of(account: &str) -> ShardId {
    let slot = u16::from_str_radix(&account[32..], 16).expect("hexadecimal");
    ShardId(slot % SHARDS)
}

/// The end of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
