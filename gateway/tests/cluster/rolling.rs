//! A rolling restart under load, through a balancer that follows readiness and retries nothing but refused connects: no
//! request fails, with a key or without.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_services::{Balancer, PostgresConfig, PostgresServer, free_port, skipped};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::client::Api;
use crate::closed_loop::ClosedLoop;
use crate::node_process::{Ground, NODE_TIME_MAX, NodeProcess};

const NODES: usize = 3;
const CLIENTS: usize = 16;
/// Answers before, between and after the restarts, so that each restart meets the load.
const BETWEEN: usize = 300;
const POLL: Duration = Duration::from_millis(20);

/// A place for a node: it comes back under its name and its addresses.
struct Seat {
    ground: Ground,
    address: SocketAddr,
    arguments: Vec<String>,
}

impl Seat {
    fn new(number: usize, database: &str) -> Self {
        let address = || {
            let port = free_port().expect("a free port");
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let (address, cluster) = (address(), address());
        let arguments = [
            ("--listen", address.to_string()),
            ("--cluster-listen", cluster.to_string()),
            ("--cluster-cookie", "the cookie of a rolling test".into()),
            ("--node-name", format!("n{number}")),
            ("--database-url", database.to_owned()),
            ("--unready-ms", "1000".into()),
        ];
        let arguments = arguments.map(|(name, value)| [name.to_owned(), value]);
        Self {
            ground: Ground::new(),
            address,
            arguments: arguments.concat(),
        }
    }

    fn start(&self) -> NodeProcess {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut node = self.ground.spawn(&mut self.ground.command(&arguments));
        node.address();
        node
    }
}

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
    let postgres = match PostgresServer::start(PostgresConfig::for_tests()) {
        Ok(postgres) => postgres,
        Err(missing) if missing.is_missing() => {
            return skipped("a_rolling_restart_fails_no_request", &missing.to_string());
        }
        Err(failure) => panic!("{failure}"),
    };
    let database = postgres.url("postgres");
    let seats: Vec<Seat> = (1..=NODES).map(|n| Seat::new(n, &database)).collect();
    let mut nodes: Vec<NodeProcess> = block_in_place(|| seats.iter().map(Seat::start).collect());
    let addresses: Vec<SocketAddr> = seats.iter().map(|seat| seat.address).collect();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let balancer = Balancer::start(any, &addresses).expect("it listens");
    until("all are ready", || balancer.ready().len() == NODES).await;

    let api = Api::at(balancer.address());
    let load = ClosedLoop::start(&api, CLIENTS).await;
    answered(&load, BETWEEN).await;
    for (number, seat) in seats.iter().enumerate() {
        let began = Instant::now();
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
        answered(&load, BETWEEN).await;
    }
    let told = load.stop().await;
    println!(
        "{} requests, the slowest took {:?}",
        told.requests(),
        told.slowest()
    );
    let failures = told.failures();
    assert!(
        failures.is_empty(),
        "{} of {} failed: {failures:#?}",
        failures.len(),
        told.requests()
    );
    told.require_kept(&api).await;
}
