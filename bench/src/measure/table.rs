//! The report as a table.

use std::fmt;

use super::figures::{FIGURES, Figure, Unit};
use super::report::{Report, VariantReport};
use super::spread::Spread;
use crate::scenarios::{Fsync, LoopShape, VariantSettings};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        let mut rows = vec![self.head_row()];
        rows.extend(FIGURES.iter().filter_map(|figure| self.row(figure)));
        write!(f, "{}", Columns(rows))?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

impl Report {
    fn heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let runs = match (settings.repeat_count, &self.baseline) {
            (1, None) => "1 run".to_owned(),
            (count, None) => format!("{count} runs"),
            (1, Some(_)) => "1 pair".to_owned(),
            (count, Some(_)) => format!("{count} pairs"),
        };
        writeln!(
            f,
            "{runs} of {} s after {} s of warm-up, seed {}; {}",
            settings.duration_s,
            settings.warmup_s,
            settings.seed,
            settings.pinned.as_deref().unwrap_or("not pinned"),
        )?;
        for variant in self.variants() {
            writeln!(
                f,
                "{}: {}",
                variant.settings.variant,
                load(&variant.settings)
            )?;
            writeln!(f, "  {}", durability(variant))?;
        }
        writeln!(f, "{}\n", self.environment_line())
    }

    fn variants(&self) -> impl Iterator<Item = &VariantReport> {
        [Some(&self.subject), self.baseline.as_ref()]
            .into_iter()
            .flatten()
    }

    fn environment_line(&self) -> String {
        let environment = &self.environment;
        let machine = &environment.machine;
        let revision = environment.git_revision.as_deref().unwrap_or("unknown");
        let dirty = match environment.git_dirty {
            Some(true) => " with changes",
            _ => "",
        };
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let memory = machine
            .memory_bytes
            .map(|bytes| value(Unit::Bytes, bytes as f64));
        format!(
            "revision {:.12}{dirty}, {}, {} build by {}; {}, {} cores, {}, kernel {}",
            revision,
            environment.date,
            environment.build.profile,
            environment.build.rustc,
            known(&machine.cpu_model),
            machine.cores_count.unwrap_or_default(),
            known(&memory),
            known(&machine.kernel),
        )
    }

    fn head_row(&self) -> Vec<String> {
        let mut row = vec![String::new()];
        row.extend(
            self.variants()
                .map(|variant| variant.settings.variant.clone()),
        );
        if self.ratios.is_some() {
            row.push("ratio".to_owned());
        }
        row
    }

    fn row(&self, figure: &Figure) -> Option<Vec<String>> {
        let spreads: Vec<_> = self
            .variants()
            .map(|variant| variant.figures.get(figure.name))
            .collect();
        let is_shown = |spread: &&Spread| spread.max > 0.0 || figure.name == "accepted_per_s";
        spreads.iter().flatten().find(|spread| is_shown(spread))?;
        let mut row = vec![figure.label.to_owned()];
        for spread in spreads {
            row.push(spread.map_or_else(String::new, |spread| shown(figure.unit, spread)));
        }
        if let Some(ratios) = &self.ratios {
            let ratio = ratios.get(figure.name);
            row.push(ratio.map_or_else(String::new, ratio_shown));
        }
        Some(row)
    }
}

fn load(settings: &VariantSettings) -> String {
    let in_flight = match settings.in_flight_count {
        Some(count) => count.to_string(),
        None => "as many as give the best throughput".to_owned(),
    };
    let mut text = match (settings.loop_shape, settings.rate_per_s) {
        (LoopShape::Closed, _) => format!("closed loop, {in_flight} in flight"),
        (LoopShape::Open, Some(rate)) => format!(
            "open loop, {} requests/s, at most {in_flight} in flight",
            grouped(rate),
        ),
        (LoopShape::Open, None) => {
            format!("open loop at a rate derived from the knee, at most {in_flight} in flight")
        }
    };
    if let Some(connections) = settings.connections_count {
        text.push_str(&format!(", {connections} connections"));
    }
    if let Some(connections) = settings.knee_connections_count {
        text.push_str(&format!(
            "; bare HTTP, knee and recovery: closed loop, {connections} connections"
        ));
    }
    text
}

fn durability(variant: &VariantReport) -> String {
    let durability = &variant.durability;
    let fsync = match durability.fsync {
        Fsync::On => "fsync on",
        Fsync::NoStore => "no store",
        Fsync::InMemory => "no fsync",
        Fsync::Unknown => "fsync unknown",
    };
    let mut text = format!("{fsync}: {}", durability.because);
    if let Some(filesystem) = &durability.filesystem {
        text.push_str(&format!("; {filesystem}"));
    }
    if let Some(sync_us) = durability.sync_4kib_median_us {
        text.push_str(&format!(
            ", an fsync of 4 KiB takes {}",
            value(Unit::Micros, sync_us)
        ));
    }
    if !durability.server_settings.is_empty() {
        let settings = durability.server_settings.iter();
        let settings: Vec<_> = settings
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        text.push_str(&format!("\n  PostgreSQL: {}", settings.join(", ")));
    }
    text
}

/// `31 204/s (30 118/s – 31 933/s)`, or the value alone of one run.
pub(super) fn shown(unit: Unit, spread: &Spread) -> String {
    let median = value(unit, spread.median);
    if spread.runs.len() < 2 {
        return median;
    }
    format!(
        "{median} ({} – {})",
        value(unit, spread.min),
        value(unit, spread.max)
    )
}

fn ratio_shown(spread: &Spread) -> String {
    if spread.runs.len() < 2 {
        return format!("{:.3}", spread.median);
    }
    format!(
        "{:.3} ({:.3} – {:.3})",
        spread.median, spread.min, spread.max
    )
}

/// A value with its unit, in a readable magnitude.
pub(super) fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", grouped(value)),
        Unit::Count => grouped(value),
        Unit::Percent => format!("{value:.1} %"),
        Unit::Micros if value >= 1e6 => format!("{:.2} s", value / 1e6),
        Unit::Micros if value >= 1e3 => format!("{:.2} ms", value / 1e3),
        Unit::Micros => format!("{value:.1} µs"),
        Unit::Bytes if value >= 1e9 => format!("{:.2} GB", value / 1e9),
        Unit::Bytes => format!("{:.1} MB", value / 1e6),
    }
}

/// `31 204`; with one decimal below 100.
fn grouped(number: f64) -> String {
    if number < 100.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Rows with columns as wide as their widest cell; the first is left-aligned, the others
/// right-aligned.
pub(super) struct Columns(pub(super) Vec<Vec<String>>);

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = Vec::new();
        for row in &self.0 {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.0 {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let cell = match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("   {cell:>width$}"),
                };
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn values_are_shown_in_readable_units() {
        for (unit, number, expected) in [
            (Unit::PerSecond, 31_204.4, "31 204/s"),
            (Unit::PerSecond, 12.34, "12.3/s"),
            (Unit::Count, 3.0, "3"),
            (Unit::Micros, 17.25, "17.2 µs"),
            (Unit::Micros, 1_500.25, "1.50 ms"),
            (Unit::Micros, 2_500_000.0, "2.50 s"),
            (Unit::Bytes, 25.5e6, "25.5 MB"),
        ] {
            assert_eq!(value(unit, number), expected);
        }
    }

    #[test]
    fn table_shows_both_variants_their_ratio_and_warnings() {
        let text = report(&[100.0, 300.0, 200.0], &[200.0, 400.0, 400.0]).to_string();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in [
            "5 pairs of 0.3 s",
            "accepted 200/s (100/s – 300/s) 400/s (200/s – 400/s) 0.500 (0.500 – 0.750)",
            "latency p99 1.50 ms",
            "revision 0123456789ab with changes",
            "warning: a warning",
        ] {
            assert!(words(&text).contains(line), "{line:?} is not in\n{text}");
        }
        let widths = text.lines().filter(|line| line.contains("/s ("));
        assert_eq!(widths.count(), 1, "one line per figure");
    }
}
