//! `fritzy-bench run`: its flags, its progress, the table at the end, and its exit codes.

use std::io::{Write, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fritzy_bench::measure::{Experiment, Interrupt, Progress, Report};
use fritzy_bench::{BenchError, VariantFlags, VariantSpec, scenarios};

use super::EXIT_INTERRUPTED;
use super::signals::signalled;

/// Measure a scenario, alone or alternating with another
///
/// Each run sets everything up anew, warms up, and measures for a fixed time. Figures are medians
/// over the runs with minimum and maximum. With --against, two variants alternate, and the ratio of
/// each pair is reported.
///
/// Latency percentiles are those of accepted requests; rejected requests have their own. Throughput
/// counts accepted requests only.
///
/// Exit code 0: measured. 1: something failed, or no request was accepted. 2: wrong flags. 130:
/// interrupted; started servers are stopped, and nothing is reported.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct Run {
    /// The scenario to measure (see below), optionally with settings of this variant:
    /// place:keyed,accounts=10
    scenario: VariantSpec,

    /// The variant to compare with, run by run, optionally with settings:
    /// actors-place:batch-len-max=1
    #[arg(long, value_name = "SCENARIO")]
    against: Option<VariantSpec>,

    /// Seconds of warm-up load, 0 or 0.05 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds_or_none)]
    warmup_s: Duration,

    /// Seconds of the measurement, 0.05 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    duration_s: Duration,

    /// Runs of each variant, 1 to 100: 5 for figures, 1 for a quick check
    #[arg(long, value_name = "RUNS", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=100))]
    repeat: u16,

    /// Seed of all random choices of accounts and products
    #[arg(long, default_value = "1")]
    seed: u64,

    /// Threads of the HTTP generator, 1 to 64: use more than one only with spare cores
    #[arg(long, value_name = "THREADS", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,

    /// Pin the server to the first core and the generator to the last; Linux and HTTP only
    #[arg(long)]
    pin: bool,

    /// Folder for data during the measurement, on the disk to measure. Default: the system's folder
    /// for temporary files
    #[arg(long, value_name = "FOLDER")]
    data_in: Option<PathBuf>,

    /// Write the complete report to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    #[command(flatten)]
    flags: VariantFlags,
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
                print_progress(&format!("fritzy-bench: {error}"));
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
                print_progress("stopping …");
                end.send_replace(true);
            }
            // Keeps the switch until the end.
            end.closed().await;
        });
        let runs = self.repeat;
        let show = |progress: Progress<'_>| match progress {
            Progress::Preparing { variant, run } => {
                print_progress(&format!("run {run} of {runs}: {variant}"))
            }
            Progress::Measuring { duration } => {
                print_progress(&format!("  measuring for {} s …", duration.as_secs_f64()));
            }
            Progress::Measured {
                accepted_per_s,
                accepted_p99_us,
            } => {
                let p99_ms = accepted_p99_us.unwrap_or_default() / 1e3;
                print_progress(&format!(
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

    /// Checked first, so that minutes of measuring do not end in a report that cannot be written.
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

/// A closed stderr must not stop the run.
fn print_progress(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
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
