//! A rolling restart under load, through a balancer that follows readiness and retries nothing but refused connects: no
//! request fails, with a key or without.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_testbed::Balancer;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::client::Api;
use crate::closed_loop::ClosedLoop;
use crate::node_process::{NODE_TIME_MAX, NodeProcess};
use crate::seats::{Seat, postgres};

const NODES: usize = 3;
const POLL: Duration = Duration::from_millis(20);

/// Waits until so many requests more are answered.
async fn answered(load: &ClosedLoop, more: usize) {
    let enough = load.answered() + more;
    until("requests are answered", || load.answered() >= enough).await;
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < NODE_TIME_MAX, "never so: {what}");
        sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    roll("a_rolling_restart_fails_no_request", 16, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, with --release and --nocapture"]
async fn a_rolling_restart_under_more_load() {
    roll("a_rolling_restart_under_more_load", 32, 30_000).await;
}

/// Restarts each node in turn under so many clients, with so many answers before, between and after the restarts.
#[expect(clippy::print_stdout, reason = "a report of the test")]
async fn roll(test: &str, clients: usize, between: usize) {
    let Some(postgres) = postgres(test) else {
        return;
    };
    let database = postgres.url("postgres");
    let seats: Vec<Seat> = (1..=NODES).map(|n| Seat::new(n, &database)).collect();
    let mut nodes: Vec<NodeProcess> = block_in_place(|| seats.iter().map(Seat::start).collect());
    let addresses: Vec<SocketAddr> = seats.iter().map(|seat| seat.address).collect();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let balancer = Balancer::start(any, &addresses).expect("it listens");
    until("all are ready", || balancer.ready().len() == NODES).await;

    let api = Api::at(balancer.address());
    let load = ClosedLoop::start(&api, clients).await;
    let mut moments = vec![("before".to_owned(), Instant::now())];
    answered(&load, between).await;
    for (number, seat) in seats.iter().enumerate() {
        let began = Instant::now();
        moments.push((format!("n{} restarts", number + 1), began));
        let node = nodes.remove(0);
        node.signal("TERM");
        let ended = block_in_place(|| node.ended_within(NODE_TIME_MAX));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let stopped = began.elapsed();
        nodes.push(block_in_place(|| seat.start()));
        until("all are ready", || balancer.ready().len() == NODES).await;
        let took = began.elapsed();
        println!(
            "n{}: ended after {stopped:?}, ready after {took:?}",
            number + 1
        );
        moments.push((format!("after n{}", number + 1), Instant::now()));
        answered(&load, between).await;
    }
    let told = load.stop().await;
    moments.push(("end".to_owned(), Instant::now()));
    println!("{} requests", told.requests());
    for pair in moments.windows(2) {
        let [p99, p999, slowest] = told.took(pair[0].1, pair[1].1);
        let what = &pair[0].0;
        println!("{what:12} p99 {p99:?}, p99.9 {p999:?}, slowest {slowest:?}");
    }
    let failures = told.failures();
    assert!(
        failures.is_empty(),
        "{} of {} failed: {failures:#?}",
        failures.len(),
        told.requests()
    );
    told.require_kept(&api).await;
}
