//! What an acknowledgement means while it is measured, and what a sync costs on this disk: figures of writing say
//! nothing without it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Syncs of the probe: enough for a median, little beside a run.
const PROBE_SYNCS: usize = 31;
/// What SQLite appends to its log for one page.
const PROBE_BYTES: usize = 4_096;
/// File systems in memory, where a sync does nothing.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What an acknowledgement means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Durability {
    /// Whether commits are synced.
    pub fsync: Fsync,
    /// How that is known.
    pub because: String,
    /// The file system of the data.
    pub filesystem: Option<String>,
    /// Median of writing 4 KiB and syncing them there.
    pub sync_4kib_median_us: Option<f64>,
    /// Version and settings of the database's server, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub server_settings: BTreeMap<String, String>,
}

/// Whether commits are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// At every commit.
    On,
    /// There is nothing to sync.
    NoStore,
    /// The store is memory.
    InMemory,
    /// It is another's node.
    Unknown,
}

impl Durability {
    /// Of a SQLite store of this project below `folder`: it refuses to open a file that would not be synced.
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

    /// Of a database on PostgreSQL: this program opens none on a server that would lose what it acknowledges.
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

    /// Where nothing is kept on a disk.
    pub(crate) fn without(fsync: Fsync, because: &str) -> Self {
        Self {
            fsync,
            because: because.to_owned(),
            filesystem: None,
            sync_4kib_median_us: None,
            server_settings: BTreeMap::new(),
        }
    }

    /// Whether a sync is asked for and cannot do anything.
    pub(crate) fn is_hollow(&self) -> bool {
        let filesystem = self.filesystem.as_deref();
        self.fsync == Fsync::On && filesystem.is_some_and(|name| IN_MEMORY.contains(&name))
    }
}

fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    filesystem_in(&fs::read_to_string("/proc/self/mounts").ok()?, &folder)
}

/// The type of the innermost mount that holds the folder; of several at one place the last one is seen.
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
    fn the_innermost_mount_counts_and_of_two_at_one_place_the_last() {
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
    fn a_sync_in_memory_is_hollow() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut durability = Durability::of_sqlite(folder.path());
        assert!(durability.sync_4kib_median_us.is_some_and(|us| us > 0.0));
        durability.filesystem = Some("tmpfs".to_owned());
        assert!(durability.is_hollow());
        durability.filesystem = Some("ext4".to_owned());
        assert!(!durability.is_hollow());
        let none = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(none, 0, "the probe leaves nothing");
    }
}
