//! Every fault has its effect on a real cluster, and is over when it is healed.

mod observer;

use std::net::TcpStream;
use std::time::Duration;

use fritzy_testbed::{ServiceError, blocking, skip_unless, wait_until};
use fritzy_testbed_faults::{Fault, FaultCluster, FaultConfig, Link, Standby};
use observer::Observer;

/// Until all nodes serve again.
const SERVED_MAX: Duration = Duration::from_secs(60);
/// Much longer than a write on an idle machine.
const SLOW: Duration = Duration::from_millis(400);
const HOUR_S: i64 = 3_600;

fn start(config: &FaultConfig) -> Result<FaultCluster, ServiceError> {
    tokio::task::block_in_place(|| FaultCluster::start(config))
}

fn two_nodes() -> FaultConfig {
    FaultConfig {
        nodes: 2,
        ..FaultConfig::default()
    }
}

/// Injects a fault, observes its effect, heals it, and waits until all is served.
#[expect(clippy::print_stdout, reason = "a report of the test")]
async fn broken(cluster: &FaultCluster, fault: Fault, effect: impl AsyncFnOnce()) {
    blocking(|| cluster.inject(&fault));
    effect().await;
    blocking(|| cluster.heal(&fault));
    let served = blocking(|| cluster.wait_served(SERVED_MAX));
    println!("{fault}: served again after {served:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn process_faults_end_and_stop_processes() {
    let cluster = skip_unless!(start(&two_nodes()));
    let before = cluster.pids();
    assert!(before.iter().all(Option::is_some), "{before:?}");
    broken(&cluster, Fault::Kill { node: 0 }, async || {
        assert_eq!(cluster.pids(), [None, before[1]]);
    })
    .await;
    assert_ne!(cluster.pids()[0], before[0]);
    broken(&cluster, Fault::Restart { node: 1 }, async || {
        assert_eq!(cluster.pids()[1], None);
        let log = std::fs::read_to_string(cluster.node_logs()[1]).unwrap();
        assert!(log.contains("SIGTERM"), "{log}");
    })
    .await;
    let state = || {
        let pid = cluster.pids()[0].expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.contains("State:\tT")
    };
    broken(&cluster, Fault::Stop { node: 0 }, async || {
        wait_until("it is stopped", SERVED_MAX, state);
    })
    .await;
    assert!(!state());
}

#[tokio::test(flavor = "multi_thread")]
async fn link_faults_concern_one_node_until_healed() {
    let cluster = skip_unless!(start(&two_nodes()));
    let observer = Observer::of(&cluster).await;
    for link in [Link::Database, Link::Peers] {
        // n2 joined later, so n1 accepts the connections between them.
        let (node, of_node) = (0, observer.account_of("n1").await);
        let other = observer.account_of("n2").await;
        let through = match link {
            Link::Database => 0,
            Link::Peers => 1,
        };
        let took = observer.rename(through, &of_node).await;
        assert!(took.expect("it is written") < SLOW, "{link}");
        let slow = Fault::Slow {
            node,
            link,
            delay_ms: SLOW.as_millis() as u64,
        };
        broken(&cluster, slow, async || {
            let took = observer.rename(through, &of_node).await;
            assert!(took.expect("it is written") >= SLOW, "{link}");
        })
        .await;
        let cut = Fault::CutBothWays { node, link };
        let one_way = Fault::CutOneWay { node, link };
        for fault in [cut, one_way, Fault::Refused { node, link }] {
            let of_node = observer.account_of("n1").await;
            broken(&cluster, fault.clone(), async || {
                let written = observer.rename(through, &of_node).await;
                assert_eq!(written, None, "{fault}");
                let other = observer.rename(1, &other).await;
                assert!(other.is_some(), "{fault}: the other node works");
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn database_faults_stop_writes_until_healed() {
    let cluster = skip_unless!(start(&two_nodes().for_faults([&Fault::FullDisk])));
    let observer = Observer::of(&cluster).await;
    for fault in [
        Fault::DatabaseStall,
        Fault::DatabaseRestart,
        Fault::FullDisk,
    ] {
        let account = observer.account_of("n1").await;
        let is_full_disk = fault == Fault::FullDisk;
        broken(&cluster, fault.clone(), async || match is_full_disk {
            // A segment of the log may have room left.
            true => observer.fill_until_refused().await,
            false => assert_eq!(observer.rename(0, &account).await, None, "{fault}"),
        })
        .await;
        let account = observer.account_of("n1").await;
        assert!(observer.rename(0, &account).await.is_some(), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promotion_loses_exactly_what_its_kind_says() {
    for (standby, fault) in [
        (Standby::Synchronous, Fault::PromotionWithoutLoss),
        (Standby::Asynchronous, Fault::PromotionWithLoss),
    ] {
        let config = two_nodes().for_faults([&fault]);
        assert_eq!(config.standby, standby);
        let cluster = skip_unless!(start(&config));
        let observer = Observer::of(&cluster).await;
        let before = observer.new_account(0).await;
        let before = before.expect("it is created");
        let mut during = None;
        broken(&cluster, fault.clone(), async || {
            during = observer.new_account(1).await;
        })
        .await;
        assert!(observer.has(&before).await, "{fault}");
        // Without loss, nothing could be written meanwhile; with loss, it is gone.
        match fault {
            Fault::PromotionWithoutLoss => assert_eq!(during, None),
            _ => assert!(!observer.has(&during.expect("it is created")).await),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_jumps_and_returns() {
    let ahead_s = HOUR_S;
    let fault = Fault::ClockOff { node: 0, ahead_s };
    let cluster = skip_unless!(start(&two_nodes().for_faults([&fault])));
    let observer = Observer::of(&cluster).await;
    let right = observer.ahead_s("n1").await;
    assert!(right.abs() < HOUR_S / 2, "{right}");
    broken(&cluster, fault, async || {
        let ahead_s = observer.ahead_s("n1").await;
        assert!((ahead_s - HOUR_S).abs() < HOUR_S / 2, "{ahead_s}");
        let right = observer.ahead_s("n2").await;
        assert!(right.abs() < HOUR_S / 2, "{right}");
    })
    .await;
    let right = observer.ahead_s("n1").await;
    assert!(right.abs() < HOUR_S / 2, "{right}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_log_pipe_drops_lines_of_a_serving_node() {
    let config = two_nodes().with("--log", "trace");
    let cluster = skip_unless!(start(&config));
    let observer = Observer::of(&cluster).await;
    assert_eq!(observer.dropped_lines(0).await, 0.0);
    broken(&cluster, Fault::LogPipeFull { node: 0 }, async || {
        while observer.dropped_lines(0).await == 0.0 {
            assert!(observer.new_account(0).await.is_some(), "it serves");
        }
    })
    .await;
    let log = std::fs::read_to_string(cluster.node_logs()[0]).unwrap();
    assert!(log.contains("\n\n"), "the pipe was filled, and drained");
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_is_away_until_healed() {
    let cluster = skip_unless!(start(&two_nodes().for_faults([&Fault::BrokerAway])));
    let brokers = cluster.brokers().expect("a broker");
    assert!(TcpStream::connect(&brokers).is_ok());
    broken(&cluster, Fault::BrokerAway, async || {
        assert!(TcpStream::connect(&brokers).is_err());
    })
    .await;
    assert!(TcpStream::connect(&brokers).is_ok());
}
