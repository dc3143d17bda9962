//! Makes a failing schedule smaller, while it still fails.

use crate::schedule::Schedule;

/// The smallest schedule that this finds by leaving out faults and clients, one or several at once,
/// as delta debugging does. `fails` runs a candidate; as runs are not deterministic, it should try
/// several times before it says no.
///
/// # Errors
/// Those of `fails`.
pub fn shrink<E>(
    schedule: &Schedule,
    mut fails: impl FnMut(&Schedule) -> Result<bool, E>,
) -> Result<Schedule, E> {
    let mut smallest = schedule.clone();
    // Halves first: most faults have nothing to do with the failure.
    let mut chunk = smallest.faults.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let mut is_smaller = false;
        while from < smallest.faults.len() {
            let mut candidate = smallest.clone();
            let until = (from + chunk).min(candidate.faults.len());
            candidate.faults.drain(from..until);
            if fails(&candidate)? {
                smallest = candidate;
                is_smaller = true;
            } else {
                from += chunk;
            }
        }
        match (chunk, is_smaller) {
            (1, false) => break,
            (1, true) => {}
            _ => chunk = chunk.div_ceil(2),
        }
    }
    while smallest.clients > 1 {
        let mut candidate = smallest.clone();
        candidate.clients = candidate.clients.div_ceil(2);
        if !fails(&candidate)? {
            candidate.clients = smallest.clients - 1;
            if candidate.clients == smallest.clients.div_ceil(2) || !fails(&candidate)? {
                break;
            }
        }
        smallest = candidate;
    }
    Ok(smallest)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::draw;

    #[test]
    fn schedule_shrinks_to_the_faults_that_matter() {
        let mut drawn = (0..100).map(draw);
        let schedule = drawn.find(|schedule| schedule.faults.len() >= 5).unwrap();
        let needed = [schedule.faults[1].clone(), schedule.faults[4].clone()];
        let mut tries = 0;
        let smallest = shrink(&schedule, |candidate| {
            tries += 1;
            let has_faults = needed.iter().all(|fault| candidate.faults.contains(fault));
            Ok::<_, Infallible>(has_faults && candidate.clients >= 2)
        });
        let smallest = smallest.unwrap();
        assert_eq!(smallest.faults, needed);
        assert_eq!(smallest.clients, 2);
        assert!(tries < 20, "{tries}");
    }

    #[test]
    fn schedule_that_fails_without_faults_loses_all() {
        let schedule = draw(3);
        let smallest = shrink(&schedule, |_| Ok::<_, Infallible>(true)).unwrap();
        assert!(smallest.faults.is_empty());
        assert_eq!(smallest.clients, 1);
        assert_eq!(schedule.seed, smallest.seed);
    }
}
