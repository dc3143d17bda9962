//! `fritzy-bench run`: its flags, its progress, the table at the end, and its exit codes.

use std::io::{self, Write, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fritzy_bench::measure::{Experiment, Interrupt, Progress, Report};
use fritzy_bench::{BenchError, SideFlags, SideSpec, scenarios};
use tokio::signal::unix::{SignalKind, signal};

use super::EXIT_INTERRUPTED;

/// Measure a scenario, by itself or in turns with another
///
/// Each run sets everything up anew, warms up, and measures for a fixed time. Figures are medians over the runs with
/// the least and the greatest. With --against the two sides run in turns, and the ratio of each pair is taken.
///
/// Latency percentiles are of accepted requests, those of refused ones beside them. Throughput counts what was
/// answered without an error.
///
/// Exit code 0: measured. 1: something failed, or no request was accepted. 2: wrong flags. 130: interrupted; servers
/// that were started are stopped, and nothing is reported.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Run {
    /// What to measure (below), with settings of this side behind its name if any: place:keyed,accounts=10
    scenario: SideSpec,

    /// What to measure it against, run by run; again with settings: actors-place:batch-len-max=1
    #[arg(long, value_name = "SCENARIO")]
    against: Option<SideSpec>,

    /// Seconds of load before a run counts
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds_or_none)]
    warmup_s: Duration,

    /// Seconds that count, 0.05 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    duration_s: Duration,

    /// Runs of each side, 1 to 100: 5 for figures, 1 for a quick look
    #[arg(long, value_name = "RUNS", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=100))]
    repeat: u16,

    /// What every choice of accounts and products follows from
    #[arg(long, default_value = "1")]
    seed: u64,

    /// Threads of the generator over HTTP, 1 to 64: more than one only where there are cores to spare
    #[arg(long, value_name = "THREADS", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,

    /// Keep the server on the first core and the generator on the last; Linux, over HTTP
    #[arg(long)]
    pin: bool,

    /// Folder in which data is put while it is measured, on the disk that is meant. Default: the system's for
    /// temporary files
    #[arg(long, value_name = "FOLDER")]
    data_in: Option<PathBuf>,

    /// Write the whole report into this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    #[command(flatten)]
    flags: SideFlags,
}

fn after_help() -> String {
    let width = scenarios().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, about): (&str, &str)| format!("  {name:<width$}  {about}\n");
    let lines: String = scenarios().map(line).collect();
    format!("Scenarios:\n{lines}")
}

impl Run {
    pub(crate) async fn run(self) -> ExitCode {
        let reported = match self.measure().await {
            Ok(report) => self.report(&report),
            Err(error) => Err(error),
        };
        match reported {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("fritzy-bench: {error}"));
                ExitCode::from(match error {
                    BenchError::Settings(_) | BenchError::Url(_) => 2,
                    BenchError::Interrupted => EXIT_INTERRUPTED,
                    _ => 1,
                })
            }
        }
    }

    async fn measure(&self) -> Result<Report, BenchError> {
        self.check_json_folder()?;
        let (end, interrupt) = Interrupt::new();
        let _signals = tokio::spawn(async move {
            if signalled().await.is_ok() {
                say("stopping …");
                end.send_replace(true);
            }
            // The switch is kept until the end.
            end.closed().await;
        });
        let runs = self.repeat;
        let show = |progress: Progress<'_>| match progress {
            Progress::Preparing { side, run } => say(&format!("run {run} of {runs}: {side}")),
            Progress::Measuring { lasts } => {
                say(&format!("  measuring for {} s …", lasts.as_secs_f64()));
            }
            Progress::Measured {
                accepted_per_s,
                accepted_p99_us,
            } => {
                let p99_ms = accepted_p99_us.unwrap_or_default() / 1e3;
                say(&format!(
                    "  {accepted_per_s:.0} accepted/s, p99 {p99_ms:.2} ms"
                ));
            }
        };
        self.experiment().run(&interrupt, &show).await
    }

    fn experiment(&self) -> Experiment {
        let at_least_1 = |number: u16| {
            NonZeroUsize::new(usize::from(number)).expect("the range of the flag begins at 1")
        };
        Experiment {
            subject: self.scenario.clone(),
            baseline: self.against.clone(),
            flags: self.flags.clone(),
            warmup: self.warmup_s,
            duration: self.duration_s,
            repeat: at_least_1(self.repeat),
            seed: self.seed,
            threads: at_least_1(self.threads),
            pin: self.pin,
            data_in: self.data_in.clone().unwrap_or_else(std::env::temp_dir),
        }
    }

    /// Minutes of measuring must not end in a report that cannot be written.
    fn check_json_folder(&self) -> Result<(), BenchError> {
        let parent = self.json.as_ref().and_then(|file| file.parent());
        match parent {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(
                BenchError::Settings(format!("--json: there is no folder {}", folder.display())),
            ),
            _ => Ok(()),
        }
    }

    fn report(&self, report: &Report) -> Result<(), BenchError> {
        if let Some(file) = &self.json {
            report.write(file)?;
        }
        writeln!(stdout().lock(), "{report}").map_err(|failure| BenchError::File {
            file: "stdout".to_owned(),
            failure,
        })
    }
}

/// A closed stderr is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// Returns when somebody wants this program to end.
async fn signalled() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    let seconds = seconds.filter(|seconds| (0.05..=3_600.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "not a number of seconds from 0.05 to 3600".to_owned())
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    seconds(text)
}
