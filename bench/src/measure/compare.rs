//! Compares two reports: the changes of their figures, and the differences of their conditions.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use super::figures::{Better, FIGURES, Figure};
use super::report::{Report, VariantReport};
use super::spread::Spread;
use super::table::{Columns, shown};

/// The changes from one report to another.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Each figure that both reports have.
    pub changes: Vec<FigureChange>,
    /// Different conditions: settings, machines, builds.
    pub differences: Vec<String>,
}

/// One figure in two reports.
#[derive(Clone, Debug)]
pub struct FigureChange {
    /// The figure, with its unit and its better direction.
    pub figure: Figure,
    /// Its spread in the first report.
    pub before: Spread,
    /// Its spread in the second report.
    pub after: Spread,
    /// After divided by before: the ratio of the medians, and the minimum and maximum that the
    /// ranges allow. The runs are not paired, so this is wider than the range of paired ratios.
    /// `None` if a value is 0.
    pub ratio: Option<(f64, f64, f64)>,
}

impl FigureChange {
    /// Whether the ranges do not overlap; then the change is more than noise.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.after.min > self.before.max || self.after.max < self.before.min
    }

    fn verdict(&self) -> &'static str {
        let higher = self.after.median > self.before.median;
        match (self.is_apart(), self.figure.better) {
            (false, _) => "within the spread",
            (true, Better::Neither) => "changed",
            (true, Better::Higher) if higher => "better",
            (true, Better::Lower) if !higher => "better",
            (true, _) => "worse",
        }
    }
}

/// Compares the measured variants of two reports.
#[must_use]
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let changes = FIGURES.iter().filter_map(|figure| {
        let old = before.subject.figures.get(figure.name)?;
        let new = after.subject.figures.get(figure.name)?;
        Some(FigureChange {
            figure: *figure,
            before: old.clone(),
            after: new.clone(),
            ratio: new.unpaired_ratio(old),
        })
    });
    Comparison {
        changes: changes.collect(),
        differences: differences(before, after),
    }
}

fn differences(before: &Report, after: &Report) -> Vec<String> {
    let durability = |variant: &VariantReport| {
        let durability = &variant.durability;
        json!({
            "fsync": durability.fsync,
            "filesystem": durability.filesystem,
            "server_settings": durability.server_settings,
        })
    };
    let conditions = |report: &Report| {
        let variant = &report.subject;
        [
            ("machine", json!(report.environment.machine)),
            ("build", json!(report.environment.build)),
            ("settings of the run", json!(report.settings)),
            ("settings", json!(variant.settings)),
            ("settings of the node", json!(variant.node_settings)),
            ("durability", durability(variant)),
        ]
    };
    let mut found = Vec::new();
    for ((what, old), (_, new)) in conditions(before).into_iter().zip(conditions(after)) {
        differing_values(what, &old, &new, &mut found);
    }
    found
}

/// Adds each value that differs, by its name: `machine: cores_count 2 before, 64 after`.
fn differing_values(name: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    let none = Map::new();
    let fields = match (before, after) {
        _ if before == after => return,
        (Value::Object(before), Value::Object(after)) => (before, after),
        (Value::Object(before), Value::Null) => (before, &none),
        (Value::Null, Value::Object(after)) => (&none, after),
        _ => {
            let (before, after) = (plain(before), plain(after));
            return found.push(format!("{name} {before} before, {after} after"));
        }
    };
    let names: BTreeSet<&String> = fields.0.keys().chain(fields.1.keys()).collect();
    for field in names {
        let value = |variant: &Map<String, Value>| variant.get(field).cloned().unwrap_or_default();
        let separator = if name.contains(": ") { "." } else { ": " };
        let name = format!("{name}{separator}{field}");
        differing_values(&name, &value(fields.0), &value(fields.1), found);
    }
}

/// A value without JSON's quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["", "before", "after", "ratio", ""];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        for change in &self.changes {
            if change.before.max == 0.0 && change.after.max == 0.0 {
                continue;
            }
            let ratio = change
                .ratio
                .map_or_else(String::new, |(ratio, least, most)| {
                    format!("{ratio:.3} ({least:.3} – {most:.3})")
                });
            rows.push(vec![
                change.figure.label.to_owned(),
                shown(change.figure.unit, &change.before),
                shown(change.figure.unit, &change.after),
                ratio,
                change.verdict().to_owned(),
            ]);
        }
        write!(f, "{}", Columns(rows))?;
        for difference in &self.differences {
            writeln!(f, "different {difference}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn overlapping_runs_are_no_change() {
        let before = report(&[100.0, 110.0, 120.0], &[1.0; 3]);
        for (after, verdict) in [
            ([121.0, 130.0, 140.0], "better"),
            ([119.0, 130.0, 140.0], "within the spread"),
            ([80.0, 90.0, 99.0], "worse"),
        ] {
            let comparison = compare(&before, &report(&after, &[1.0; 3]));
            let throughput = &comparison.changes[0];
            assert_eq!(throughput.figure.name, "accepted_per_s");
            assert_eq!(throughput.verdict(), verdict);
            let (ratio, least, most) = throughput.ratio.expect("no value is 0");
            assert!(least <= ratio && ratio <= most);
            assert!(comparison.differences.is_empty());
        }
    }

    #[test]
    fn different_conditions_are_named_with_their_values() {
        let mut before = report(&[100.0], &[1.0]);
        before.settings.seed = 1;
        let mut after = before.clone();
        after.settings.seed = 7;
        after.environment.machine.cores_count = Some(64);
        let text = compare(&before, &after).to_string();
        for named in [
            "different machine: cores_count 2 before, 64 after\n",
            "different settings of the run: seed 1 before, 7 after\n",
            "accepted",
        ] {
            assert!(text.contains(named), "{named} is not in\n{text}");
        }
        for raw in ["{", "Some(", "\""] {
            assert!(!text.contains(raw), "{raw} must not appear:\n{text}");
        }
    }
}
