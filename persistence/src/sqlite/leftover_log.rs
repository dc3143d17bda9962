//! Whether the log beside a file belongs to it. After a kill the log stays; if the file is replaced
//! then, SQLite applies the log of the old one to the new one.
//!
//! Whoever puts another file there does it after the last write to the log. So does SQLite when it
//! moves the log into the file, but then the file has the pages of the log, in their order.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Lengths by SQLite's file format, in bytes.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The page size is a power of two from 512 to 65 536.
const PAGE_MAX: u32 = 65_536;

/// What the log beside a file is to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftoverLog {
    /// There is none, or it belongs to the file.
    Sound,
    /// The file has some of its pages: it was being moved into the file, or the file is another one.
    Begun,
    /// The file was changed after the log, and by something else than moving the log into it.
    Doubtful,
}

impl LeftoverLog {
    /// Looks at `file`, which must not be open in this process: closing it would release SQLite's
    /// locks.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub(super) fn beside(file: &Path, log: &Path) -> io::Result<Self> {
        let (main, log_found) = match (fs::metadata(file), fs::metadata(log)) {
            (Ok(main), Ok(log)) => (main, log),
            (Err(failure), _) | (_, Err(failure)) if failure.kind() == ErrorKind::NotFound => {
                return Ok(Self::Sound);
            }
            (Err(failure), _) | (_, Err(failure)) => return Err(failure),
        };
        // The time of the last change of a file cannot be set, unlike that of its modification.
        let changed = (main.ctime(), main.ctime_nsec());
        if changed <= (log_found.mtime(), log_found.mtime_nsec()) {
            return Ok(Self::Sound);
        }
        let Some(pages) = committed_pages(log)? else {
            return Ok(Self::Sound);
        };
        let (mut main, mut log) = (File::open(file)?, File::open(log)?);
        let mut matching = 0;
        for (&number, &offset) in &pages.offsets {
            let in_file = u64::from(number - 1) * u64::from(pages.size);
            if page(&mut main, in_file, pages.size)? != page(&mut log, offset, pages.size)? {
                break;
            }
            matching += 1;
        }
        // SQLite moves pages in the order of their numbers.
        Ok(match matching {
            all if all == pages.offsets.len() => Self::Sound,
            0 => Self::Doubtful,
            _ => Self::Begun,
        })
    }
}

/// The pages that a log would put in place of those of its file.
struct Pages {
    size: u32,
    /// Where the newest version of each page is in the log.
    offsets: BTreeMap<u32, u64>,
}

/// Reads the frames of a log up to its last commit. `None` if there are none: SQLite ignores it.
fn committed_pages(log: &Path) -> io::Result<Option<Pages>> {
    let mut log = BufReader::new(File::open(log)?);
    let mut header = [0; HEADER];
    if !read_all(&mut log, &mut header)? {
        return Ok(None);
    }
    let size = number(&header, 8);
    if !size.is_power_of_two() || !(512..=PAGE_MAX).contains(&size) {
        return Ok(None);
    }
    let (mut offsets, mut uncommitted) = (BTreeMap::new(), Vec::new());
    let mut at = HEADER as u64;
    let mut frame = [0; FRAME_HEADER];
    while read_all(&mut log, &mut frame)? {
        // Frames of an earlier use of the log follow those of this one.
        if frame[8..16] != header[16..24] || number(&frame, 0) == 0 {
            break;
        }
        uncommitted.push((number(&frame, 0), at + FRAME_HEADER as u64));
        let is_commit = number(&frame, 4) != 0;
        if is_commit {
            offsets.extend(uncommitted.drain(..));
        }
        log.seek_relative(i64::from(size))?;
        at += FRAME_HEADER as u64 + u64::from(size);
    }
    Ok((!offsets.is_empty()).then_some(Pages { size, offsets }))
}

/// Whether a log has anything that was committed.
///
/// # Errors
/// When it cannot be read.
pub(super) fn has_commits(log: &Path) -> io::Result<bool> {
    match committed_pages(log) {
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(false),
        pages => Ok(pages?.is_some()),
    }
}

/// Fills the buffer; `false` at the end of the file.
fn read_all(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(failure) if failure.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// What a file has at a page; shorter at its end.
fn page(file: &mut File, offset: u64, size: u32) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(size.into()).read_to_end(&mut page)?;
    Ok(page)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let bytes: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
    u32::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

    use super::*;
    use crate::sqlite::options::connect_options;

    async fn run(connection: &mut SqliteConnection, statement: &'static str) {
        let done = sqlx::query(statement).execute(connection).await;
        done.expect(statement);
    }

    /// As a change by an operator: later than the log, whatever the resolution of times.
    fn put(content: &[u8], file: &Path) {
        std::thread::sleep(Duration::from_millis(20));
        fs::write(file, content).expect("written");
    }

    #[tokio::test]
    async fn i1_log_of_another_file_is_doubtful() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, log) = (folder.path().join("a.db"), folder.path().join("a.db-wal"));
        let look = || LeftoverLog::beside(&file, &log).expect("reads");
        assert_eq!(look(), LeftoverLog::Sound, "there is nothing");
        let mut connection = connect_options(&file).connect().await.expect("opens");
        run(&mut connection, "CREATE TABLE t (v)").await;
        run(&mut connection, "INSERT INTO t VALUES (zeroblob(20000))").await;
        run(&mut connection, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        let old = fs::read(&file).expect("reads");
        run(&mut connection, "INSERT INTO t VALUES (zeroblob(30000))").await;
        // Copies of what a kill would leave now, since the connection must not lose its locks.
        let kill = |to: &Path| {
            for from in [&file, &log] {
                let copy = to.join(from.file_name().expect("a name"));
                fs::copy(from, copy).expect("copied");
            }
            (to.join("a.db"), to.join("a.db-wal"))
        };
        let place = || tempfile::tempdir().expect("a folder");
        let (before, after) = (place(), place());
        let (main_before, log_before) = kill(before.path());
        let look_before = || LeftoverLog::beside(&main_before, &log_before).expect("reads");
        assert_eq!(
            look_before(),
            LeftoverLog::Sound,
            "the log was written last"
        );
        put(&old, &main_before);
        assert_eq!(
            look_before(),
            LeftoverLog::Doubtful,
            "changed after the log"
        );

        run(&mut connection, "PRAGMA wal_checkpoint(PASSIVE)").await;
        let (main_after, log_after) = kill(after.path());
        let moved = fs::read(&main_after).expect("reads");
        let look_after = || LeftoverLog::beside(&main_after, &log_after).expect("reads");
        put(&moved, &main_after);
        assert_eq!(
            look_after(),
            LeftoverLog::Sound,
            "the log was moved into it"
        );
        // Of 8 KiB in the order of pages, when it was killed.
        let part = [&moved[..8_192], &old[8_192..]].concat();
        put(&part, &main_after);
        assert_eq!(look_after(), LeftoverLog::Begun);
        put(&old, &main_after);
        assert_eq!(look_after(), LeftoverLog::Doubtful);
        connection.close().await.expect("closes");
    }
}
