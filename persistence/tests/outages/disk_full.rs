//! PostgreSQL on a disk without room: writes are refused, nothing acknowledged is lost, and once there is room it
//! goes on, by itself where the server has survived.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, skipped};
use tempfile::TempDir;

use crate::ground::{Ground, PATIENT, Told, acknowledged, blocking};

/// A new server takes some 60 MB with its log.
const DISK_SIZE: &str = "size=160m";
/// Accounts created at once.
const BATCH: u128 = 200;
/// Batches until the disk is full, at most: what is free after the filler is some kilobytes, and a segment of the log.
const BATCHES_MAX: u128 = 2_000;

/// A small file system, gone with this value.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where none may be mounted.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK_SIZE, "none"])
            .arg(folder.path())
            .output();
        let mounted = mounted.is_ok_and(|done| done.status.success());
        // Its owner made it for itself alone; the server is another account.
        let opened = Command::new("chmod").arg("755").arg(folder.path()).status();
        (mounted && opened.is_ok_and(|status| status.success())).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no byte.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).expect("it is there");
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
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let test = "a_full_disk_refuses_writes_and_loses_nothing";
    let Some(disk) = SmallDisk::mount() else {
        return skipped(test, "only root may mount a small file system");
    };
    let config = PostgresConfig {
        data_root: Some(disk.path().to_owned()),
        ..PostgresConfig::default()
    };
    let config = config
        .with("max_wal_size", "32MB")
        .with("min_wal_size", "32MB");
    let server = match PostgresServer::start(config) {
        Ok(server) => server,
        Err(missing @ ServiceError::Missing { .. }) => return skipped(test, &missing.to_string()),
        Err(failure) => panic!("{failure}"),
    };
    let ground = Ground::on(server).await;
    let mut told = ground.tell_many(1, BATCH, PATIENT).await;
    assert_eq!(acknowledged(&told), told.len());
    disk.fill();
    let mut next = 1 + BATCH;
    let refused = |told: &[Told]| told.iter().any(|(_, answer)| answer.is_err());
    while !refused(&told) && next < BATCHES_MAX * BATCH {
        let round = ground.tell_many(next, BATCH, PATIENT).await;
        told.extend(round);
        next += BATCH;
    }
    assert!(refused(&told), "the disk is full");
    disk.free();
    // A server that could not write its log has ended; whoever supervises it starts it again.
    let alive = || ground.server.psql("postgres", "SELECT 1").is_ok();
    let began = Instant::now();
    while !blocking(alive) {
        assert!(
            began.elapsed() < PATIENT,
            "the server is neither up nor down"
        );
        if ground.server.restart().is_ok() {
            break;
        }
    }
    let began = Instant::now();
    loop {
        next += 1;
        let again = ground.tell(ground.account(next, PATIENT)).await;
        let written = again.1.is_ok();
        told.push(again);
        if written {
            break;
        }
        assert!(began.elapsed() < PATIENT, "it goes on by itself");
        tokio::task::yield_now().await;
    }
    ground.audit(&told).await;
}
