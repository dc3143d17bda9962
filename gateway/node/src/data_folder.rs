//! What the file system of the SQLite database promises.

use std::path::Path;

/// The kind of a file system that is in memory, such as `tmpfs`; `None` for a disk, and where the
/// system does not say. The path may be a link: what counts is where it leads.
#[cfg(target_os = "linux")]
pub(crate) fn in_memory(path: &Path) -> Option<&'static str> {
    // `linux/magic.h`.
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    let found = rustix::fs::statfs(path).ok()?;
    match found.f_type {
        TMPFS => Some("tmpfs"),
        // The type has 32 bits and a sign on some architectures.
        other if other as u32 == RAMFS => Some("ramfs"),
        _ => None,
    }
}

/// Other systems do not say.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn in_memory(_path: &Path) -> Option<&'static str> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_in_memory_are_named() {
        // Always mounted on Linux, and neither a disk nor storage in memory.
        assert_eq!(in_memory(Path::new("/proc")), None);
        assert_eq!(in_memory(Path::new("/nonexistent")), None);
    }
}
