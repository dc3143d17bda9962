//! What the topics say of the database that fills them, and what that means for another one; pure.

use std::collections::BTreeMap;

use fritzy_domain::{Generations, Position, TopicBinding};
use fritzy_types::ShardId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Version of the record: raised by changes that older programs cannot read.
const VERSION: u32 = 1;
/// Tokens that are kept: those that a database has lost by going backwards up to three minutes are
/// among them.
const TOKENS_MAX: usize = 64;

/// The last message of the topic `fritzy.binding`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRecord {
    version: u32,
    /// The id of these topics.
    topics: Uuid,
    /// The first generation of the database: the same for all of its copies.
    shop: Uuid,
    /// The generation of the database that fills the topics.
    generation: u64,
    generation_id: Uuid,
    /// The generation before.
    parent_id: Option<Uuid>,
    /// The last position of each shard that both share.
    kept: BTreeMap<u16, Position>,
    /// Newest first; never empty.
    tokens: Vec<Uuid>,
    /// Where the database is.
    location: String,
}

/// Whose topics they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Those of this database.
    Ours,
    /// Those of this database, which went backwards and has lost the newest tokens.
    WentBackwards,
    /// Those of this database, which has filled others since: these lack events.
    LeftBehind,
    /// Those of another copy of this database.
    AnotherCopy,
    /// Those of another shop.
    AnotherShop,
}

impl BindingRecord {
    /// A record of these tokens, newest first, and of the current generation of a database at this
    /// location.
    pub fn new(
        topics: Uuid,
        mut tokens: Vec<Uuid>,
        generations: &Generations,
        location: String,
    ) -> Self {
        tokens.truncate(TOKENS_MAX);
        let current = generations.current();
        let kept = current.shards.iter();
        Self {
            version: VERSION,
            topics,
            shop: generations.all()[0].id,
            generation: current.number,
            generation_id: current.id,
            parent_id: generations.parent().map(|parent| parent.id),
            kept: kept.map(|(shard, start)| (shard.0, start.kept)).collect(),
            tokens,
            location,
        }
    }

    /// Reads the payload of a message.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(payload)
            .map_err(|failure| format!("it is not a binding of this version: {failure}"))?;
        match (record.version, record.tokens.is_empty()) {
            (VERSION, false) => Ok(record),
            (VERSION, true) => Err("it has no token".to_owned()),
            (other, _) => Err(format!("it has the version {other}, for a newer program")),
        }
    }

    pub(super) fn encode(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }

    /// The id of these topics.
    pub const fn topics(&self) -> Uuid {
        self.topics
    }

    /// The number of the generation that fills them.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The tokens of a database that takes the topics over: a new one before those of the record.
    pub fn taken_over(&self) -> Vec<Uuid> {
        renewed(&self.tokens)
    }

    /// Whose topics they are, for a database with this row and these generations.
    pub fn standing(&self, row: Option<&TopicBinding>, generations: &Generations) -> Standing {
        if let Some(row) = row {
            // A restored database is a copy, however young.
            let same_line = self.is_of(generations) || self.precedes(generations);
            if row.tokens.contains(&self.tokens[0]) && (same_line || self.is_newer(generations)) {
                return match row.is_latest {
                    true => Standing::Ours,
                    false => Standing::LeftBehind,
                };
            }
            // A copy may have the same tokens, but no node that watched it lose them.
            if self.tokens.contains(&row.tokens[0]) && self.precedes(generations) {
                return Standing::WentBackwards;
            }
        }
        match self.shop == generations.all()[0].id {
            true => Standing::AnotherCopy,
            false => Standing::AnotherShop,
        }
    }

    fn is_of(&self, generations: &Generations) -> bool {
        self.generation_id == generations.current().id
    }

    /// Whether the record is of a generation that nodes have left because the database went
    /// backwards under them, however often.
    pub(super) fn precedes(&self, generations: &Generations) -> bool {
        let mut pairs = generations.all().windows(2).rev();
        pairs
            .by_ref()
            .take_while(|pair| pair[1].in_place)
            .any(|pair| pair[0].id == self.generation_id)
    }

    /// Whether the record names what the database has now.
    pub(super) fn is_current(
        &self,
        tokens: &[Uuid],
        generations: &Generations,
        location: &str,
    ) -> bool {
        self.tokens[0] == tokens[0] && self.is_of(generations) && self.is_at(location)
    }

    /// Whether the database that fills the topics is at this location.
    pub(super) fn is_at(&self, location: &str) -> bool {
        self.location == location
    }

    /// Whether the topics know a later generation than this program: then another node has begun
    /// it.
    pub(super) fn is_newer(&self, generations: &Generations) -> bool {
        self.generation > generations.current().number
    }

    /// The last position of a shard that the topics have in common with a journal of these
    /// generations, whose events were published to them up to `cursor`.
    pub fn common(&self, generations: &Generations, shard: ShardId, cursor: Position) -> Position {
        let all = generations.all();
        let index = |id: Uuid| all.iter().position(|generation| generation.id == id);
        let of_topics = self.kept.get(&shard.0).copied().unwrap_or_default();
        let (last_shared, of_topics) = match index(self.generation_id) {
            // The other database has added to a generation that this one has, too.
            Some(shared) => (shared, Position::MAX),
            None => match self.parent_id.and_then(index) {
                Some(shared) => (shared, of_topics),
                None => return 0,
            },
        };
        let of_ours = all[last_shared + 1..].iter().map(|generation| {
            let start = generation.shards.get(&shard).copied();
            start.unwrap_or_default().kept
        });
        of_ours.fold(cursor.min(of_topics), Position::min)
    }
}

/// Tokens with a new one before them.
pub(super) fn renewed(tokens: &[Uuid]) -> Vec<Uuid> {
    let kept = tokens.iter().take(TOKENS_MAX - 1).copied();
    [Uuid::new_v4()].into_iter().chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fritzy_domain::{Generation, GenerationStart};
    use fritzy_types::Timestamp;

    use super::*;

    const SHARD: ShardId = ShardId(7);

    fn ids(ids: &[u128]) -> Vec<Uuid> {
        ids.iter().copied().map(Uuid::from_u128).collect()
    }

    /// Generations by id, the position they keep, and whether they began in place; numbered from 1.
    fn generations(of: &[(u128, Position, bool)]) -> Generations {
        let all = (1..).zip(of).map(|(number, (id, kept, in_place))| {
            let start = GenerationStart {
                kept: *kept,
                lost: 0,
            };
            Generation {
                number,
                id: Uuid::from_u128(*id),
                began: Timestamp::from_micros(0),
                in_place: *in_place,
                shards: [(SHARD, start)].into(),
            }
        });
        Generations::new(all.collect()).expect("not empty")
    }

    fn row(tokens: &[u128]) -> TopicBinding {
        TopicBinding {
            tokens: ids(tokens),
            age: Duration::ZERO,
            is_latest: true,
        }
    }

    fn record(tokens: &[u128], of: &[(u128, Position, bool)]) -> BindingRecord {
        BindingRecord::new(
            Uuid::nil(),
            ids(tokens),
            &generations(of),
            "here".to_owned(),
        )
    }

    #[test]
    fn i6_only_a_database_with_the_newest_token_owns_topics() {
        let first = [(1, 0, false)];
        let topics = record(&[3, 2, 1], &first);
        for (tokens, of, expected) in [
            (&[3, 2, 1][..], &first[..], Standing::Ours),
            // A new token that is not on the topics yet; and one that was written late.
            (&[4, 3, 2, 1], &first, Standing::Ours),
            // A copy of before, with the same generation.
            (&[2, 1], &first, Standing::AnotherCopy),
            // A copy that has gone its own way.
            (&[9, 8], &first, Standing::AnotherCopy),
            // A copy that was restored, with an older token and with the newest.
            (
                &[2, 1],
                &[(1, 0, false), (2, 5, false)],
                Standing::AnotherCopy,
            ),
            (
                &[3, 2, 1],
                &[(1, 0, false), (2, 5, false)],
                Standing::AnotherCopy,
            ),
            // The database itself, after it has lost events but no token.
            (&[3, 2, 1], &[(1, 0, false), (2, 5, true)], Standing::Ours),
            // The database itself, after nodes have seen it lose the newest token.
            (
                &[2, 1],
                &[(1, 0, false), (2, 5, true)],
                Standing::WentBackwards,
            ),
            (
                &[2, 1],
                &[(1, 0, false), (2, 5, true), (3, 4, true)],
                Standing::WentBackwards,
            ),
            // That, restored.
            (
                &[2, 1],
                &[(1, 0, false), (2, 5, true), (3, 4, false)],
                Standing::AnotherCopy,
            ),
            // So old that none of its tokens is known any more.
            (&[9], &[(1, 0, false), (2, 5, true)], Standing::AnotherCopy),
            (&[2, 1], &[(6, 0, false)], Standing::AnotherShop),
        ] {
            let standing = topics.standing(Some(&row(tokens)), &generations(of));
            assert_eq!(standing, expected, "{tokens:?} {of:?}");
        }
        let left = TopicBinding {
            is_latest: false,
            ..row(&[3, 2, 1])
        };
        let standing = topics.standing(Some(&left), &generations(&first));
        assert_eq!(standing, Standing::LeftBehind);
        let standing = topics.standing(None, &generations(&first));
        assert_eq!(standing, Standing::AnotherCopy);
    }

    #[test]
    fn i6_adopted_topics_keep_what_both_databases_have() {
        let original = [(1, 0, false)];
        let adopted = [(1, 0, false), (2, 40, false)];
        for (topics, of, cursor, expected) in [
            // A copy of the same generation: what was published before it was copied.
            (&original[..], &original[..], 30, 30),
            // A copy that was restored with 50 events, 30 of them published by then.
            (&original, &[(1, 0, false), (2, 50, false)], 30, 30),
            (&original, &[(1, 0, false), (2, 20, false)], 30, 20),
            // The original takes them back from a copy that has kept 40.
            (&adopted, &original, 90, 40),
            (&adopted, &[(1, 0, false), (3, 35, true)], 90, 35),
            // Nothing is known in common.
            (
                &[(1, 0, false), (2, 40, false), (4, 50, false)],
                &original,
                90,
                0,
            ),
        ] {
            let common = record(&[1], topics).common(&generations(of), SHARD, cursor);
            assert_eq!(common, expected, "{topics:?} {of:?}");
        }
    }

    #[test]
    fn binding_round_trips_and_refuses_other_versions() {
        let record = record(&[2, 1], &[(1, 0, false), (2, 40, false)]);
        let text = record.encode();
        assert_eq!(BindingRecord::decode(text.as_bytes()), Ok(record));
        let newer = text.replace("\"version\":1", "\"version\":2");
        let refused = BindingRecord::decode(newer.as_bytes()).expect_err("newer");
        assert!(refused.contains("newer program"), "{refused}");
        assert!(BindingRecord::decode(b"{}").is_err());
    }

    #[test]
    fn tokens_are_bounded() {
        let mut tokens = ids(&[0]);
        for _ in 0..100 {
            tokens = renewed(&tokens);
        }
        assert_eq!(tokens.len(), TOKENS_MAX);
    }
}
