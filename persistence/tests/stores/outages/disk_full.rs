//! PostgreSQL on a full disk: writes are refused and nothing acknowledged is lost. Once space is
//! freed, writes continue without help if the server survived.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use fritzy_testbed::{PostgresConfig, PostgresServer, skip, skip_unless};
use tempfile::TempDir;

use crate::fixture::TEST_TIMEOUT;
use crate::outages::workspace::{ClientObservation, Workspace, acknowledged, blocking};

/// A new server uses some 60 MB with its WAL.
const DISK_SIZE: &str = "size=160m";
/// Accounts created at once.
const BATCH: u128 = 200;
/// Limit of batches until the disk is full. The filler leaves some kilobytes and what is free in a
/// WAL segment.
const BATCHES_MAX: u128 = 2_000;

/// A small file system, unmounted when this value is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Returns `None` where the user may not mount one.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK_SIZE, "none"])
            .arg(folder.path())
            .output();
        let mounted = mounted.is_ok_and(|done| done.status.success());
        // Only its owner may enter a temporary folder; the server runs as another user.
        let opened = Command::new("chmod").arg("755").arg(folder.path()).status();
        (mounted && opened.is_ok_and(|status| status.success())).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).expect("the filler exists");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmount = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
        drop(unmount);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        skip!("only root may mount a small file system");
    };
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
    disk.fill();
    let mut next = 1 + BATCH;
    let refused = |observed: &[ClientObservation]| acknowledged(observed) < observed.len();
    while !refused(&observed) && next < BATCHES_MAX * BATCH {
        observed.extend(workspace.create_accounts(next, BATCH).await);
        next += BATCH;
    }
    assert!(refused(&observed), "the disk is full");
    disk.free();
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
