//! Properties that the observations of all clients must have (I1, I3, I8).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use fritzy_domain::{AccountEvent, Event};
use fritzy_testbed_shop::Audit;

use crate::cluster::history::{ClientObservation, History, Observation};
use crate::cluster::nodes::Nodes;

/// Stops clients and nodes, and compares all observations with the database.
pub(crate) async fn require_sound(history: History, mut nodes: Nodes) -> Vec<Observation> {
    let observations = history.stop().await;
    let found = nodes.kill_all().await;
    require_linearizable(&observations);
    require_kept(&observations, &found);
    observations
}

/// Versions of an account only grow. So a history of reads and renames is linearizable if all of
/// this holds: a request that begins after a version was observed observes that version or a later
/// one; no version is observed before the rename that created it began; and every rename created a
/// version of its own, one above the expected one. (Each request with a version is a point between
/// its begin and its end, and versions order the points.)
pub(crate) fn require_linearizable(observations: &[Observation]) {
    let mut by_account: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        by_account
            .entry(&observation.account)
            .or_default()
            .push(observation);
    }
    for (account, mut observations) in by_account {
        let version = |observation: &Observation| match observation.observed {
            ClientObservation::At(version) | ClientObservation::Changed(version, _) => {
                Some(version)
            }
            _ => None,
        };
        let mut made: BTreeMap<u64, &Observation> = BTreeMap::new();
        for observation in &observations {
            if let ClientObservation::Changed(version, _) = observation.observed {
                let before = made.insert(version, observation);
                assert!(
                    before.is_none(),
                    "I3: two made version {version}: {before:?}, {observation:?}"
                );
            }
        }
        for observation in &observations {
            if let Some(maker) = version(observation).and_then(|version| made.get(&version)) {
                assert!(
                    observation.ended >= maker.began,
                    "I3: {observation:?} before {maker:?}"
                );
            }
        }
        observations.retain(|observation| version(observation).is_some());
        let mut by_end = observations.clone();
        by_end.sort_by_key(|observation| observation.ended);
        observations.sort_by_key(|observation| observation.began);
        let (mut ended, mut newest) = (by_end.into_iter().peekable(), None::<&Observation>);
        for observation in observations {
            while let Some(before) = ended.next_if(|before| before.ended < observation.began) {
                if newest.is_none_or(|newest| version(newest) < version(before)) {
                    newest = Some(before);
                }
            }
            if let Some(newest) = newest {
                assert!(
                    version(observation) >= version(newest),
                    "I3: {account}: {observation:?} after {newest:?}"
                );
            }
        }
    }
}

/// Requires every acknowledged rename in the journal, at its version (I1), and none that was not
/// requested.
pub(crate) fn require_kept(observations: &[Observation], found: &Audit) {
    let mut names: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    for recorded in found.events.values().flatten() {
        let account = recorded.entity.as_uuid().to_string();
        if let Event::Account(AccountEvent::Renamed(renamed)) = &recorded.event {
            let place = (account.clone(), recorded.version);
            names.insert(place, renamed.personal.name.clone());
        }
        versions.insert(account, recorded.version);
    }
    for observation in observations {
        match &observation.observed {
            ClientObservation::Changed(version, name) => {
                let there = names.get(&(observation.account.clone(), *version));
                assert_eq!(there, Some(name), "I1: {observation:?}");
            }
            ClientObservation::At(version) => {
                assert!(
                    *version <= versions[&observation.account],
                    "I1: {observation:?} is lost"
                );
            }
            ClientObservation::Unknown(_) | ClientObservation::Nothing(_) => {}
        }
    }
    let may_be: BTreeSet<&String> = observations
        .iter()
        .filter_map(|observation| match &observation.observed {
            ClientObservation::Changed(_, name) | ClientObservation::Unknown(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for name in names.values() {
        assert!(may_be.contains(name), "{name} was refused, and happened");
        *times.entry(name).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "I8: {twice:?}");
}

/// The requests that began in this period.
pub(crate) fn between(
    observations: &[Observation],
    from: Instant,
    until: Instant,
) -> Vec<&Observation> {
    let then = observations.iter();
    then.filter(|observation| (from..until).contains(&observation.began))
        .collect()
}

/// How many of the requests observed a version.
pub(crate) fn answered(observations: &[&Observation]) -> usize {
    let observed = observations.iter();
    observed
        .filter(|observation| {
            matches!(
                observation.observed,
                ClientObservation::At(_) | ClientObservation::Changed(..)
            )
        })
        .count()
}
