//! Ten seeds, which together have every kind of fault. `cargo xtask schedules` runs others.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fritzy_testbed::{ServiceError, skipped, test_name};
use fritzy_testbed_faults::FaultKind;
use fritzy_testbed_schedules::{RunReport, Schedule, draw, run};

const SEEDS: RangeInclusive<u64> = 1..=10;
/// Schedules that run side by side: each waits most of the time.
const JOBS: usize = 3;

/// Far fewer than clients send on a busy machine in a run that they spend waiting.
const ATTEMPTS_MIN: usize = 20;

/// Runs a schedule; `None` if this machine lacks something that it needs, with the reason as a
/// skip.
fn run_here(schedule: &Schedule, test: &str) -> Option<RunReport> {
    let name = format!("{test}-{}", schedule.seed);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    drop(std::fs::remove_dir_all(&dir));
    match run(schedule, &dir) {
        Ok(report) => {
            if report.verdict.is_clean() {
                drop(std::fs::remove_dir_all(&dir));
            }
            Some(report)
        }
        Err(failure) => match failure.downcast_ref::<ServiceError>() {
            Some(missing) if missing.is_missing() => {
                skipped(&name, &missing.to_string());
                None
            }
            _ => panic!("{name}: {failure:#}"),
        },
    }
}

#[test]
fn i1_ten_seeds_with_every_fault_are_clean() {
    let schedules: Vec<Schedule> = SEEDS.map(draw).collect();
    let faults = schedules.iter().flat_map(|schedule| &schedule.faults);
    let kinds: BTreeSet<FaultKind> = faults.map(|timed| timed.fault.kind()).collect();
    assert_eq!(
        kinds,
        FaultKind::ALL.iter().copied().collect(),
        "every kind is drawn"
    );
    let (test, next) = (test_name!(), AtomicUsize::new(0));
    let reports: Vec<RunReport> = thread::scope(|scope| {
        let work = || {
            let index = || next.fetch_add(1, Ordering::Relaxed);
            let mine = std::iter::from_fn(|| schedules.get(index()));
            mine.filter_map(|schedule| run_here(schedule, test))
                .inspect(|report| println!("{report}"))
                .collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..JOBS).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter();
        ended
            .flat_map(|worker| worker.join().expect("it prints what failed"))
            .collect()
    });
    let failed: Vec<String> = reports
        .iter()
        .filter(|report| !report.verdict.is_clean())
        .map(ToString::to_string)
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // The faults had their effects, and the clients their responses.
    for report in &reports {
        assert!(report.attempts >= ATTEMPTS_MIN, "{report}");
    }
    let lossy = reports.iter().filter(|report| report.schedule.loses());
    let lost: Vec<u64> = lossy.map(|report| report.lost).collect();
    assert!(
        lost.is_empty() || lost.iter().any(|lost| *lost > 0),
        "{lost:?}"
    );
    let is_unknown = reports.iter().any(|report| report.unknown > 0);
    assert!(is_unknown || reports.is_empty());
}
