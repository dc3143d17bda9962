//! The output of pgbench: a log line for each transaction, and a summary.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::load::{Outcome, Rejection, Turn};

/// The logs of one run: one file for each thread of pgbench.
pub(super) struct Transactions {
    folder: PathBuf,
}

/// One line of a log: `client transaction latency_us script epoch_s epoch_us`.
#[derive(Debug, PartialEq)]
struct Line {
    /// `None` if the transaction failed.
    latency: Option<Duration>,
    /// Since the Unix epoch.
    ended: Duration,
}

impl Transactions {
    pub(super) fn below(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Whether a line was written; pgbench buffers them.
    pub(super) fn have_started(&self) -> bool {
        let files = self.files();
        files.is_ok_and(|files| {
            let mut lengths = files.iter().filter_map(|file| fs::metadata(file).ok());
            lengths.any(|metadata| metadata.len() > 0)
        })
    }

    /// Passes the outcome of each transaction to `take`. `now` and `system_now` are the same point
    /// in time.
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
                    let reason = format!("not a line of a pgbench log: {line:?}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                };
                // The clock started long before the load.
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
                    None => Outcome::Rejected(Rejection::WrongResponse),
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

/// Parses `tps = 6700.123 (without initial connection time)`.
pub(super) fn transactions_per_s(output: &str) -> Option<f64> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_has_latency_and_end_or_a_failure() {
        let line = Line::read("3 17 2500 0 1790000000 250000").expect("a line");
        assert_eq!(line.latency, Some(Duration::from_micros(2_500)));
        assert_eq!(line.ended, Duration::new(1_790_000_000, 250_000_000));
        let failed = Line::read("3 18 failed 0 1790000000 1").expect("a line");
        assert_eq!(failed.latency, None);
        assert_eq!(Line::read("3 18"), None);
    }

    #[test]
    fn system_times_are_converted_to_instants() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Transactions::below(folder.path());
        assert!(!log.have_started());
        let lines = "0 0 1000 0 1790000001 500000\n0 1 1000 0 1789999999 0\n";
        fs::write(folder.path().join("log.77"), lines).expect("written");
        fs::write(folder.path().join("out"), "tps").expect("written");
        assert!(log.have_started());
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
    fn throughput_is_read_from_the_summary() {
        let output = "number of clients: 8\ntps = 6700.125 (without initial connection time)\n";
        assert_eq!(transactions_per_s(output), Some(6_700.125));
        assert_eq!(transactions_per_s("nothing"), None);
    }
}
