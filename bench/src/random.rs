//! Numbers that look random and follow from a seed: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.

/// A sequence that follows from its seed.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    /// The sequence of one seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for every combination of numbers, such as seed, repetition and caller.
    pub(crate) fn of(parts: &[u64]) -> Self {
        let mixed = parts
            .iter()
            .fold(0, |state, part| Self(state ^ part).next_u64());
        Self(mixed)
    }

    /// Any number.
    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..end`, by Lemire's multiplication (<https://arxiv.org/abs/1805.10941>) without its correction:
    /// for the few thousands in use here the bias is beyond measuring.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "there is no number below 0");
        let scaled = u128::from(self.next_u64()) * end as u128;
        usize::try_from(scaled >> 64).expect("it is below a usize")
    }

    /// Between 0 and 1: 53 bits fit a double.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_the_parts_of_a_seed_are_kept_apart() {
        // The reference implementation's first numbers for the seed 1234567.
        let mut reference = SplitMix64::new(1_234_567);
        assert_eq!(reference.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(reference.next_u64(), 3_203_168_211_198_807_973);
        let first = |parts: &[u64]| SplitMix64::of(parts).next_u64();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 3, 2]));
        assert_ne!(first(&[1, 2]), first(&[1, 2, 0]));
    }

    #[test]
    fn every_choice_comes_about_equally_often() {
        let mut random = SplitMix64::new(1);
        let mut counts = [0; 5];
        for _ in 0..50_000 {
            counts[random.below(5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.fraction())));
    }
}
