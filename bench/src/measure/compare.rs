//! Two reports side by side: what changed from one to the other, and what makes them hard to compare.

use std::fmt;

use super::figures::{Better, FIGURES, Figure};
use super::report::{Report, SideReport};
use super::spread::Spread;
use super::table::{Columns, shown};

/// What changed from one report to another.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Each figure that both have.
    pub changes: Vec<FigureChange>,
    /// What is not the same, beside the figures: settings, machines, builds.
    pub differences: Vec<String>,
}

/// One figure in two reports.
#[derive(Clone, Debug)]
pub struct FigureChange {
    /// Which.
    pub figure: Figure,
    /// In the first report.
    pub before: Spread,
    /// In the second.
    pub after: Spread,
    /// After by before: of the medians, the least and the greatest that the spreads allow. The runs are no pairs, so
    /// this is wider than the spread of paired ratios. `None` when something is 0.
    pub ratio: Option<(f64, f64, f64)>,
}

impl FigureChange {
    /// Whether no run of one report lies among the other's; then the change is more than its noise.
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

/// Compares the subjects of two reports.
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
    let mut differences = Vec::new();
    let mut look = |what: &str, before: &dyn fmt::Debug, after: &dyn fmt::Debug| {
        let (before, after) = (format!("{before:?}"), format!("{after:?}"));
        if before != after {
            differences.push(format!("{what}: {before} before, {after} after"));
        }
    };
    look("machine", &before.stamp.machine, &after.stamp.machine);
    look("build", &before.stamp.build, &after.stamp.build);
    look("settings of the run", &before.settings, &after.settings);
    let (old, new) = (&before.subject, &after.subject);
    look("settings", &old.settings, &new.settings);
    look(
        "settings of the node",
        &old.node_settings,
        &new.node_settings,
    );
    let durability = |side: &SideReport| {
        let durability = &side.durability;
        (
            durability.fsync,
            durability.filesystem.clone(),
            durability.server_settings.clone(),
        )
    };
    look("durability", &durability(old), &durability(new));
    differences
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
            writeln!(f, "not the same: {difference}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn a_change_is_more_than_noise_only_when_no_runs_overlap() {
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
            let (ratio, least, most) = throughput.ratio.expect("nothing is 0");
            assert!(least <= ratio && ratio <= most);
            assert!(comparison.differences.is_empty());
        }
    }

    #[test]
    fn what_is_not_the_same_is_named() {
        let before = report(&[100.0], &[1.0]);
        let mut after = before.clone();
        after.settings.seed = 7;
        after.stamp.machine.cores_count = Some(64);
        let text = compare(&before, &after).to_string();
        for named in [
            "not the same: machine",
            "not the same: settings of the run",
            "accepted",
        ] {
            assert!(text.contains(named), "{named} is not in\n{text}");
        }
    }
}
