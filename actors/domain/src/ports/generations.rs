//! Generations: the lines of a database's history. A database that lost acknowledged events, such
//! as a standby promoted without the last writes, continues on a new line.

use std::collections::BTreeMap;

use fritzy_types::{ShardId, Timestamp};
use uuid::Uuid;

use crate::Position;

/// One line of the journal's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// 1 for a new database; later lines have greater numbers.
    pub number: u64,
    /// Distinguishes lines that began independently with the same number.
    pub id: Uuid,
    /// When it began, by the clock of the store.
    pub began: Timestamp,
    /// Whether nodes began it because the database went backwards under them. A database that was
    /// restored while they were stopped may be a copy.
    pub in_place: bool,
    /// Where it began, in every shard. Empty for the first.
    pub shards: BTreeMap<ShardId, GenerationStart>,
}

/// Where a generation began in one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerationStart {
    /// The last position that earlier generations share with this one. Their events behind it
    /// never happened.
    pub kept: Position,
    /// The last position of an earlier generation that is known to be acknowledged, and was lost:
    /// not greater than `kept` if none is known.
    pub lost: Position,
}

impl GenerationStart {
    /// How many acknowledged events are known to be lost.
    pub const fn lost_events(&self) -> u64 {
        self.lost.saturating_sub(self.kept)
    }
}

/// All generations of a database, in ascending order; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations(Vec<Generation>);

impl Generations {
    /// The generations in ascending order of their numbers; `None` if there are none.
    pub fn new(generations: Vec<Generation>) -> Option<Self> {
        (!generations.is_empty()).then_some(Self(generations))
    }

    /// The only generation of a database that never lost anything.
    pub fn first() -> Self {
        Self(vec![Generation {
            number: 1,
            id: Uuid::nil(),
            began: Timestamp::from_micros(0),
            in_place: false,
            shards: BTreeMap::new(),
        }])
    }

    /// All of them, in ascending order.
    pub fn all(&self) -> &[Generation] {
        &self.0
    }

    /// The one before the current one, if there were several.
    pub fn parent(&self) -> Option<&Generation> {
        self.0.iter().rev().nth(1)
    }

    /// The one that is written now.
    pub fn current(&self) -> &Generation {
        self.0.last().expect("never empty")
    }

    /// The number of the generation in which the event at `position` of `shard` was written.
    pub fn of(&self, shard: ShardId, position: Position) -> u64 {
        let began_before = |generation: &&Generation| {
            let start = generation.shards.get(&shard);
            start.map_or(0, |start| start.kept) < position
        };
        let newest = self.0.iter().rev().find(began_before);
        newest.map_or(self.0[0].number, |generation| generation.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u64, kept: &[(u16, Position)]) -> Generation {
        let start =
            |&(shard, kept): &(u16, Position)| (ShardId(shard), GenerationStart { kept, lost: 0 });
        Generation {
            number,
            id: Uuid::nil(),
            began: Timestamp::from_micros(0),
            in_place: false,
            shards: kept.iter().map(start).collect(),
        }
    }

    #[test]
    fn i6_event_belongs_to_the_generation_it_was_written_in() {
        let generations = vec![
            generation(1, &[]),
            generation(2, &[(0, 10), (1, 0)]),
            generation(5, &[(0, 10), (1, 7)]),
        ];
        let generations = Generations::new(generations).expect("not empty");
        for (shard, position, expected) in [
            (0, 1, 1),
            (0, 10, 1),
            (0, 11, 5),
            (1, 1, 2),
            (1, 7, 2),
            (1, 8, 5),
        ] {
            assert_eq!(
                generations.of(ShardId(shard), position),
                expected,
                "{shard}:{position}"
            );
        }
        assert_eq!(generations.current().number, 5);
        assert_eq!(Generations::first().of(ShardId(3), 4), 1);
    }

    #[test]
    fn only_positions_behind_the_kept_one_are_lost() {
        let start = |kept, lost| GenerationStart { kept, lost }.lost_events();
        assert_eq!((start(10, 13), start(10, 10), start(10, 0)), (3, 0, 0));
    }
}
