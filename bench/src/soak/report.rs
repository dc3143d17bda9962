//! The report of a soak: what was sent, what failed, how long fail-overs took, and what grew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Latency, UnknownOutcome};
use super::faults::FaultRecord;
use super::growth::{Growth, Verdict};
use super::ledger::WrongAnswer;
use super::options::SoakOptions;
use super::plan::SoakFault;
use super::sample::Sample;
use crate::BenchError;
use crate::measure::Environment;

/// The version of the JSON form. Fields may be added under the same version.
const SCHEMA_VERSION: u32 = 1;

/// The report of one soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoakReport {
    /// The version of this form.
    pub schema_version: u32,
    /// Revision, machine, build of this program, date.
    pub environment: Environment,
    /// What the run was given.
    pub settings: SoakSettings,
    /// How long there was load.
    pub load_s: f64,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// Requests of clients, without those of probes.
    pub requests: Counts,
    /// Latencies of successful requests that were sent while there was no fault.
    pub latency_between_faults: Latency,
    /// The same during faults, until the cluster was whole again.
    pub latency_during_faults: Latency,
    /// Responses that no correct shop gives.
    pub wrong_answers_count: u64,
    /// The first 100 of them.
    pub wrong_answers: Vec<WrongAnswer>,
    /// The first 100 requests of unknown outcome, to compare with faults and logs.
    pub unknown_outcomes: Vec<UnknownOutcome>,
    /// Each fault.
    pub faults: Vec<FaultRecord>,
    /// Fail-over times by the kind of fault.
    pub fail_overs: BTreeMap<SoakFault, FailOver>,
    /// Accounts and orders that were read back in the end.
    pub read_back_entities_count: u64,
    /// What could not be read back.
    pub read_back_failure: Option<String>,
    /// What `fritzy journal verify` said in the end, unless it was clean.
    pub journal_failure: Option<String>,
    /// Samples of all processes: at the start, each minute, and at the end.
    pub samples: Vec<Sample>,
    /// What grew.
    pub growth: Vec<Growth>,
}

/// What a run was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoakSettings {
    /// The planned duration of the load.
    pub duration_s: f64,
    /// After how many faults it ends.
    pub faults_max_count: Option<u32>,
    /// The seed of faults and clients.
    pub seed: u64,
    /// The number of nodes.
    pub nodes_count: usize,
    /// The number of shards.
    pub shards_count: u16,
    /// The time between two faults.
    pub fault_every_s: f64,
    /// The kinds of faults.
    pub faults: Vec<SoakFault>,
    /// The planned rate of all clients together.
    pub rate_per_s: u32,
    /// What `fritzy --version` prints.
    pub node_version: String,
    /// Further settings of every node: flag and value.
    pub node_settings: Vec<(String, String)>,
}

/// From the injection of a fault until every shard takes writes again, over all faults of a kind
/// that interrupted at least one shard. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailOver {
    /// Faults of this kind.
    pub faults_count: usize,
    /// Of these, with an interrupted shard.
    pub interrupting_count: usize,
    /// The median; `None` if no shard was interrupted.
    pub median_s: Option<f64>,
    /// The 90th percentile.
    pub p90_s: Option<f64>,
    /// The longest.
    pub worst_s: Option<f64>,
}

impl SoakReport {
    /// A report so far without anything measured.
    pub(crate) fn new(options: &SoakOptions, node_version: String) -> Self {
        let counts = Counts::default();
        let latency = Latency::none();
        Self {
            schema_version: SCHEMA_VERSION,
            environment: Environment::now(),
            settings: SoakSettings {
                duration_s: options.duration.as_secs_f64(),
                faults_max_count: options.faults_max,
                seed: options.seed,
                nodes_count: options.nodes,
                shards_count: options.shards,
                fault_every_s: options.fault_every.as_secs_f64(),
                faults: options.faults.clone(),
                rate_per_s: options.rate_per_s,
                node_version,
                node_settings: options.node_settings.clone(),
            },
            load_s: 0.0,
            interrupted: false,
            requests: counts,
            latency_between_faults: latency.clone(),
            latency_during_faults: latency,
            wrong_answers_count: 0,
            wrong_answers: Vec::new(),
            unknown_outcomes: Vec::new(),
            faults: Vec::new(),
            fail_overs: BTreeMap::new(),
            read_back_entities_count: 0,
            read_back_failure: None,
            journal_failure: None,
            samples: Vec::new(),
            growth: Vec::new(),
        }
    }

    /// Why the run has failed, a line for each reason; empty if nothing is wrong. Growth is a
    /// conclusion for people and fails no run.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.wrong_answers_count > 0 {
            failures.push(format!("{} wrong answers", self.wrong_answers_count));
        }
        if self.requests.succeeded_count == 0 {
            failures.push("no request succeeded".to_owned());
        }
        let faults = self.faults.iter().filter_map(|record| {
            let failure = record.failure.as_ref()?;
            Some(format!(
                "{} at {:.0} s: {failure}",
                record.fault, record.injected_at_s
            ))
        });
        failures.extend(faults);
        let read_back = self.read_back_failure.iter();
        failures.extend(read_back.map(|failure| format!("read back: {failure}")));
        let journal = self.journal_failure.iter();
        failures.extend(journal.map(|failure| format!("journal verify: {failure}")));
        failures
    }

    /// What grows.
    pub fn growing(&self) -> impl Iterator<Item = &Growth> {
        let growth = self.growth.iter();
        growth.filter(|growth| growth.verdict == Verdict::Growing)
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    /// [`BenchError::File`] when the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), BenchError> {
        let json = serde_json::to_string_pretty(self).expect("a report has a JSON form");
        fs::write(file, json + "\n").map_err(|failure| BenchError::File {
            file: file.display().to_string(),
            failure,
        })
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`BenchError`] when the file cannot be read or is no report of this version.
    pub fn read(file: &Path) -> Result<Self, BenchError> {
        let name = || file.display().to_string();
        let text = fs::read_to_string(file).map_err(|failure| BenchError::File {
            file: name(),
            failure,
        })?;
        let unreadable = |reason: String| BenchError::Report {
            file: name(),
            reason,
        };
        let report: Self =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        match report.schema_version {
            SCHEMA_VERSION => Ok(report),
            other => Err(unreadable(format!("schema version {other}"))),
        }
    }
}

impl FailOver {
    /// The fail-over times of each kind.
    pub(crate) fn by_kind(faults: &[FaultRecord]) -> BTreeMap<SoakFault, Self> {
        let mut kinds: BTreeMap<SoakFault, (usize, Vec<f64>)> = BTreeMap::new();
        for record in faults {
            let (count, times) = kinds.entry(record.kind).or_default();
            *count += 1;
            if record.interrupted_shards_count > 0 {
                times.extend(record.served_after_s);
            }
        }
        let summed = kinds.into_iter().map(|(kind, (faults_count, mut times))| {
            times.sort_by(f64::total_cmp);
            let fail_over = Self {
                faults_count,
                interrupting_count: times.len(),
                median_s: percentile(&times, 50),
                p90_s: percentile(&times, 90),
                worst_s: times.last().copied(),
            };
            (kind, fail_over)
        });
        summed.collect()
    }
}

/// The smallest value that so many percent of all do not exceed (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(served_after_s: Option<f64>, interrupted: u16) -> FaultRecord {
        FaultRecord {
            kind: SoakFault::Kill,
            fault: "kill n1".to_owned(),
            injected_at_s: 30.0,
            lasted_s: 7.0,
            served_after_s,
            whole_after_s: Some(12.0),
            interrupted_shards_count: interrupted,
            interrupted_later_shards_count: 0,
            failure: None,
        }
    }

    #[test]
    fn fail_over_counts_faults_that_interrupted_a_shard() {
        let mut faults: Vec<_> = (1..=10).map(|s| record(Some(f64::from(s)), 5)).collect();
        faults.push(record(Some(0.01), 0));
        let found = &FailOver::by_kind(&faults)[&SoakFault::Kill];
        assert_eq!((found.faults_count, found.interrupting_count), (11, 10));
        let times = (found.median_s, found.p90_s, found.worst_s);
        assert_eq!(times, (Some(5.0), Some(9.0), Some(10.0)));
    }

    fn report() -> SoakReport {
        let options = SoakOptions {
            duration: Duration::from_secs(60),
            faults_max: None,
            seed: 1,
            nodes: 3,
            shards: 8,
            fault_every: Duration::from_secs(30),
            faults: vec![SoakFault::Kill],
            rate_per_s: 10,
            node: "fritzy".into(),
            node_settings: Vec::new(),
            logs: None,
        };
        let mut report = SoakReport::new(&options, "fritzy 0.0.0".to_owned());
        report.requests.add("read", None);
        report
    }

    #[test]
    fn each_thing_that_is_wrong_fails_the_run() {
        assert_eq!(report().failures(), [""; 0]);
        let planted: [fn(&mut SoakReport); 5] = [
            |report| report.wrong_answers_count = 1,
            |report| report.requests = Counts::default(),
            |report| report.read_back_failure = Some("late".to_owned()),
            |report| report.journal_failure = Some("a gap".to_owned()),
            |report| {
                let failure = Some("not whole".to_owned());
                let failed = FaultRecord {
                    failure,
                    ..record(None, 3)
                };
                report.faults.push(failed);
            },
        ];
        for plant in planted {
            let mut report = report();
            plant(&mut report);
            assert_eq!(report.failures().len(), 1, "{:?}", report.failures());
        }
    }

    #[test]
    fn report_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("soak.json");
        let mut written = report();
        written.faults.push(record(Some(4.5), 3));
        written.fail_overs = FailOver::by_kind(&written.faults);
        written.write(&file).expect("written");
        assert_eq!(SoakReport::read(&file).expect("a report"), written);
        written.schema_version += 1;
        written.write(&file).expect("written");
        assert!(SoakReport::read(&file).is_err(), "another version");
    }

    #[test]
    fn fault_that_interrupts_nothing_has_no_time() {
        let found = &FailOver::by_kind(&[record(Some(0.01), 0)])[&SoakFault::Kill];
        assert_eq!(
            (found.interrupting_count, found.median_s, found.worst_s),
            (0, None, None)
        );
    }
}
