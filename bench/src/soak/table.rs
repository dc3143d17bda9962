//! The report as text.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::counts::Latency;
use super::growth::{Growth, Verdict};
use super::report::SoakReport;
use super::sample::Sample;

const MIB: f64 = 1024.0 * 1024.0;

impl Display for SoakReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.header(f)?;
        self.requests(f)?;
        self.fail_overs(f)?;
        self.resources(f)?;
        self.conclusion(f)
    }
}

impl SoakReport {
    fn header(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let ended = if self.interrupted {
            ", interrupted"
        } else {
            ""
        };
        writeln!(
            f,
            "soak of {:.1} min{ended}: {} nodes ({}), {} shards, {} requests/s planned, seed {}, {}",
            self.load_s / 60.0,
            settings.nodes_count,
            settings.node_version,
            settings.shards_count,
            settings.rate_per_s,
            settings.seed,
            self.environment.date,
        )
    }

    fn requests(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let requests = &self.requests;
        let sent = requests.sent_count();
        writeln!(
            f,
            "\nrequests           {sent} ({:.1}/s)",
            sent as f64 / self.load_s.max(1.0)
        )?;
        writeln!(f, "  succeeded        {}", requests.succeeded_count)?;
        writeln!(
            f,
            "  not done         {}",
            by_code(&requests.not_done_by_code_count)
        )?;
        writeln!(
            f,
            "  outcome unknown  {}",
            by_code(&requests.unknown_by_code_count)
        )?;
        writeln!(f, "  wrong answers    {}", self.wrong_answers_count)?;
        for wrong in self.wrong_answers.iter().take(10) {
            writeln!(f, "    {:?}: {}", wrong.kind, wrong.detail)?;
        }
        let latency = |f: &mut Formatter<'_>, when: &str, latency: &Latency| {
            let Latency {
                p50_ms,
                p99_ms,
                max_ms,
                ..
            } = latency;
            writeln!(
                f,
                "latency {when}  p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.0} ms"
            )
        };
        latency(f, "between faults", &self.latency_between_faults)?;
        latency(f, "during faults ", &self.latency_during_faults)
    }

    fn fail_overs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nfaults: {}. From the injection until all shards take writes, in seconds:",
            self.faults.len()
        )?;
        writeln!(
            f,
            "  {:<18}{:>7}{:>14}{:>9}{:>9}{:>9}",
            "kind", "faults", "interrupting", "median", "p90", "worst"
        )?;
        for (kind, found) in &self.fail_overs {
            let seconds = |value: Option<f64>| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
            };
            writeln!(
                f,
                "  {:<18}{:>7}{:>14}{:>9}{:>9}{:>9}",
                kind.name(),
                found.faults_count,
                found.interrupting_count,
                seconds(found.median_s),
                seconds(found.p90_s),
                seconds(found.worst_s),
            )?;
        }
        Ok(())
    }

    fn resources(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nof each node       memory MiB         handles            threads"
        )?;
        let ends = [
            ("start", self.samples.first()),
            ("end", self.samples.last()),
        ];
        for (when, sample) in ends {
            let Some(sample) = sample else { continue };
            let memory = each(sample, |node| {
                format!("{:.0}", node.memory_bytes as f64 / MIB)
            });
            let handles = each(sample, |node| node.handles_count.to_string());
            let threads = each(sample, |node| node.threads_count.to_string());
            writeln!(f, "  {when:<17}{memory:<19}{handles:<19}{threads}")?;
        }
        let connections = |sample: Option<&Sample>| {
            let count = sample.and_then(|sample| sample.database_connections_count);
            count.map_or_else(|| "-".to_owned(), |count| count.to_string())
        };
        let machine = |sample: Option<&Sample>| {
            let bytes = sample.and_then(|sample| sample.machine_memory_bytes);
            bytes.map_or_else(
                || "-".to_owned(),
                |bytes| format!("{:.0}", bytes as f64 / MIB),
            )
        };
        let (first, last) = (self.samples.first(), self.samples.last());
        writeln!(
            f,
            "  database connections {} to {}",
            connections(first),
            connections(last)
        )?;
        writeln!(
            f,
            "  memory of the machine in use, MiB {} to {}",
            machine(first),
            machine(last)
        )?;
        for growth in &self.growth {
            writeln!(f, "  {}", Line(growth))?;
        }
        Ok(())
    }

    fn conclusion(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let journal = match &self.journal_failure {
            None => "clean",
            Some(_) => "NOT clean",
        };
        writeln!(
            f,
            "\nread back: {} accounts and orders; journal verify: {journal}",
            self.read_back_entities_count
        )?;
        let failures = self.failures();
        for failure in &failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        match failures.is_empty() {
            true => write!(f, "nothing acknowledged is lost, and no answer was wrong"),
            false => write!(f, "the run has failed"),
        }
    }
}

/// What a value has done, in one line.
struct Line<'a>(&'a Growth);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Growth {
            of, median, limit, ..
        } = self.0;
        let shown = |value: f64| match of.ends_with("_bytes") {
            true => format!("{:.1} MiB", value / MIB),
            false => format!("{value:.1}"),
        };
        let per_h = |value: Option<f64>| match value {
            Some(value) => format!("{}/h", shown(value)),
            None => "too few samples".to_owned(),
        };
        let verdict = match self.0.verdict {
            Verdict::Steady => "steady",
            Verdict::Growing => "GROWING",
            Verdict::TooShort => "too short to tell",
        };
        let grown = self
            .0
            .grown
            .map(|grown| format!("{} of at most {}", shown(grown), shown(*limit)));
        write!(
            f,
            "{of}: {verdict}; median {}, grown by {}; at equal ages {}, within old processes {}",
            shown(*median),
            grown.unwrap_or_else(|| "?".to_owned()),
            per_h(self.0.between_processes_per_h),
            per_h(self.0.within_processes_per_h),
        )
    }
}

fn each(sample: &Sample, value: impl Fn(&super::NodeSample) -> String) -> String {
    let nodes = sample.nodes.iter();
    let values = nodes.map(|node| node.as_ref().map_or_else(|| "-".to_owned(), &value));
    values.collect::<Vec<_>>().join(" ")
}

fn by_code(counts: &BTreeMap<String, u64>) -> String {
    let sum: u64 = counts.values().sum();
    let codes: Vec<String> = counts
        .iter()
        .map(|(code, count)| format!("{code} {count}"))
        .collect();
    match codes.is_empty() {
        true => "0".to_owned(),
        false => format!("{sum} ({})", codes.join(", ")),
    }
}
