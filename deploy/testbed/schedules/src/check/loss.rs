//! What the system says that it has lost, and what of that a promotion can explain.

use std::collections::BTreeMap;

use fritzy_domain::{Generation, GenerationStart, Generations, RecordedEvent};
use fritzy_types::ShardId;

/// The loss at which the second generation of a database began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where it began in each shard: the last position that is kept, and the last one named as
    /// lost.
    pub shards: BTreeMap<ShardId, GenerationStart>,
    /// When the standby stopped following, in microseconds since the clients' start. What was
    /// acknowledged before cannot be lost.
    pub possible_from_us: u64,
    /// When the old server was killed: the earliest time at which the loss can be seen.
    pub seen_from_us: u64,
    /// When every node must have noticed: what is sent from then on sees the new generation.
    pub seen_until_us: u64,
}

/// The loss of a run, if there was one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses(pub Option<Loss>);

impl Losses {
    /// The loss of a run, if its generations say so.
    ///
    /// # Errors
    /// When a generation has begun that no promotion with loss explains, or more than one.
    pub fn named(
        generations: &Generations,
        possible: impl FnOnce(&Generation) -> Option<Loss>,
    ) -> Result<Self, String> {
        let current = generations.current();
        match current.number {
            1 => Ok(Self(None)),
            2 => match possible(current) {
                Some(loss) => Ok(Self(Some(loss))),
                None => Err("I1: a generation began, and nothing can have been lost".to_owned()),
            },
            more => Err(format!("I1: {more} generations after one promotion")),
        }
    }

    /// The version at which the lines of an entity part: its last one of the first generation that
    /// was kept. `events` are its events in the journal; `None` without a loss.
    #[must_use]
    pub fn kept_version(&self, shard: ShardId, events: &[RecordedEvent]) -> Option<u64> {
        let loss = self.0.as_ref()?;
        let kept = loss.shards.get(&shard).map_or(0, |start| start.kept);
        let kept = events.iter().filter(|event| event.position <= kept);
        Some(kept.map(|event| event.version).max().unwrap_or(0))
    }
}
