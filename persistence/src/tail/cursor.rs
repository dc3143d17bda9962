//! A cursor: how far each shard was read. Its text is `shard:position` pairs with commas in
//! between, so that clients that handle events one by one can store it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use fritzy_domain::Position;
use fritzy_types::ShardId;

/// The last position read of each shard; of shards that are not listed nothing was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailCursor(BTreeMap<ShardId, Position>);

/// Why a text is not a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is not a shard and a position such as 17:42")]
pub struct CursorError {
    /// The malformed part, at most 40 characters of it.
    part: String,
}

impl TailCursor {
    /// The position up to which `shard` was read, 0 where nothing was.
    pub fn of(&self, shard: ShardId) -> Position {
        self.0.get(&shard).copied().unwrap_or_default()
    }

    /// Records how far `shard` was read.
    pub fn set(&mut self, shard: ShardId, position: Position) {
        if position == 0 {
            self.0.remove(&shard);
        } else {
            self.0.insert(shard, position);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ShardId, Position)> {
        self.0.iter().map(|(shard, position)| (*shard, *position))
    }
}

impl FromIterator<(ShardId, Position)> for TailCursor {
    fn from_iter<T: IntoIterator<Item = (ShardId, Position)>>(shards: T) -> Self {
        let read = shards.into_iter().filter(|(_, position)| *position > 0);
        Self(read.collect())
    }
}

impl fmt::Display for TailCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("start");
        }
        for (index, (shard, position)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{shard}:{position}")?;
        }
        Ok(())
    }
}

impl FromStr for TailCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text == "start" {
            return Ok(Self::default());
        }
        let pair = |part: &str| {
            let (shard, position) = part.split_once(':')?;
            let position: Position = position.parse().ok()?;
            // Databases have signed integers.
            let position = i64::try_from(position).ok()?.cast_unsigned();
            Some((ShardId(shard.parse().ok()?), position))
        };
        let pairs = text.split(',').map(|part| {
            let part = part.trim();
            pair(part).ok_or_else(|| CursorError {
                part: part.chars().take(40).collect(),
            })
        });
        let mut cursor = BTreeMap::new();
        for (pair, part) in pairs.zip(text.split(',')) {
            let (shard, position) = pair?;
            if cursor.insert(shard, position).is_some() {
                let part = format!("{}, its shard for the second time,", part.trim());
                return Err(CursorError { part });
            }
        }
        Ok(cursor.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_round_trips_through_its_text() {
        for text in ["start", "0:1", "3:17,1023:9223372036854775807"] {
            let cursor: TailCursor = text.parse().expect("a cursor");
            assert_eq!(cursor.to_string(), text);
        }
        let cursor: TailCursor = " 5:2, 4:1\n".parse().expect("a cursor");
        assert_eq!(cursor.to_string(), "4:1,5:2");
    }

    #[test]
    fn malformed_cursor_is_rejected_with_the_bad_part() {
        for (text, part) in [
            ("", "``"),
            ("yesterday", "`yesterday`"),
            ("1:2,3", "`3`"),
            ("1:2,65536:1", "`65536:1`"),
            ("1:-2", "`1:-2`"),
            ("1:9223372036854775808", "`1:9223372036854775808`"),
            ("1:2,2:2,1:1", "`1:1, its shard for the second time,`"),
        ] {
            let refused = text.parse::<TailCursor>().expect_err("refused").to_string();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
