//! What a look at a database means.

use uuid::Uuid;

use super::known_claims::KnownClaim;
use super::known_heads::KnownHead;

/// Identifies one line of a database's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GenerationId {
    pub(crate) number: u64,
    pub(crate) id: Uuid,
}

/// What was found in the database, in one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    /// Its newest generation.
    pub(crate) generation: GenerationId,
    /// The known heads that are not there, or have another event id.
    pub(crate) missing: Vec<KnownHead>,
    /// The known claims whose shards have a lower epoch.
    pub(crate) undone: Vec<KnownClaim>,
    /// The last events of the shards that were to be read.
    pub(crate) ends: Vec<KnownHead>,
    /// This node's heartbeat, if its row is there.
    pub(crate) heartbeat: Option<u64>,
}

/// What that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing that this node has seen is missing.
    Sound,
    /// Another node has begun a new generation.
    NewGeneration,
    /// The database went backwards, and no node has begun a new generation on it.
    Backwards,
}

/// Judges a sighting by what this node knows: the generation, and the last heartbeat that was
/// acknowledged.
pub(crate) fn judge(known: GenerationId, heartbeat: Option<u64>, sighting: &Sighting) -> Verdict {
    let found = sighting.generation;
    if found == known {
        let is_behind = |(acknowledged, found)| found < acknowledged;
        let beat_lost = heartbeat.zip(sighting.heartbeat).is_some_and(is_behind);
        let is_lost = beat_lost || !sighting.missing.is_empty() || !sighting.undone.is_empty();
        return match is_lost {
            true => Verdict::Backwards,
            false => Verdict::Sound,
        };
    }
    // One with the same number and another id began on a line that this node has not seen: only a
    // third one can tell them apart.
    match found.number > known.number {
        true => Verdict::NewGeneration,
        false => Verdict::Backwards,
    }
}

#[cfg(test)]
mod tests {
    use fritzy_domain::EventId;
    use fritzy_types::{Epoch, ShardId};

    use super::*;

    fn id(number: u64, id: u128) -> GenerationId {
        GenerationId {
            number,
            id: Uuid::from_u128(id),
        }
    }

    fn verdict(
        found: GenerationId,
        (missing, undone): (usize, usize),
        heartbeat: Option<u64>,
    ) -> Verdict {
        let shard = ShardId(0);
        let head = KnownHead {
            shard,
            position: 1,
            event: EventId::from_uuid(Uuid::nil()),
        };
        let claim = KnownClaim {
            shard,
            epoch: Epoch(1),
            is_read: true,
        };
        let sighting = Sighting {
            generation: found,
            missing: vec![head; missing],
            undone: vec![claim; undone],
            ends: vec![],
            heartbeat,
        };
        judge(id(2, 7), Some(10), &sighting)
    }

    #[test]
    fn i1_missing_fact_means_the_database_went_back() {
        let known = id(2, 7);
        for (found, missing, heartbeat, expected) in [
            (known, (0, 0), Some(10), Verdict::Sound),
            (known, (0, 0), Some(11), Verdict::Sound),
            // The node has left, or was removed.
            (known, (0, 0), None, Verdict::Sound),
            (known, (1, 0), Some(10), Verdict::Backwards),
            (known, (0, 0), Some(9), Verdict::Backwards),
            // A claim is a fact as well: on a node that has written nothing, the only one.
            (known, (0, 1), Some(10), Verdict::Backwards),
            // Another node was first: then missing events are what it has seen, too.
            (id(3, 8), (1, 0), None, Verdict::NewGeneration),
            (id(1, 1), (0, 0), Some(10), Verdict::Backwards),
            (id(2, 9), (0, 0), Some(10), Verdict::Backwards),
        ] {
            assert_eq!(verdict(found, missing, heartbeat), expected, "{found:?}");
        }
    }
}
