//! `fritzy-schedules`: runs random schedules, replays them, and makes failing ones smaller.
//! `cargo xtask schedules` builds and starts it.
#![expect(clippy::print_stdout, reason = "a command prints to the terminal")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use fritzy_testbed_schedules::{RunReport, Schedule, draw, run, shrink, table};

/// Runs of a candidate before shrinking takes it for one that does not fail.
const SHRINK_TRIES: u32 = 3;

/// Run random schedules of faults on real clusters, and check every history.
///
/// A seed determines the faults, their times and the clients' requests. Processes are not
/// deterministic: a replay runs the same schedule again, and may end differently; use `--tries`.
/// Exit code 0: all runs are clean, 1: a violation, or a history that was not checked.
#[derive(Parser)]
#[command(name = "fritzy-schedules", bin_name = "cargo xtask schedules")]
struct Arguments {
    /// Seeds to run, such as `1..=100` or `17`
    #[arg(long, value_name = "RANGE", default_value = "1..=10", value_parser = seeds)]
    seeds: Seeds,
    /// Run this one seed
    #[arg(long, conflicts_with_all = ["seeds", "replay"])]
    seed: Option<u64>,
    /// Run the schedule in this file instead, which a failing run has written
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    replay: Option<PathBuf>,
    /// Run each schedule up to so often, until it fails
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tries: u32,
    /// Make a failing schedule smaller, by leaving out faults and clients while it still fails
    #[arg(long)]
    shrink: bool,
    /// Schedules that run side by side; each needs about a core
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Write all reports to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the schedules and run nothing
    #[arg(long)]
    list: bool,
    /// Where schedules, histories and logs of failing runs are kept
    #[arg(long, value_name = "DIR", default_value = "target/schedules")]
    dir: PathBuf,
}

#[derive(Clone)]
struct Seeds(Vec<u64>);

/// Parses `1..=100`, `1..101` or `17`.
fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|failure| failure.to_string());
    let seeds: Vec<u64> = match text.split_once("..") {
        None => vec![number(text)?],
        Some((first, last)) => match last.strip_prefix('=') {
            Some(last) => (number(first)?..=number(last)?).collect(),
            None => (number(first)?..number(last)?).collect(),
        },
    };
    match seeds.is_empty() {
        true => Err("no seed is in this range".to_owned()),
        false => Ok(Seeds(seeds)),
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let schedules = match (&arguments.replay, arguments.seed) {
        (Some(file), _) => vec![read(file)?],
        (None, Some(seed)) => vec![draw(seed)],
        (None, None) => arguments.seeds.0.iter().map(|seed| draw(*seed)).collect(),
    };
    if arguments.list {
        for schedule in &schedules {
            println!("{}", serde_json::to_string(schedule)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let began = Instant::now();
    let reports = run_all(&schedules, &arguments)?;
    let failed: Vec<&RunReport> = reports.iter().filter(|it| !it.verdict.is_clean()).collect();
    let not_checked: usize = reports.iter().map(RunReport::not_checked).sum();
    println!(
        "{} schedules in {:.0} s: {} clean, {} violated, {} not checked completely ({not_checked} findings)",
        reports.len(),
        began.elapsed().as_secs_f64(),
        reports.len() - failed.len(),
        failed.iter().filter(|it| it.verdict.is_violated()).count(),
        failed.iter().filter(|it| !it.verdict.is_violated()).count(),
    );
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string_pretty(&reports)?)?;
        fs::write(file.with_extension("md"), table(&reports))?;
    }
    if arguments.shrink
        && let Some(report) = failed.first()
    {
        make_smaller(&report.schedule, &arguments)?;
    }
    Ok(match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn read(file: &Path) -> Result<Schedule> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is no schedule", file.display()))
}

/// Runs schedules side by side, and prints a line for each. Returns their reports in order.
fn run_all(schedules: &[Schedule], arguments: &Arguments) -> Result<Vec<RunReport>> {
    let next = AtomicUsize::new(0);
    let reports: Mutex<Vec<(usize, RunReport)>> = Mutex::default();
    // A panic under this lock leaves nothing half done: reports are pushed whole.
    let lock = || reports.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(schedule) = schedules.get(index) else {
                    return Ok(());
                };
                let report = try_run(schedule, arguments)?;
                lock().push((index, report));
            }
        };
        let workers: Vec<_> = (0..arguments.jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"));
        ended.collect::<Result<Vec<()>>>()
    })?;
    let mut reports = std::mem::take(&mut *lock());
    reports.sort_by_key(|(index, _)| *index);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// Runs a schedule until it fails, up to `--tries` times. What a failing run has written is kept.
fn try_run(schedule: &Schedule, arguments: &Arguments) -> Result<RunReport> {
    for attempt in 1.. {
        let dir = arguments
            .dir
            .join(format!("seed-{}.{attempt}", schedule.seed));
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        let run = run(schedule, &dir);
        let report =
            run.with_context(|| format!("seed {}, in {}", schedule.seed, dir.display()))?;
        println!("{report}");
        if report.verdict.is_clean() {
            fs::remove_dir_all(&dir)?;
            if attempt < arguments.tries {
                continue;
            }
        } else {
            let file = dir.join("schedule.json");
            println!(
                "  schedule, history and logs are in {}; again: cargo xtask schedules --replay {} --tries 5",
                dir.display(),
                file.display()
            );
        }
        return Ok(report);
    }
    bail!("--tries is at least 1")
}

/// Shrinks a schedule, and keeps the smallest one that has failed.
fn make_smaller(schedule: &Schedule, arguments: &Arguments) -> Result<()> {
    let mut candidates = 0;
    let smallest = shrink(schedule, |candidate| -> Result<bool> {
        candidates += 1;
        for _ in 0..SHRINK_TRIES {
            let dir = arguments.dir.join(format!("shrink-{candidates}"));
            let report = run(candidate, &dir)?;
            fs::remove_dir_all(&dir)?;
            println!("{report}");
            // What could not be checked is no failure of the product.
            if report.verdict.is_violated() {
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    let file = arguments
        .dir
        .join(format!("seed-{}.small.json", schedule.seed));
    fs::write(&file, serde_json::to_string_pretty(&smallest)?)?;
    let (faults, clients) = (smallest.faults.len(), smallest.clients);
    println!(
        "{faults} faults and {clients} clients are left: {}",
        file.display()
    );
    Ok(())
}
