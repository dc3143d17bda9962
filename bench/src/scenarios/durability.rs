//! What an acknowledged write guarantees during a measurement, and how long an fsync takes on this
//! disk: figures about writes are meaningless without both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Fsyncs of the probe: enough for a median, short compared to a run.
const PROBE_SYNCS: usize = 31;
/// The size of a page that SQLite appends to its WAL.
const PROBE_BYTES: usize = 4_096;
/// File systems in memory, where fsync does nothing.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What an acknowledged write guarantees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Durability {
    /// Whether commits are fsynced.
    pub fsync: Fsync,
    /// The reason for `fsync`'s value.
    pub because: String,
    /// The type of the data's file system.
    pub filesystem: Option<String>,
    /// Median time of writing and fsyncing 4 KiB there, in microseconds.
    pub sync_4kib_median_us: Option<f64>,
    /// Version and settings of the database server, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub server_settings: BTreeMap<String, String>,
}

/// Whether commits are fsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// Every commit is fsynced before it is acknowledged.
    On,
    /// The system has no store and writes nothing.
    NoStore,
    /// The store is in memory.
    InMemory,
    /// The node is external.
    Unknown,
}

impl Durability {
    /// For a SQLite store in `folder`. The store does not open a file that would not be fsynced.
    pub(crate) fn of_sqlite(folder: &Path) -> Self {
        Self {
            fsync: Fsync::On,
            because: "the store reads journal_mode=WAL and synchronous=FULL back when it opens"
                .to_owned(),
            filesystem: filesystem(folder),
            sync_4kib_median_us: sync_median_us(folder).ok(),
            server_settings: BTreeMap::new(),
        }
    }

    /// For a PostgreSQL database. The store does not open a database whose server would lose
    /// acknowledged writes.
    pub(crate) fn of_postgres(
        server_settings: BTreeMap<String, String>,
        data: Option<&Path>,
    ) -> Self {
        Self {
            because:
                "fsync and synchronous_commit are read from the server when it is connected to"
                    .to_owned(),
            filesystem: data.and_then(filesystem),
            server_settings,
            ..Self::without(Fsync::On, "")
        }
    }

    /// For a system without data on a disk.
    pub(crate) fn without(fsync: Fsync, because: &str) -> Self {
        Self {
            fsync,
            because: because.to_owned(),
            filesystem: None,
            sync_4kib_median_us: None,
            server_settings: BTreeMap::new(),
        }
    }

    /// Whether fsync is requested but has no effect.
    pub(crate) fn has_no_effect(&self) -> bool {
        let filesystem = self.filesystem.as_deref();
        self.fsync == Fsync::On && filesystem.is_some_and(|name| IN_MEMORY.contains(&name))
    }
}

fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    filesystem_in(&fs::read_to_string("/proc/self/mounts").ok()?, &folder)
}

/// The type of the innermost mount that contains the folder; of several at one mount point the last
/// one is visible.
fn filesystem_in(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let holding = mounts.filter(|(place, _)| folder.starts_with(place));
    let innermost = holding.max_by_key(|(place, _)| place.len())?;
    Some(innermost.1.to_owned())
}

fn sync_median_us(folder: &Path) -> io::Result<f64> {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut took_us = Vec::with_capacity(PROBE_SYNCS);
    for _ in 0..PROBE_SYNCS {
        let began = Instant::now();
        file.write_all(&[0; PROBE_BYTES])?;
        file.sync_data()?;
        took_us.push(began.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    took_us.sort_by(f64::total_cmp);
    Ok(took_us[PROBE_SYNCS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystem_is_that_of_the_innermost_last_mount() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nproc /proc proc rw 0 0\n\
                      /dev/vdb /data ext4 rw 0 0\n/dev/vdc /data xfs rw 0 0\n";
        for (folder, expected) in [
            ("/tmp/a", "tmpfs"),
            ("/tmpfoo", "ext4"),
            ("/var/lib", "ext4"),
            ("/data/x", "xfs"),
        ] {
            let found = filesystem_in(mounts, Path::new(folder));
            assert_eq!(found.as_deref(), Some(expected), "{folder}");
        }
        assert_eq!(filesystem_in("", Path::new("/tmp")), None);
    }

    #[test]
    fn fsync_on_tmpfs_has_no_effect() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut durability = Durability::of_sqlite(folder.path());
        assert!(durability.sync_4kib_median_us.is_some_and(|us| us > 0.0));
        durability.filesystem = Some("tmpfs".to_owned());
        assert!(durability.has_no_effect());
        durability.filesystem = Some("ext4".to_owned());
        assert!(!durability.has_no_effect());
        let none = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(none, 0, "the probe leaves nothing");
    }
}
