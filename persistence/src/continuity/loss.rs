//! What a database has lost, for people.

use fritzy_domain::Position;
use fritzy_types::ShardId;

/// Ranges that a message names at most; the table `generation_shard` has all of them.
const NAMED_MAX: usize = 20;

/// Acknowledged events of one shard that the database no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The shard.
    pub shard: ShardId,
    /// The last position that is still there.
    pub kept: Position,
    /// The last position that is known to be lost.
    pub lost: Position,
}

impl LostRange {
    /// How many they are.
    pub const fn events(&self) -> u64 {
        self.lost.saturating_sub(self.kept)
    }
}

/// What the log says of a database that went backwards.
pub(crate) const fn went_backwards(lost: &[LostRange]) -> &'static str {
    match lost {
        [] => {
            "the database went backwards: acknowledged events may be lost, but none that this node knows. It continues \
             as a new generation"
        }
        _ => {
            "the database went backwards: these acknowledged events (shard:positions) are lost. It continues as a new \
             generation"
        }
    }
}

/// The ranges as text: `17:96-100, 409:3`, each a shard with its lost positions.
pub fn describe_lost(lost: &[LostRange]) -> String {
    let range = |range: &LostRange| match range.events() {
        1 => format!("{}:{}", range.shard, range.lost),
        _ => format!("{}:{}-{}", range.shard, range.kept + 1, range.lost),
    };
    let mut named: Vec<String> = lost.iter().take(NAMED_MAX).map(range).collect();
    if lost.len() > NAMED_MAX {
        named.push(format!("and {} more shards", lost.len() - NAMED_MAX));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_positions_are_named_with_their_shards() {
        let range = |shard, kept, lost| LostRange {
            shard: ShardId(shard),
            kept,
            lost,
        };
        assert!(went_backwards(&[range(17, 95, 100)]).contains("these"));
        assert!(!went_backwards(&[]).contains("these"));
        assert_eq!(
            describe_lost(&[range(17, 95, 100), range(409, 2, 3)]),
            "17:96-100, 409:3"
        );
        let many: Vec<LostRange> = (0..25).map(|shard| range(shard, 0, 1)).collect();
        assert!(describe_lost(&many).ends_with("19:1, and 5 more shards"));
    }
}
