//! One figure over several runs: its median and its range.

use serde::{Deserialize, Serialize};

/// One figure over several runs. The figure's name has the unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median; of an even number of runs the mean of the two in the middle.
    pub median: f64,
    /// The lowest value of all runs.
    pub min: f64,
    /// The highest value of all runs.
    pub max: f64,
    /// The value of each run, in their order.
    pub runs: Vec<f64>,
}

impl Spread {
    /// The spread of at least one run.
    pub(crate) fn of(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            panic!("a figure has at least one run");
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Self {
            median,
            min,
            max,
            runs,
        }
    }

    /// The ratio of each run to its partner in the baseline; `None` if one of these is 0 or the
    /// runs are not pairs. It is the median of ratios, not the ratio of medians: a disturbance of
    /// the machine affects both runs of a pair.
    pub(crate) fn ratio(&self, baseline: &Self) -> Option<Self> {
        if self.runs.len() != baseline.runs.len() || baseline.runs.contains(&0.0) {
            return None;
        }
        let pairs = self.runs.iter().zip(&baseline.runs);
        Some(Self::of(pairs.map(|(mine, other)| mine / other).collect()))
    }

    /// The ratio of two medians of unpaired runs, with the minimum and the maximum that the ranges
    /// allow.
    pub(crate) fn unpaired_ratio(&self, baseline: &Self) -> Option<(f64, f64, f64)> {
        if baseline.min <= 0.0 {
            return None;
        }
        Some((
            self.median / baseline.median,
            self.min / baseline.max,
            self.max / baseline.min,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_has_median_minimum_and_maximum() {
        let odd = Spread::of(vec![5.0, 1.0, 3.0]);
        assert_eq!((odd.median, odd.min, odd.max), (3.0, 1.0, 5.0));
        assert_eq!(odd.runs, [5.0, 1.0, 3.0], "the order is kept");
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        let one = Spread::of(vec![7.0]);
        assert_eq!((one.median, one.min, one.max), (7.0, 7.0, 7.0));
    }

    #[test]
    fn ratios_are_taken_per_pair() {
        // The machine halves its speed between the pairs: the ratio of medians would be 30 / 20.
        let mine = Spread::of(vec![40.0, 30.0, 20.0]);
        let other = Spread::of(vec![40.0, 20.0, 10.0]);
        let ratio = mine.ratio(&other).expect("pairs");
        assert_eq!(ratio.runs, [1.0, 1.5, 2.0]);
        assert_eq!((ratio.median, ratio.min, ratio.max), (1.5, 1.0, 2.0));
        assert_eq!(mine.ratio(&Spread::of(vec![1.0])), None);
        assert_eq!(mine.ratio(&Spread::of(vec![1.0, 0.0, 1.0])), None);
    }

    #[test]
    fn unpaired_ratio_has_a_range() {
        let mine = Spread::of(vec![30.0, 40.0, 20.0]);
        let other = Spread::of(vec![10.0, 20.0, 40.0]);
        assert_eq!(mine.unpaired_ratio(&other), Some((1.5, 0.5, 4.0)));
        assert_eq!(mine.unpaired_ratio(&Spread::of(vec![0.0])), None);
    }
}
