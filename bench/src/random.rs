//! Random choices that are determined by a seed.

use fastrand::Rng;

/// A generator for each combination of numbers, such as seed, repetition and caller.
pub(crate) fn seeded(parts: &[u64]) -> Rng {
    let seed = parts
        .iter()
        .fold(0, |seed, part| Rng::with_seed(seed ^ part).u64(..));
    Rng::with_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_determines_the_sequence_and_its_parts_are_independent() {
        let first = |parts: &[u64]| seeded(parts).u64(..);
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 3, 2]));
        assert_ne!(first(&[1, 2]), first(&[1, 2, 0]));
    }

    #[test]
    fn choices_are_about_equally_frequent() {
        let mut random = seeded(&[1]);
        let mut counts = [0; 5];
        for _ in 0..50_000 {
            counts[random.usize(..5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)));
    }
}
