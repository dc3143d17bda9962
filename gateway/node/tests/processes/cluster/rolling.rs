//! A rolling restart under load, behind a balancer that follows readiness and retries refused
//! connects only: no request fails, with an idempotency key or without.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_testbed::{
    Balancer, ClusterSettings, LocalCluster, NODE_TIME_MAX, NodeSlot, PostgresConfig,
    PostgresServer, skip_unless, wait_until_async,
};
use fritzy_testbed_shop::Api;
use tokio::task::block_in_place;

use crate::cluster::closed_loop::ClosedLoop;

pub(crate) const NODES: usize = 3;
/// Longer than the balancer needs to notice that a node is not ready.
pub(crate) const UNREADY_MS: u32 = 1_000;

/// Waits until this many more requests are answered.
pub(crate) async fn wait_answered(load: &ClosedLoop, more: usize) {
    let enough = load.answered() + more;
    let is_enough = async || load.answered() >= enough;
    wait_until_async("requests are answered", NODE_TIME_MAX, is_enough).await;
}

pub(crate) async fn wait_all_ready(balancer: &Balancer) {
    let are_ready = async || balancer.ready().len() == NODES;
    wait_until_async("all nodes are ready", NODE_TIME_MAX, are_ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart_fails_no_request() {
    let postgres = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    roll(&postgres, 16, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, with --release and --nocapture"]
async fn rolling_restart_under_more_load() {
    let postgres = skip_unless!(PostgresServer::start(PostgresConfig::shared_by_tests()));
    roll(&postgres, 32, 30_000).await;
}

/// Restarts each node in turn under this many clients, with this many responses before, between and
/// after the restarts.
#[expect(clippy::print_stdout, reason = "a report of the test")]
async fn roll(postgres: &PostgresServer, clients: usize, between: usize) {
    let settings = ClusterSettings::new(postgres.url("postgres")).with("--unready-ms", UNREADY_MS);
    let cluster = block_in_place(|| LocalCluster::start(settings, NODES));
    let mut cluster = cluster.expect("free ports");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let balancer = Balancer::start(any, &cluster.api_addresses()).expect("it listens");
    wait_all_ready(&balancer).await;

    let api = Api::at(balancer.address());
    let load = ClosedLoop::start(&api, clients).await;
    let mut phases = vec![("before".to_owned(), Instant::now())];
    wait_answered(&load, between).await;
    for number in 1..=NODES {
        let name = format!("n{number}");
        let began = Instant::now();
        phases.push((format!("{name} restarts"), began));
        let (slot, exited) = block_in_place(|| cluster.terminate(&name));
        assert_eq!(exited.code, Some(0), "{exited:?}");
        let stopped = began.elapsed();
        block_in_place(|| cluster.start_in(slot));
        wait_all_ready(&balancer).await;
        let took = began.elapsed();
        println!("{name}: exited after {stopped:?}, ready after {took:?}");
        phases.push((format!("after {name}"), Instant::now()));
        wait_answered(&load, between).await;
    }
    let observed = load.stop().await;
    phases.push(("end".to_owned(), Instant::now()));
    println!("{} requests", observed.requests());
    for pair in phases.windows(2) {
        let [p99, p999, slowest] = observed.latencies(pair[0].1, pair[1].1);
        let what = &pair[0].0;
        println!("{what:12} p99 {p99:?}, p99.9 {p999:?}, slowest {slowest:?}");
    }
    let failures = observed.failures();
    assert!(
        failures.is_empty(),
        "{} of {} failed: {failures:#?}",
        failures.len(),
        observed.requests()
    );
    observed.require_kept(&api).await;
}

/// Balancers often poll once a second.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_member_is_unready_and_serves_for_two_seconds() {
    let postgres = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let slot = NodeSlot::new("n1", ClusterSettings::new(postgres.url("postgres")));
    let slot = slot.expect("free ports");
    let mut node = slot.spawn_command(slot.command().env_remove("FRITZY_UNREADY_MS"));
    let api = Api::at(block_in_place(|| node.address()));
    let status = async || {
        let request = api.request(hyper::Method::GET, "/healthz/ready");
        let response = api.try_send(request, "").await;
        response.ok().map(|response| response.status.as_u16())
    };
    wait_until_async("it is ready", NODE_TIME_MAX, async || {
        status().await == Some(200)
    })
    .await;
    node.terminate();
    let began = Instant::now();
    let mut served_until = began;
    let mut is_ready = true;
    while let Some(status) = status().await {
        assert!(status == 503 || is_ready, "ready again: {status}");
        is_ready = status == 200;
        served_until = Instant::now();
    }
    assert!(!is_ready, "it has become unready before it ended");
    let served = served_until - began;
    assert!(served > Duration::from_millis(1_800), "{served:?}");
    let exited = block_in_place(|| node.wait_exit(NODE_TIME_MAX));
    assert_eq!(exited.code, Some(0), "{exited:?}");
}
