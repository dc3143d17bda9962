//! PostgreSQL on a full disk: writes are refused and nothing acknowledged is lost. Once space is
//! freed, writes continue without help if the server survived.

use std::time::Instant;

use fritzy_testbed::{PostgresConfig, PostgresServer, SmallDisk, skip_unless};

use crate::fixture::TEST_TIMEOUT;
use crate::outages::workspace::{ClientObservation, Workspace, acknowledged, blocking};

/// A new server uses some 60 MB with its WAL.
const DISK_SIZE: &str = "160m";
/// Accounts created at once.
const BATCH: u128 = 200;
/// Limit of batches until the disk is full. The filler leaves some kilobytes and what is free in a
/// WAL segment.
const BATCHES_MAX: u128 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_full_disk_refuses_writes_and_loses_nothing() {
    let disk = skip_unless!(SmallDisk::mount(DISK_SIZE));
    let config = PostgresConfig {
        data_root: Some(disk.path().to_owned()),
        ..PostgresConfig::default()
    };
    let config = config
        .with("max_wal_size", "32MB")
        .with("min_wal_size", "32MB");
    let server = skip_unless!(PostgresServer::start(config));
    let workspace = Workspace::on(server).await;
    let mut observed = workspace.create_accounts(1, BATCH).await;
    assert_eq!(acknowledged(&observed), observed.len());
    blocking(|| disk.fill()).expect("a filler");
    let mut next = 1 + BATCH;
    let refused = |observed: &[ClientObservation]| acknowledged(observed) < observed.len();
    while !refused(&observed) && next < BATCHES_MAX * BATCH {
        observed.extend(workspace.create_accounts(next, BATCH).await);
        next += BATCH;
    }
    assert!(refused(&observed), "the disk is full");
    blocking(|| disk.free()).expect("the filler exists");
    // A server that cannot write its WAL ends; a supervisor restarts it.
    let alive = || workspace.server.psql("postgres", "SELECT 1").is_ok();
    let began = Instant::now();
    while !blocking(alive) {
        assert!(
            began.elapsed() < TEST_TIMEOUT,
            "the server is neither up nor down"
        );
        if workspace.server.restart().is_ok() {
            break;
        }
    }
    let began = Instant::now();
    loop {
        next += 1;
        let retried = workspace.create_account(next).await;
        let written = retried.is_acknowledged();
        observed.push(retried);
        if written {
            break;
        }
        assert!(began.elapsed() < TEST_TIMEOUT, "writes continue");
        tokio::task::yield_now().await;
    }
    workspace.audit(&observed).await;
}
