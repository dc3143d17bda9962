//! What pgbench says: a line for each transaction in its logs, and a summary at its end.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::load::{Outcome, Refusal, Turn};

/// The logs of one run: one for each thread of pgbench.
pub(super) struct Transactions {
    folder: PathBuf,
}

/// One line of a log: `client transaction latency_us script epoch_s epoch_us`.
#[derive(Debug, PartialEq)]
struct Line {
    /// `None` when it failed.
    latency: Option<Duration>,
    /// Since 1970.
    ended: Duration,
}

impl Transactions {
    pub(super) fn below(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Whether there is a line already. They are written some at a time.
    pub(super) fn have_begun(&self) -> bool {
        let files = self.files();
        files.is_ok_and(|files| {
            let mut lengths = files.iter().filter_map(|file| fs::metadata(file).ok());
            lengths.any(|metadata| metadata.len() > 0)
        })
    }

    /// Reads what became of each transaction. `now` and `system_now` are the same moment.
    pub(super) fn each(
        &self,
        now: Instant,
        system_now: SystemTime,
        mut take: impl FnMut(Turn, Outcome, Instant),
    ) -> io::Result<()> {
        let since_1970 = system_now.duration_since(UNIX_EPOCH).unwrap_or_default();
        for file in self.files()? {
            for line in BufReader::new(File::open(file)?).lines() {
                let line = line?;
                let Some(line) = Line::read(&line) else {
                    let told = format!("no line of a log: {line:?}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, told));
                };
                // Before the load began there was time enough on this clock.
                let ended = if line.ended >= since_1970 {
                    now + (line.ended - since_1970)
                } else {
                    now - (since_1970 - line.ended)
                };
                let began = ended - line.latency.unwrap_or_default();
                let turn = Turn {
                    intended: began,
                    sent: began,
                };
                let outcome = match line.latency {
                    Some(_) => Outcome::Accepted,
                    None => Outcome::Refused(Refusal::WrongAnswer),
                };
                take(turn, outcome, ended);
            }
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("log.") {
                files.push(entry.path());
            }
        }
        Ok(files)
    }
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let micros = |index: usize| fields.get(index)?.parse().ok();
        let seconds = fields.get(4)?.parse().ok();
        Some(Self {
            latency: micros(2).map(Duration::from_micros),
            ended: Duration::from_secs(seconds?) + Duration::from_micros(micros(5)?),
        })
    }
}

/// From `tps = 6700.123 (without initial connection time)`.
pub(super) fn transactions_per_s(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_and_until_when_and_failures_are_told_apart() {
        let line = Line::read("3 17 2500 0 1790000000 250000").expect("a line");
        assert_eq!(line.latency, Some(Duration::from_micros(2_500)));
        assert_eq!(line.ended, Duration::new(1_790_000_000, 250_000_000));
        let failed = Line::read("3 18 failed 0 1790000000 1").expect("a line");
        assert_eq!(failed.latency, None);
        assert_eq!(Line::read("3 18"), None);
    }

    #[test]
    fn moments_of_the_system_become_moments_of_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Transactions::below(folder.path());
        assert!(!log.have_begun());
        let lines = "0 0 1000 0 1790000001 500000\n0 1 1000 0 1789999999 0\n";
        fs::write(folder.path().join("log.77"), lines).expect("written");
        fs::write(folder.path().join("out"), "tps").expect("written");
        assert!(log.have_begun());
        let now = Instant::now();
        let system = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let mut seen = Vec::new();
        log.each(now, system, |turn, outcome, ended| {
            assert_eq!(outcome, Outcome::Accepted);
            assert_eq!(ended - turn.intended, Duration::from_millis(1));
            seen.push(ended);
        })
        .expect("read");
        let second = Duration::from_secs(1);
        assert_eq!(seen, [now + second * 3 / 2, now - second]);
    }

    #[test]
    fn the_summary_is_read() {
        let said = "number of clients: 8\ntps = 6700.125 (without initial connection time)\n";
        assert_eq!(transactions_per_s(said), Some(6_700.125));
        assert_eq!(transactions_per_s("nothing"), None);
    }
}
