//! One figure over several runs: its median, and how far the runs lie apart.

use serde::{Deserialize, Serialize};

/// One figure over several runs. The unit is in the figure's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Of an even number of runs the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Each run's, in their sequence.
    pub runs: Vec<f64>,
}

impl Spread {
    /// Of at least one run.
    pub(crate) fn of(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            panic!("a figure comes from at least one run");
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

    /// Of each run by its partner in the other; `None` when one of these is 0, or the runs are no pairs. The median of
    /// ratios, not the ratio of medians: what disturbs the machine for a while disturbs both of a pair.
    pub(crate) fn ratio(&self, baseline: &Self) -> Option<Self> {
        if self.runs.len() != baseline.runs.len() || baseline.runs.contains(&0.0) {
            return None;
        }
        let pairs = self.runs.iter().zip(&baseline.runs);
        Some(Self::of(pairs.map(|(mine, other)| mine / other).collect()))
    }

    /// The ratio of two medians that come from different runs, between the least and the greatest it could be.
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
    fn the_median_is_the_middle_and_the_spread_the_ends() {
        let odd = Spread::of(vec![5.0, 1.0, 3.0]);
        assert_eq!((odd.median, odd.min, odd.max), (3.0, 1.0, 5.0));
        assert_eq!(odd.runs, [5.0, 1.0, 3.0], "the sequence is kept");
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        let one = Spread::of(vec![7.0]);
        assert_eq!((one.median, one.min, one.max), (7.0, 7.0, 7.0));
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The machine halves its speed between the pairs: medians alone would say 30 / 20.
        let mine = Spread::of(vec![40.0, 30.0, 20.0]);
        let other = Spread::of(vec![40.0, 20.0, 10.0]);
        let ratio = mine.ratio(&other).expect("pairs");
        assert_eq!(ratio.runs, [1.0, 1.5, 2.0]);
        assert_eq!((ratio.median, ratio.min, ratio.max), (1.5, 1.0, 2.0));
        assert_eq!(mine.ratio(&Spread::of(vec![1.0])), None);
        assert_eq!(mine.ratio(&Spread::of(vec![1.0, 0.0, 1.0])), None);
    }

    #[test]
    fn a_ratio_without_pairs_lies_between_the_ends() {
        let mine = Spread::of(vec![30.0, 40.0, 20.0]);
        let other = Spread::of(vec![10.0, 20.0, 40.0]);
        assert_eq!(mine.unpaired_ratio(&other), Some((1.5, 0.5, 4.0)));
        assert_eq!(mine.unpaired_ratio(&Spread::of(vec![0.0])), None);
    }
}
