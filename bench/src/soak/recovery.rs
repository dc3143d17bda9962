//! When all shards are served again after a fault, from what the probes of the shards have seen.

use std::time::Duration;

/// A write that takes longer than this was interrupted, also if it succeeds: it waited for its
/// shard.
pub(crate) const INTERRUPTED_FROM: Duration = Duration::from_secs(1);

/// One write to one shard. Times are from the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeResult {
    pub(crate) shard: u16,
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) succeeded: bool,
}

/// What a fault meant for the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// From the injection until a write to every shard has succeeded; `None` if one has not.
    pub(crate) after_injection: Option<Duration>,
    /// How many shards were not served for some time.
    pub(crate) interrupted_shards: u16,
    /// How many shards were interrupted again after their recovery, such as by their move to a node
    /// that has returned, or by a busy machine.
    pub(crate) interrupted_later_shards: u16,
}

/// A shard during a fault.
#[derive(Clone, Copy, Debug, Default)]
struct ShardState {
    served: Option<Duration>,
    was_interrupted: bool,
    was_interrupted_later: bool,
}

/// Finds when each shard was served again. `probes` are all that ended after the injection, in the
/// order of each shard.
///
/// A shard is served again with the first success after the interruption that began before the
/// fault was healed. Once it has recovered, only a failure shows that it has not. Writes that were
/// sent before the injection do not show that it is served.
pub(crate) fn recovery(
    probes: &[ProbeResult],
    shards: u16,
    injected: Duration,
    healed: Duration,
) -> Recovery {
    let mut states = vec![ShardState::default(); usize::from(shards)];
    for probe in probes.iter().filter(|probe| probe.ended > injected) {
        let state = &mut states[usize::from(probe.shard)];
        let waited = probe.ended.saturating_sub(probe.began.max(injected)) >= INTERRUPTED_FROM;
        if !probe.succeeded || waited {
            // What lasts since before the healing is the same interruption. A slow write to a shard
            // that has recovered is not: a busy machine has those too.
            let is_slow_again = probe.succeeded && state.was_interrupted;
            if state.served.is_some() && (probe.began >= healed || is_slow_again) {
                state.was_interrupted_later = true;
                continue;
            }
            state.was_interrupted = true;
            state.served = None;
        }
        if probe.succeeded && state.served.is_none() {
            let shows = waited || probe.began >= injected;
            state.served = shows.then_some(probe.ended);
        }
    }
    let all: Option<Vec<Duration>> = states.iter().map(|state| state.served).collect();
    let last = all.and_then(|all| all.into_iter().max());
    let count = |which: fn(&ShardState) -> bool| {
        let found = states.iter().filter(|state| which(state)).count();
        u16::try_from(found).expect("shards are counted by this type")
    };
    Recovery {
        after_injection: last.map(|last| last.saturating_sub(injected)),
        interrupted_shards: count(|state| state.was_interrupted),
        interrupted_later_shards: count(|state| state.was_interrupted_later),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INJECTED: Duration = Duration::from_secs(30);
    const HEALED: Duration = Duration::from_secs(37);

    fn probe(shard: u16, began_ms: u64, ended_ms: u64, succeeded: bool) -> ProbeResult {
        ProbeResult {
            shard,
            began: Duration::from_millis(began_ms),
            ended: Duration::from_millis(ended_ms),
            succeeded,
        }
    }

    fn found(probes: &[ProbeResult]) -> Recovery {
        recovery(probes, 2, INJECTED, HEALED)
    }

    fn ms(recovery: Recovery) -> Option<u128> {
        recovery.after_injection.map(|after| after.as_millis())
    }

    #[test]
    fn last_shard_that_is_served_again_counts() {
        let recovery = found(&[
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 30_015, false),
            probe(1, 30_115, 34_700, true),
            probe(0, 30_300, 30_310, true),
        ]);
        assert_eq!(ms(recovery), Some(4_700));
        assert_eq!(
            (
                recovery.interrupted_shards,
                recovery.interrupted_later_shards
            ),
            (1, 0)
        );
    }

    #[test]
    fn shard_without_a_success_is_not_recovered() {
        let unserved = [
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 42_000, false),
        ];
        assert_eq!(ms(found(&unserved)), None);
        assert_eq!(ms(found(&unserved[..1])), None, "it was not probed");
    }

    #[test]
    fn write_sent_before_the_injection_shows_nothing() {
        let early = [
            probe(0, 30_010, 30_020, true),
            probe(1, 29_990, 30_005, true),
        ];
        assert_eq!(ms(found(&early)), None);
        let later = [early[0], early[1], probe(1, 30_500, 30_510, true)];
        assert_eq!(ms(found(&later)), Some(510));
    }

    #[test]
    fn success_before_an_interruption_is_not_the_recovery() {
        let recovery = found(&[
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 30_020, true),
            probe(1, 31_000, 33_000, false),
            probe(1, 33_100, 39_500, true),
        ]);
        assert_eq!(
            ms(recovery),
            Some(9_500),
            "also if it ends after the healing"
        );
    }

    #[test]
    fn failure_after_the_healing_prolongs_an_interruption() {
        let recovery = found(&[
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 40_010, false),
            probe(1, 40_110, 41_000, false),
            probe(1, 41_100, 41_200, true),
        ]);
        assert_eq!(
            (ms(recovery), recovery.interrupted_later_shards),
            (Some(11_200), 0)
        );
    }

    #[test]
    fn slow_write_to_a_recovered_shard_is_counted_apart() {
        let recovered = [
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 34_700, true),
            probe(1, 36_500, 37_800, true),
        ];
        let recovery = found(&recovered);
        assert_eq!(ms(recovery), Some(4_700));
        assert_eq!(recovery.interrupted_later_shards, 1);
        let failed = [recovered[0], recovered[1], probe(1, 36_500, 36_600, false)];
        assert_eq!(ms(found(&failed)), None, "it has not recovered");
    }

    #[test]
    fn interruption_after_the_recovery_is_counted_apart() {
        let recovery = found(&[
            probe(0, 30_010, 30_020, true),
            probe(1, 30_010, 34_800, true),
            probe(0, 38_000, 39_500, true),
            probe(1, 40_000, 40_010, true),
        ]);
        assert_eq!(ms(recovery), Some(4_800));
        assert_eq!(
            (
                recovery.interrupted_shards,
                recovery.interrupted_later_shards
            ),
            (1, 1)
        );
    }
}
