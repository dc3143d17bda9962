//! Measurements of a cluster with the default number of shards. Run them with `cargo test --release
//! -p fritzy-node --test processes measured -- --ignored --nocapture --test-threads 1`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fritzy_testbed::{
    ClusterSettings, LocalCluster, PostgresConfig, PostgresServer, ServiceError, skip_unless,
};
use fritzy_testbed_shop::{Api, live_node, read_cluster_state, shards_of};
use fritzy_types::{ClusterState, ShardCount, ShardId};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::cluster::closed_loop::{ClientObservations, ClosedLoop};
use crate::cluster::history::{ClientObservation, read};

/// Enough to saturate three nodes on two cores.
const CLIENTS: usize = 48;
/// A period of measured latencies.
const WHILE: Duration = Duration::from_secs(10);
/// Entities in memory on all nodes together when another node joins.
const ACTIVE: usize = 100_000;
/// Concurrent requests that create them.
const MAKERS: usize = 64;
/// Until shards are balanced.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// Nodes reconcile their shards about once a second.
const AT_REST: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Nodes with the default number of shards, and the database that they share.
struct MeasuredCluster {
    cluster: LocalCluster,
    server: PostgresServer,
}

impl MeasuredCluster {
    /// Starts three nodes, and waits until they share the shards.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    async fn start() -> Result<Self, ServiceError> {
        let server = PostgresServer::start(PostgresConfig::shared_by_tests())?;
        let settings = ClusterSettings::new(server.url("postgres"))
            .with("--unready-ms", 1_000)
            .with("--entities-max", 60_000);
        let cluster = block_in_place(|| LocalCluster::start(settings, 3))?;
        let cluster = Self { cluster, server };
        cluster.wait_settled().await;
        Ok(cluster)
    }

    fn apis(&self) -> Vec<Api> {
        let addresses = self.cluster.api_addresses().into_iter();
        addresses.map(Api::at).collect()
    }

    async fn state(&self) -> ClusterState {
        let state = read_cluster_state(&self.server.url("postgres"), ShardCount::DEFAULT).await;
        state.expect("an open database")
    }

    /// Waits until each node owns nearly the same number of shards and none has moved for
    /// [`AT_REST`]. Returns when the last one moved.
    async fn wait_settled(&self) -> Instant {
        let nodes = self.cluster.nodes();
        let fair = usize::from(ShardCount::DEFAULT.get()) / nodes.len();
        let began = Instant::now();
        let (mut last, mut since) = (Vec::new(), began);
        loop {
            let state = self.state().await;
            let owners = state.shards.iter().map(|row| (row.shard, row.owner));
            let owners: Vec<_> = owners.collect();
            if owners != last {
                (last, since) = (owners, Instant::now());
            }
            let owned = |name| live_node(&state, name).map_or(0, |id| shards_of(&state, id).len());
            let owned: Vec<usize> = nodes.iter().map(|node| owned(node.slot.name())).collect();
            let are_fair = owned.iter().all(|owned| owned.abs_diff(fair) <= fair / 6);
            if are_fair && since.elapsed() > AT_REST {
                return since;
            }
            let waited = began.elapsed();
            assert!(waited < SETTLE_MAX, "{owned:?} are not {fair} each");
            sleep(POLL_INTERVAL).await;
        }
    }

    /// How many entities are in memory.
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
            resident += value
                .expect("the metric")
                .parse::<usize>()
                .expect("a number");
        }
        resident
    }

    /// The throughput in requests per second, with one request in flight per client.
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

/// Half of that throughput, through these nodes.
async fn half_load(apis: &[Api], most: f64) -> ClosedLoop {
    let pace = Duration::from_secs_f64(CLIENTS as f64 / (most / 2.0));
    ClosedLoop::start_paced(apis, CLIENTS, Some(pace)).await
}

fn require_none_failed(observed: &ClientObservations) {
    let failures = observed.failures();
    let few = &failures[..failures.len().min(5)];
    assert!(failures.is_empty(), "{} failed: {few:#?}", failures.len());
}

/// Creates accounts, at least `count`.
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
    fritzy_testbed_shop::shard_of(id, ShardCount::DEFAULT)
}

/// Repeats a read until it succeeds.
async fn answered(api: &Api, account: &str) {
    while !matches!(read(api, account).await, ClientObservation::At(_)) {
        sleep(POLL_INTERVAL / 10).await;
    }
}

#[expect(clippy::print_stdout, reason = "a measurement")]
fn report(what: &str, observed: &ClientObservations, from: Instant, until: Instant) -> Duration {
    let [p99, p999, slowest] = observed.latencies(from, until);
    println!("{what:26} p99 {p99:?}, p99.9 {p999:?}, slowest {slowest:?}");
    p99
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, with --release and --nocapture"]
async fn measure_kill_at_half_load() {
    let mut cluster = skip_unless!(MeasuredCluster::start().await);
    let most = cluster.most().await;
    let apis = &cluster.apis()[..2];
    let state = cluster.state().await;
    let lost = shards_of(&state, live_node(&state, "n3").expect("a running node"));
    // One account for each of its shards.
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
    cluster.cluster.kill("n3");
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
    let observed = load.stop().await;
    let (requests, failures) = (observed.requests(), observed.failures().len());
    println!("{failures} of {requests} requests failed: those whose owner was killed under them");
    let others = observed.of(|ids| ids.iter().all(|id| !lost.contains(&shard_of(id))));
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
async fn measure_join_of_a_fourth_node() {
    let mut cluster = skip_unless!(MeasuredCluster::start().await);
    let most = cluster.most().await;
    let apis = cluster.apis();
    // A created entity is loaded by its first read.
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
    block_in_place(|| cluster.cluster.add("n4").map(|_| ())).expect("free ports");
    let serves = began.elapsed();
    let settled = cluster.wait_settled().await;
    sleep(WHILE).await;
    let over = Instant::now();
    println!(
        "{most:.0} requests/s at most; at half of it, with {resident} entities in memory, a fourth node serves after {serves:?}, \
         and has its share of the shards after {:?}",
        settled - began
    );
    let observed = load.stop().await;
    println!("{} requests", observed.requests());
    report("10 s before", &observed, quiet, began);
    report("until it has its share", &observed, began, settled);
    report("10 s after that", &observed, settled, over);
    require_none_failed(&observed);
    observed.require_kept(&cluster.apis()[3]).await;
}
