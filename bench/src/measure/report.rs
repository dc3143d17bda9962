//! A report: what was measured, in which environment, and its figures; written and read as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::spread::Spread;
use crate::BenchError;
use crate::load::{Recorder, Rejection};
use crate::scenarios::{Durability, VariantSettings};

/// The schema version of reports. Added fields keep it; a changed meaning or a removed field raises
/// it.
pub const SCHEMA_VERSION: u32 = 1;

/// One report. Every number has its unit at the end of its name, or of the name of its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// The environment of the run.
    #[serde(rename = "stamp")]
    pub environment: Environment,
    /// The settings of the whole run.
    pub settings: RunSettings,
    /// The variant that was measured, compared with the baseline if there is one.
    pub subject: VariantReport,
    /// The variant that it was compared with, run by run.
    pub baseline: Option<VariantReport>,
    /// The ratio of the subject's figures to the baseline's, pair by pair.
    pub ratios: Option<BTreeMap<String, Spread>>,
    /// Conditions that make figures doubtful.
    pub warnings: Vec<String>,
}

/// The settings of the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Warm-up before the measured time, in seconds.
    pub warmup_s: f64,
    /// The measured time, in seconds.
    pub duration_s: f64,
    /// Runs of each variant.
    pub repeat_count: usize,
    /// The seed of all random choices.
    pub seed: u64,
    /// Threads of the HTTP generator.
    pub generator_threads_count: usize,
    /// The cores of server and generator, or why they were not pinned; `None` without `--pin`.
    pub pinned: Option<String>,
}

/// The report of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantReport {
    /// All settings of the variant, defaults included.
    pub settings: VariantSettings,
    /// What an acknowledged write guarantees.
    pub durability: Durability,
    /// The effective settings of the node, by name.
    pub node_settings: Option<BTreeMap<String, String>>,
    /// Its figures, by name.
    pub figures: BTreeMap<String, Spread>,
    /// Counts over all its runs.
    pub totals: Totals,
    /// Accepting responses in each second of each run, including the warm-up; the last second may
    /// be incomplete.
    pub accepted_by_second_count: Vec<Vec<u64>>,
}

/// Counts over all runs of a variant, of requests due within the measured time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests with the expected response.
    pub accepted_count: u64,
    /// Requests with another response.
    pub refused_count: u64,
    /// Of these, with an error, by its code.
    pub refused_by_code_count: BTreeMap<String, u64>,
    /// Of these, without such an error, by HTTP status.
    pub refused_by_http_status_count: BTreeMap<u16, u64>,
    /// Of these, with an unexpected response and no error.
    pub wrong_answers_count: u64,
    /// Requests without a complete response, by cause.
    pub lost_by_kind_count: BTreeMap<String, u64>,
    /// Requests that were due in an open loop and never sent.
    pub unsent_count: u64,
}

impl Totals {
    pub(super) fn add(&mut self, recorder: &Recorder, unsent: u64) {
        self.accepted_count += recorder.accepted_ns.len();
        self.refused_count += recorder.rejected_ns.len();
        for (rejection, count) in &recorder.rejections {
            let sum = match rejection {
                Rejection::Code(code) => {
                    self.refused_by_code_count.entry(code.clone()).or_default()
                }
                Rejection::HttpStatus(status) => self
                    .refused_by_http_status_count
                    .entry(*status)
                    .or_default(),
                Rejection::WrongResponse => &mut self.wrong_answers_count,
            };
            *sum += count;
        }
        for (kind, count) in &recorder.lost {
            *self
                .lost_by_kind_count
                .entry((*kind).to_owned())
                .or_default() += count;
        }
        self.unsent_count += unsent;
    }

    /// The counts of each outcome other than acceptance: `3 OVERLOADED`, `1 reset`.
    #[must_use]
    pub fn not_accepted(&self) -> Vec<String> {
        let codes = self.refused_by_code_count.iter();
        let codes = codes.map(|(code, count)| (code.clone(), *count));
        let statuses = self.refused_by_http_status_count.iter();
        let statuses = statuses.map(|(status, count)| (format!("HTTP {status}"), *count));
        let lost = self.lost_by_kind_count.iter();
        let lost = lost.map(|(kind, count)| (kind.clone(), *count));
        let wrong = ("wrong responses".to_owned(), self.wrong_answers_count);
        let unsent = ("due and never sent".to_owned(), self.unsent_count);
        let all = codes.chain(statuses).chain(lost).chain([wrong, unsent]);
        all.filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect()
    }
}

impl Report {
    /// Reads a report from a file.
    ///
    /// # Errors
    /// [`BenchError::File`] when it cannot be read, [`BenchError::Report`] when it is not a report
    /// of this version.
    pub fn read(file: &Path) -> Result<Self, BenchError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let shown = file.display().to_string();
        let unreadable = |reason: String| BenchError::Report {
            file: shown.clone(),
            reason,
        };
        let text = fs::read_to_string(file).map_err(|failure| BenchError::File {
            file: shown.clone(),
            failure,
        })?;
        let version: Version =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if version.schema_version != SCHEMA_VERSION {
            let found = version.schema_version;
            return Err(unreadable(format!(
                "its schema_version is {found}, not {SCHEMA_VERSION}"
            )));
        }
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
    }

    /// Writes the report as one JSON object.
    ///
    /// # Errors
    /// [`BenchError::File`] when it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), BenchError> {
        let mut text = serde_json::to_string_pretty(self).expect("its keys are strings");
        text.push('\n');
        fs::write(file, text).map_err(|failure| BenchError::File {
            file: file.display().to_string(),
            failure,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::environment::{Build, Machine};
    use super::*;
    use crate::scenarios::{Fsync, VariantFlags, VariantSpec};

    /// A report of `read` against `ceiling` with these throughputs.
    pub(in crate::measure) fn report(subject: &[f64], baseline: &[f64]) -> Report {
        let variant = |name: &str, accepted_per_s: &[f64]| {
            let settings = name.parse::<VariantSpec>().expect("a scenario");
            let figures = [
                ("accepted_per_s", accepted_per_s.to_vec()),
                ("accepted_p99_us", vec![1_500.25; accepted_per_s.len()]),
            ];
            VariantReport {
                settings: settings.settings(&VariantFlags::default()).expect("fits"),
                durability: Durability::without(Fsync::NoStore, "nothing is written"),
                node_settings: Some(BTreeMap::from([("shards".to_owned(), "8".to_owned())])),
                figures: figures
                    .map(|(name, runs)| (name.to_owned(), Spread::of(runs)))
                    .into(),
                totals: Totals {
                    accepted_count: 1_000,
                    refused_by_code_count: BTreeMap::from([("OVERLOADED".to_owned(), 3)]),
                    refused_by_http_status_count: BTreeMap::from([(503, 2)]),
                    refused_count: 5,
                    ..Totals::default()
                },
                accepted_by_second_count: vec![vec![1, 2]; accepted_per_s.len()],
            }
        };
        let (subject, baseline) = (variant("read", subject), variant("ceiling", baseline));
        let figure = "accepted_per_s".to_owned();
        let ratio = subject.figures[&figure].ratio(&baseline.figures[&figure]);
        Report {
            schema_version: SCHEMA_VERSION,
            environment: Environment {
                date: "2026-11-22T21:00:00Z".to_owned(),
                git_revision: Some("0123456789abcdef".to_owned()),
                git_dirty: Some(true),
                built_before_sources: Some(false),
                machine: Machine {
                    cpu_model: Some("A processor".to_owned()),
                    cores_count: Some(2),
                    memory_bytes: Some(8 << 30),
                    kernel: None,
                },
                build: Build::this(),
            },
            settings: RunSettings {
                warmup_s: 2.0,
                duration_s: 0.3,
                repeat_count: 5,
                seed: u64::MAX,
                generator_threads_count: 1,
                pinned: None,
            },
            subject,
            baseline: Some(baseline),
            ratios: ratio.map(|ratio| BTreeMap::from([(figure, ratio)])),
            warnings: vec!["a warning".to_owned()],
        }
    }

    #[test]
    fn written_report_is_read_unchanged() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.json");
        let report = report(&[100.5, 90.125], &[200.0, 100.0]);
        report.write(&file).expect("written");
        assert_eq!(Report::read(&file).expect("read"), report);
        let text = fs::read_to_string(&file).expect("read");
        let value: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["subject"]["figures"]["accepted_per_s"]["min"], 90.125);
        assert_eq!(value["subject"]["settings"]["loop_shape"], "closed");
        assert_eq!(value["subject"]["settings"]["side"], "read");
        assert_eq!(
            value["stamp"]["build"]["version"],
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(value["subject"]["durability"]["fsync"], "no_store");
    }

    #[test]
    fn report_of_another_version_is_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.json");
        for (text, named) in [
            ("{\"schema_version\":2}", "schema_version is 2"),
            ("{\"schema_version\":1}", "missing field"),
            ("not JSON", "expected"),
        ] {
            fs::write(&file, text).expect("written");
            let error = Report::read(&file).expect_err(text).to_string();
            assert!(error.contains(named), "{error}");
        }
        let missing = Report::read(&folder.path().join("none")).expect_err("missing");
        assert!(matches!(missing, BenchError::File { .. }));
    }

    #[test]
    fn outcomes_other_than_acceptance_are_listed() {
        let totals = report(&[1.0], &[1.0]).subject.totals;
        assert_eq!(totals.not_accepted(), ["3 OVERLOADED", "2 HTTP 503"]);
        assert!(Totals::default().not_accepted().is_empty());
    }
}
