//! Whether something grows: memory, handles, threads, connections.
//!
//! A process fills caches when it is young, and a restarted one starts anew. So samples are
//! compared in pairs: of two processes of one node at the same age, or of one process that is old
//! enough. The slope is the median over the slopes of all pairs (Theil and Sen), which single
//! outliers do not move.

use serde::{Deserialize, Serialize};

/// Two ages are the same if they differ by at most this: half of the time between two samples.
const AGE_DIFFERENCE_MAX_S: f64 = 30.0;
/// A process of this age has filled its caches: with the default rate and `entities_max` of a soak,
/// its memory is level after some 14 minutes. Younger ones are compared with other processes only.
const OLD_FROM_S: f64 = 900.0;
/// Pairs must be this far apart, so that noise is not taken for a slope.
const DISTANCE_MIN_S: f64 = 240.0;
/// Fewer pairs, or pairs within a shorter time, say nothing.
const PAIRS_MIN: usize = 8;
const SPAN_MIN_S: f64 = 600.0;

/// A value of one process at a point in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// The node; processes of different nodes are not compared.
    pub(crate) node: usize,
    pub(crate) process: u32,
    pub(crate) age_s: f64,
    pub(crate) at_s: f64,
    pub(crate) value: f64,
}

/// How much something may grow within a run: the larger of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrowthLimit {
    /// As a part of the median.
    pub(crate) part: f64,
    /// In its own unit.
    pub(crate) amount: f64,
}

/// The result for one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// What it is: `memory_bytes`, `handles_count`, `threads_count`, `connections_count`.
    pub of: String,
    /// The median of all samples.
    pub median: f64,
    /// The change in an hour, by processes of the same age; `None` without enough of them.
    pub between_processes_per_h: Option<f64>,
    /// The change in an hour within processes older than 15 minutes; `None` without enough samples.
    pub within_processes_per_h: Option<f64>,
    /// The larger change over the time between the first and the last compared sample.
    pub grown: Option<f64>,
    /// How much it may grow in that time.
    pub limit: f64,
    /// The conclusion.
    pub verdict: Verdict,
}

/// Whether something grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It has not grown by more than its limit.
    Steady,
    /// It has.
    Growing,
    /// The run has too few samples that can be compared.
    TooShort,
}

/// A slope, and the time that it was found in.
#[derive(Clone, Copy, Debug)]
struct Slope {
    per_s: f64,
    span_s: f64,
}

impl Growth {
    /// Judges one value.
    pub(crate) fn of(of: &str, points: &[Point], limit: GrowthLimit) -> Self {
        let same_age = |a: &Point, b: &Point| {
            a.process != b.process && (a.age_s - b.age_s).abs() <= AGE_DIFFERENCE_MAX_S
        };
        let both_old =
            |a: &Point, b: &Point| a.process == b.process && a.age_s.min(b.age_s) >= OLD_FROM_S;
        let (between, within) = (slope(points, same_age), slope(points, both_old));
        let median = median(points.iter().map(|point| point.value).collect()).unwrap_or(0.0);
        let limit = (limit.part * median).max(limit.amount);
        let grown = |slope: Option<Slope>| slope.map(|slope| slope.per_s * slope.span_s);
        let grown = [grown(between), grown(within)]
            .into_iter()
            .flatten()
            .reduce(f64::max);
        let per_h = |slope: Option<Slope>| slope.map(|slope| slope.per_s * 3_600.0);
        Self {
            of: of.to_owned(),
            median,
            between_processes_per_h: per_h(between),
            within_processes_per_h: per_h(within),
            grown,
            limit,
            verdict: match grown {
                None => Verdict::TooShort,
                Some(grown) if grown > limit => Verdict::Growing,
                Some(_) => Verdict::Steady,
            },
        }
    }
}

/// The median slope over the pairs of one node that may be compared.
fn slope(points: &[Point], comparable: impl Fn(&Point, &Point) -> bool) -> Option<Slope> {
    let mut slopes = Vec::new();
    let (mut first_s, mut last_s) = (f64::INFINITY, f64::NEG_INFINITY);
    for (number, a) in points.iter().enumerate() {
        for b in &points[number + 1..] {
            let distance_s = b.at_s - a.at_s;
            let is_far = distance_s.abs() >= DISTANCE_MIN_S;
            if a.node == b.node && is_far && comparable(a, b) {
                slopes.push((b.value - a.value) / distance_s);
                first_s = first_s.min(a.at_s).min(b.at_s);
                last_s = last_s.max(a.at_s).max(b.at_s);
            }
        }
    }
    let span_s = last_s - first_s;
    if slopes.len() < PAIRS_MIN || span_s < SPAN_MIN_S {
        return None;
    }
    let per_s = median(slopes)?;
    Some(Slope { per_s, span_s })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], upper),
        _ => upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: GrowthLimit = GrowthLimit {
        part: 0.1,
        amount: 4.0,
    };

    /// Samples of a node each minute of two hours. `process` and `value` are functions of the time.
    fn samples(process: fn(f64) -> u32, age: fn(f64) -> f64, value: fn(f64) -> f64) -> Vec<Point> {
        let minutes = (0..120).map(|minute| f64::from(minute) * 60.0);
        let point = |at_s| Point {
            node: 0,
            process: process(at_s),
            age_s: age(at_s),
            at_s,
            value: value(at_s),
        };
        minutes.map(point).collect()
    }

    /// A process of four minutes after the other.
    const LIVES_S: f64 = 240.0;

    fn restarted(value: fn(f64) -> f64) -> Vec<Point> {
        samples(|at_s| (at_s / LIVES_S) as u32, |at_s| at_s % LIVES_S, value)
    }

    fn lasting(value: fn(f64) -> f64) -> Vec<Point> {
        samples(|_| 1, |at_s| at_s, value)
    }

    #[test]
    fn noise_without_a_trend_is_steady() {
        let noisy = lasting(|at_s| 100.0 + 3.0 * (at_s / 7.0).sin());
        let growth = Growth::of("memory_bytes", &noisy, LIMIT);
        assert_eq!(growth.verdict, Verdict::Steady, "{growth:?}");
        assert!(growth.grown.is_some_and(|grown| grown.abs() < 4.0));
        assert_eq!(growth.between_processes_per_h, None);
    }

    #[test]
    fn leak_of_one_process_is_growing_at_its_slope() {
        let growth = Growth::of("memory_bytes", &lasting(|at_s| 100.0 + at_s / 120.0), LIMIT);
        assert_eq!(growth.verdict, Verdict::Growing);
        let per_h = growth.within_processes_per_h.expect("enough samples");
        assert!((per_h - 30.0).abs() < 1e-6, "{per_h}");
    }

    #[test]
    fn caches_of_a_young_process_are_no_growth() {
        let filling = lasting(|at_s| if at_s < 840.0 { at_s } else { 840.0 });
        assert_eq!(
            Growth::of("memory_bytes", &filling, LIMIT).verdict,
            Verdict::Steady
        );
    }

    #[test]
    fn restarted_process_is_compared_at_equal_ages() {
        // Each process grows by 160 in its short life, and ends where the last one did.
        let growth = Growth::of(
            "memory_bytes",
            &restarted(|at_s| 100.0 + at_s % LIVES_S),
            LIMIT,
        );
        assert_eq!(growth.verdict, Verdict::Steady, "{growth:?}");
        assert_eq!(growth.within_processes_per_h, None, "none is old");
    }

    #[test]
    fn growth_from_process_to_process_is_found() {
        let values = restarted(|at_s| 100.0 + at_s % LIVES_S + at_s / 120.0);
        let growth = Growth::of("memory_bytes", &values, LIMIT);
        assert_eq!(growth.verdict, Verdict::Growing, "{growth:?}");
        let per_h = growth.between_processes_per_h.expect("enough processes");
        assert!((per_h - 30.0).abs() < 1.0, "{per_h}");
    }

    #[test]
    fn nodes_are_not_compared_with_each_other() {
        let mut points = Vec::new();
        for node in 0..60_u32 {
            // Each node is sampled once, later and higher than the one before.
            points.push(Point {
                node: node as usize,
                process: node,
                age_s: 100.0,
                at_s: f64::from(node) * 60.0,
                value: f64::from(node) * 10.0,
            });
        }
        assert_eq!(
            Growth::of("memory_bytes", &points, LIMIT).verdict,
            Verdict::TooShort
        );
    }

    #[test]
    fn few_minutes_say_nothing() {
        let growing = lasting(|at_s| at_s);
        assert_eq!(
            Growth::of("threads_count", &growing[..12], LIMIT).verdict,
            Verdict::TooShort
        );
        assert_eq!(
            Growth::of("threads_count", &[], LIMIT).verdict,
            Verdict::TooShort
        );
    }
}
