//! Figures of a cluster, with as many shards as there are by default. Run them with
//! `cargo test --release -p fritzy-node --test cluster measured -- --ignored --nocapture --test-threads 1`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fritzy_testbed::PostgresServer;
use fritzy_types::{ClusterState, ShardCount, ShardId};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::client::Api;
use crate::closed_loop::{ClosedLoop, Told};
use crate::history::{Told as Version, read};
use crate::node_process::NodeProcess;
use crate::seats::{Seat, postgres, run_of, tables};

/// As many as keep three nodes on two cores busy.
const CLIENTS: usize = 48;
/// For one look at latencies.
const WHILE: Duration = Duration::from_secs(10);
/// In memory, on all nodes together, when another joins.
const ACTIVE: usize = 100_000;
/// Requests at once that make them.
const MAKERS: usize = 64;
/// Until shards are where they should be.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// Nodes look after shards once a second or so.
const AT_REST: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// Nodes that share the shards.
struct Cluster {
    _postgres: PostgresServer,
    database: String,
    seats: Vec<Seat>,
    nodes: Vec<NodeProcess>,
}

impl Cluster {
    /// Three; `None` where this machine has no PostgreSQL.
    async fn start(test: &str) -> Option<Self> {
        let postgres = postgres(test)?;
        let mut cluster = Self {
            database: postgres.url("postgres"),
            _postgres: postgres,
            seats: Vec::new(),
            nodes: Vec::new(),
        };
        for _ in 0..3 {
            cluster.add();
        }
        cluster.settled().await;
        Some(cluster)
    }

    /// Starts another; when this returns, it serves.
    fn add(&mut self) {
        let seat = Seat::new(self.seats.len() + 1, &self.database).with("--entities-max", "60000");
        let node = block_in_place(|| seat.start());
        self.seats.push(seat);
        self.nodes.push(node);
    }

    fn apis(&self) -> Vec<Api> {
        let addresses = self.seats.iter().map(|seat| seat.address);
        addresses.map(Api::at).collect()
    }

    async fn tables(&self) -> ClusterState {
        tables(&self.database).await
    }

    /// Waits until each owns as many shards as the others, or nearly, and none has moved for some seconds; answers when the
    /// last one did.
    async fn settled(&self) -> Instant {
        let fair = usize::from(ShardCount::DEFAULT.get()) / self.seats.len();
        let began = Instant::now();
        let (mut last, mut since) = (Vec::new(), began);
        loop {
            let tables = self.tables().await;
            let owners: Vec<_> = tables
                .shards
                .iter()
                .map(|row| (row.shard, row.owner))
                .collect();
            if owners != last {
                (last, since) = (owners, Instant::now());
            }
            let runs = self.seats.iter().map(|seat| run_of(&tables, &seat.name));
            let owned: Vec<usize> = runs
                .map(|run| run.map_or(0, |(_, shards)| shards.len()))
                .collect();
            let are_fair = owned.iter().all(|owned| owned.abs_diff(fair) <= fair / 6);
            if are_fair && since.elapsed() > AT_REST {
                return since;
            }
            assert!(
                began.elapsed() < SETTLE_MAX,
                "{owned:?} are not {fair} each"
            );
            sleep(POLL).await;
        }
    }

    /// Entities in memory.
    async fn resident(&self) -> usize {
        let mut resident = 0;
        for api in self.apis() {
            let metrics = api
                .send(api.request(Method::GET, "/metrics"), "")
                .await
                .text;
            let value = metrics
                .lines()
                .find_map(|line| line.strip_prefix("fritzy_entities_resident "));
            resident += value.expect("told").parse::<usize>().expect("a number");
        }
        resident
    }

    /// Requests a second with as many under way as there are clients.
    async fn most(&self) -> f64 {
        let load = ClosedLoop::start_paced(&self.apis(), CLIENTS, None).await;
        sleep(WHILE / 4).await;
        let (before, began) = (load.answered(), Instant::now());
        sleep(WHILE).await;
        let per_s = (load.answered() - before) as f64 / began.elapsed().as_secs_f64();
        require_none_failed(&load.stop().await);
        per_s
    }
}

/// Half as many a second as all can do, through these nodes.
async fn half_load(apis: &[Api], most: f64) -> ClosedLoop {
    let pace = Duration::from_secs_f64(CLIENTS as f64 / (most / 2.0));
    ClosedLoop::start_paced(apis, CLIENTS, Some(pace)).await
}

fn require_none_failed(told: &Told) {
    let failures = told.failures();
    let few = &failures[..failures.len().min(5)];
    assert!(failures.is_empty(), "{} failed: {few:#?}", failures.len());
}

/// Accounts, made until there are so many.
async fn accounts(apis: &[Api], count: usize) -> Vec<String> {
    let make = async |maker: usize| {
        let api = &apis[maker % apis.len()];
        let mut made = Vec::new();
        for _ in 0..count.div_ceil(MAKERS) {
            let create =
                "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
            let created = api.run_with(create, json!({ "name": "Ada" })).await;
            made.push(created.text_at("/createAccount/id"));
        }
        made
    };
    join_all((0..MAKERS).map(make)).await.concat()
}

fn shard_of(id: &str) -> ShardId {
    let slot = u16::from_str_radix(&id[32..], 16).expect("hexadecimal");
    ShardId(slot % ShardCount::DEFAULT.get())
}

/// Reads an account until it is answered.
async fn answered(api: &Api, account: &str) {
    while !matches!(read(api, account).await, Version::At(_)) {
        sleep(POLL / 10).await;
    }
}

#[expect(clippy::print_stdout, reason = "a measurement")]
fn report(what: &str, told: &Told, from: Instant, until: Instant) -> Duration {
    let [p99, p999, slowest] = told.took(from, until);
    println!("{what:26} p99 {p99:?}, p99.9 {p999:?}, slowest {slowest:?}");
    p99
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, with --release and --nocapture"]
async fn a_kill_at_half_load() {
    let Some(mut cluster) = Cluster::start("a_kill_at_half_load").await else {
        return;
    };
    let most = cluster.most().await;
    let apis = &cluster.apis()[..2];
    let (_, lost) = run_of(&cluster.tables().await, "n3").expect("it runs");
    // One of each of its shards.
    let mut of_lost = BTreeMap::new();
    while of_lost.len() < lost.len() {
        let accounts = accounts(apis, MAKERS * 16).await;
        let of_it = accounts
            .into_iter()
            .map(|account| (shard_of(&account), account));
        of_lost.extend(of_it.filter(|(shard, _)| lost.contains(shard)));
    }
    let load = half_load(apis, most).await;
    sleep(WHILE / 4).await;
    let quiet = Instant::now();
    sleep(WHILE).await;
    let killed = Instant::now();
    cluster.nodes.remove(2).kill();
    let probes = of_lost.values().zip(apis.iter().cycle());
    join_all(probes.map(|(account, api)| answered(api, account))).await;
    let served = Instant::now();
    sleep(WHILE).await;
    let over = Instant::now();
    println!(
        "{most:.0} requests/s at most; killed at half of it: each of {} shards served again after {:?}",
        lost.len(),
        served - killed
    );
    let told = load.stop().await;
    let (requests, failures) = (told.requests(), told.failures().len());
    println!("{failures} of {requests} requests failed: those whose owner was killed under them");
    let others = told.of(|ids| ids.iter().all(|id| !lost.contains(&shard_of(id))));
    println!(
        "of clients of the other shards, {} requests:",
        others.requests()
    );
    let before = report("10 s before", &others, quiet, killed);
    let meanwhile = report("until all are served", &others, killed, served);
    report("10 s after that", &others, served, over);
    println!(
        "p99 {:.2} times",
        meanwhile.as_secs_f64() / before.as_secs_f64()
    );
    require_none_failed(&others);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, with --release and --nocapture"]
async fn a_fourth_node_joins() {
    let Some(mut cluster) = Cluster::start("a_fourth_node_joins").await else {
        return;
    };
    let most = cluster.most().await;
    let apis = cluster.apis();
    // What is created is read from memory only once somebody asks for it.
    let accounts = accounts(&apis, ACTIVE).await;
    let activate = async |(accounts, api): (&[String], &Api)| {
        for account in accounts {
            answered(api, account).await;
        }
    };
    let parts = accounts.chunks(ACTIVE / MAKERS);
    join_all(parts.zip(apis.iter().cycle()).map(activate)).await;
    let load = half_load(&apis, most).await;
    sleep(WHILE / 4).await;
    let quiet = Instant::now();
    sleep(WHILE).await;
    let resident = cluster.resident().await;
    assert!(resident >= ACTIVE, "{resident} are in memory");
    let began = Instant::now();
    cluster.add();
    let serves = began.elapsed();
    let settled = cluster.settled().await;
    sleep(WHILE).await;
    let over = Instant::now();
    println!(
        "{most:.0} requests/s at most; at half of it, with {resident} entities in memory, a fourth node serves after {serves:?}, \
         and has its share of the shards after {:?}",
        settled - began
    );
    let told = load.stop().await;
    println!("{} requests", told.requests());
    report("10 s before", &told, quiet, began);
    report("until it has its share", &told, began, settled);
    report("10 s after that", &told, settled, over);
    require_none_failed(&told);
    let addresses: Vec<SocketAddr> = cluster.seats.iter().map(|seat| seat.address).collect();
    told.require_kept(&Api::at(addresses[3])).await;
}
