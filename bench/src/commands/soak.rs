//! `fritzy-bench soak`: its flags, its progress, the report at the end, and its exit codes.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fritzy_bench::BenchError;
use fritzy_bench::soak::{Progress, SoakFault, SoakOptions, SoakReport, soak};

use super::EXIT_INTERRUPTED;
use super::signals::signalled;

/// Of a run that is ended by its number of kills: for each, if the cluster is slow to become whole.
const KILL_MAX: Duration = Duration::from_secs(60);
/// Between two kills of such a run: the fail-over, and the return of the node with its shards.
const KILL_EVERY: Duration = Duration::from_secs(14);
const MIB: f64 = 1024.0 * 1024.0;

/// Run a cluster under mixed load with a fault every half minute, and report what failed and what
/// grew
///
/// Starts PostgreSQL, nodes and proxies on loopback. Clients create accounts, place orders with
/// idempotency keys, rename, change orders, read and list, through all nodes, and repeat nothing.
/// Probes write to every shard, so that the time until all shards take writes again is known for
/// each fault. In the end everything acknowledged is read back, and the journal is verified.
///
/// Exit code 0: nothing is lost or wrong. 1: an answer was wrong, the cluster did not recover, or
/// the run could not be started. 2: wrong flags, or something is missing on this machine. 130:
/// ended by Ctrl-C, after what was measured until then was judged and reported; a second Ctrl-C
/// ends at once.
#[derive(Args)]
pub(crate) struct Soak {
    /// Minutes of load, 0.1 to 1440
    #[arg(long, default_value = "30", value_parser = minutes, conflicts_with = "kills")]
    minutes: Duration,

    /// Instead of mixed faults for some time, kill nodes so many times, one every 14 s unless
    /// --fault-every-s is given: for the figures of fail-over
    #[arg(long, value_name = "COUNT", conflicts_with = "faults", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    kills: Option<u32>,

    /// Seed of the faults and of what clients choose
    #[arg(long, default_value = "1")]
    seed: u64,

    /// Nodes, 2 to 9
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(2..=9))]
    nodes: u16,

    /// Shards, 8 to 256: each has a probe that writes once a second
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u16).range(8..=256))]
    shards: u16,

    /// Seconds between two faults, 8 to 3600; more while the cluster is not whole again. Default:
    /// 30
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(8..=3_600))]
    fault_every_s: Option<u64>,

    /// Kinds of faults: kill, stop, restart, cut-one-way, cut, refuse, slow, database-stall,
    /// database-restart, log-pipe-full; also full-disk (needs root) and clock (needs a C compiler).
    /// Default: all but these two
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    faults: Vec<SoakFault>,

    /// Requests a second of all clients together, without probes, 1 to 1000; less while they wait
    #[arg(long, value_name = "PER_S", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,

    /// The node to run. Default: `fritzy` in the folder of this program
    #[arg(long, value_name = "PATH")]
    node: Option<PathBuf>,

    /// A further setting of every node, such as --node-arg=--entities-max=100000
    #[arg(long, value_name = "FLAG=VALUE", allow_hyphen_values = true, value_parser = flag_and_value)]
    node_arg: Vec<(String, String)>,

    /// Keep the logs of nodes and database in this folder
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,

    /// Write the complete report to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Soak {
    pub(crate) async fn run(self) -> ExitCode {
        let reported = match self.measure().await {
            Ok(report) => self.report(&report),
            Err(error) => Err(error),
        };
        reported.unwrap_or_else(|error| {
            print_progress(&format!("fritzy-bench: {error}"));
            ExitCode::from(match error {
                BenchError::Settings(_) => 2,
                BenchError::Interrupted => EXIT_INTERRUPTED,
                _ => 1,
            })
        })
    }

    async fn measure(&self) -> Result<SoakReport, BenchError> {
        let options = self.options()?;
        let (began, mut has_begun) = tokio::sync::watch::channel(false);
        let (wanted, mut stop) = tokio::sync::watch::channel(false);
        let _signals = tokio::spawn(async move {
            for number in 1.. {
                if signalled().await.is_err() {
                    return;
                }
                if number > 1 || !*has_begun.borrow_and_update() {
                    // Processes end with this one: it is their reaper that ends them.
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
                print_progress("stopping, and judging what was measured …");
                wanted.send_replace(true);
            }
        });
        let stopped = async move {
            if stop.wait_for(|wanted| *wanted).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let show = |progress: Progress| {
            if matches!(progress, Progress::Began) {
                began.send_replace(true);
            }
            print_progress(&line(&progress));
        };
        soak(&options, stopped, &show).await
    }

    fn options(&self) -> Result<SoakOptions, BenchError> {
        let folder = self.json.as_ref().and_then(|file| file.parent());
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
        if let Some(folder) = folder {
            let missing = format!("--json: there is no folder {}", folder.display());
            return Err(BenchError::Settings(missing));
        }
        let fault_every = self.fault_every_s.map(Duration::from_secs);
        let (duration, kinds, every) = match self.kills {
            Some(kills) => (KILL_MAX * (kills + 1), vec![SoakFault::Kill], KILL_EVERY),
            None if self.faults.is_empty() => (
                self.minutes,
                SoakFault::default_kinds(),
                Duration::from_secs(30),
            ),
            None => (self.minutes, self.faults.clone(), Duration::from_secs(30)),
        };
        Ok(SoakOptions {
            duration,
            faults_max: self.kills,
            seed: self.seed,
            nodes: usize::from(self.nodes),
            shards: self.shards,
            fault_every: fault_every.unwrap_or(every),
            faults: kinds,
            rate_per_s: self.rate,
            node: self.node_program()?,
            node_settings: self.node_arg.clone(),
            logs: self.logs.clone(),
        })
    }

    /// Nodes run in folders of their own, so a relative path is resolved here.
    fn node_program(&self) -> Result<PathBuf, BenchError> {
        let beside = || std::env::current_exe().map(|program| program.with_file_name("fritzy"));
        let program = match &self.node {
            Some(program) => program.canonicalize(),
            None => beside().and_then(|program| program.canonicalize()),
        };
        program.map_err(|failure| {
            let named = self.node.as_ref().map(|program| program.display().to_string());
            let named = named.unwrap_or_else(|| "next to this program".to_owned());
            BenchError::Settings(format!(
                "there is no node {named} ({failure}): build it with `cargo build --release`, or pass --node"
            ))
        })
    }

    fn report(&self, report: &SoakReport) -> Result<ExitCode, BenchError> {
        if let Some(file) = &self.json {
            report.write(file)?;
        }
        writeln!(stdout().lock(), "{report}").map_err(|failure| BenchError::File {
            file: "stdout".to_owned(),
            failure,
        })?;
        let is_sound = report.failures().is_empty();
        Ok(ExitCode::from(exit_code(is_sound, report.interrupted)))
    }
}

/// What is wrong counts for more than an end before its time.
const fn exit_code(is_sound: bool, interrupted: bool) -> u8 {
    match (is_sound, interrupted) {
        (false, _) => 1,
        (true, true) => EXIT_INTERRUPTED,
        (true, false) => 0,
    }
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Starting => "starting the database and the nodes …".to_owned(),
        Progress::Began => "the load begins".to_owned(),
        Progress::Fault(record) => {
            let served = record.served_after_s.map(|after| format!("{after:.2} s"));
            let whole = record.whole_after_s.map(|after| format!("{after:.1} s"));
            let shown = |time: Option<String>| time.unwrap_or_else(|| "never".to_owned());
            format!(
                "{:6.0} s  {}, for {:.1} s: {} shards interrupted, all served after {}, whole after {}",
                record.injected_at_s,
                record.fault,
                record.lasted_s,
                record.interrupted_shards_count,
                shown(served),
                shown(whole),
            )
        }
        Progress::Load {
            elapsed,
            sent,
            failed,
            wrong,
            memory_bytes,
        } => {
            let memory = memory_bytes.iter().map(|bytes| {
                let mebibytes = bytes.map(|bytes| format!("{:.0}", bytes as f64 / MIB));
                mebibytes.unwrap_or_else(|| "-".to_owned())
            });
            let memory: Vec<String> = memory.collect();
            format!(
                "{:6.0} s  {sent} requests, {failed} without a result, {wrong} wrong; nodes use {} MiB",
                elapsed.as_secs_f64(),
                memory.join(" "),
            )
        }
        Progress::ReadingBack => "reading everything back …".to_owned(),
        Progress::Verifying => "verifying the journal …".to_owned(),
    }
}

/// A closed stderr must not stop the run.
fn print_progress(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: Option<f64> = text.parse().ok();
    let minutes = minutes.filter(|minutes| (0.1..=1_440.0).contains(minutes));
    let duration = minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    duration.ok_or_else(|| "not a number of minutes from 0.1 to 1440".to_owned())
}

fn flag_and_value(text: &str) -> Result<(String, String), String> {
    let parts = text
        .split_once('=')
        .filter(|(flag, _)| flag.starts_with("--"));
    let (flag, value) = parts.ok_or_else(|| "not of the form --flag=value".to_owned())?;
    Ok((flag.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answer_is_exit_code_1_also_after_an_interrupt() {
        assert_eq!([exit_code(false, false), exit_code(false, true)], [1, 1]);
        assert_eq!(exit_code(true, true), EXIT_INTERRUPTED);
        assert_eq!(exit_code(true, false), 0);
    }

    #[test]
    fn node_setting_is_split_at_its_first_equals_sign() {
        let setting = flag_and_value("--log=info,fritzy=debug");
        assert_eq!(
            setting,
            Ok(("--log".to_owned(), "info,fritzy=debug".to_owned()))
        );
        assert!(flag_and_value("log=info").is_err() && flag_and_value("--log").is_err());
    }
}
