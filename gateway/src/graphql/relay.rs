//! Relay connections: cursor pagination, which stays stable under concurrent writes.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, CursorType, Edge};
use fritzy_domain::{Flaw, KeysetPage, Rejection, SortKey};
use fritzy_types::Timestamp;
use uuid::Uuid;

use super::budgeted::Row;
use super::pagination::{TAKE_DEFAULT, TAKE_MAX};

/// The lists with cursors; a cursor is valid only in its own list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Accounts,
    Products,
    Orders,
}

impl List {
    const fn letter(self) -> char {
        match self {
            Self::Accounts => 'a',
            Self::Products => 'p',
            Self::Orders => 'o',
        }
    }
}

/// The position of a row in a list. Opaque to clients: a letter for the list, then the sort key in
/// hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    list: List,
    key: SortKey,
}

impl CursorType for Cursor {
    type Error = &'static str;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        let read = || {
            let lists = [List::Accounts, List::Products, List::Orders];
            let of = |list: &List| text.strip_prefix(list.letter()).map(|text| (*list, text));
            let (list, text) = lists.iter().find_map(of)?;
            let (created_at, id) = text.split_at_checked(16)?;
            let created_at = u64::from_str_radix(created_at, 16).ok()?.cast_signed();
            let id = (id.len() == 32)
                .then(|| Uuid::try_parse(id).ok())
                .flatten()?;
            let created_at = Timestamp::from_micros(created_at);
            let key = SortKey { created_at, id };
            Some(Self { list, key })
        };
        read().ok_or("not a cursor")
    }

    fn encode_cursor(&self) -> String {
        let SortKey { created_at, id } = self.key;
        format!(
            "{}{:016x}{}",
            self.list.letter(),
            created_at.as_micros().cast_unsigned(),
            id.simple()
        )
    }
}

/// The arguments of a connection, by their Relay names.
pub(crate) struct Window {
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) first: Option<i32>,
    pub(crate) last: Option<i32>,
}

/// The validated arguments of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    list: List,
    after: Option<SortKey>,
    before: Option<SortKey>,
    take: u32,
    from_end: bool,
}

impl Window {
    /// Validates the arguments.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] naming the argument that is out of range, conflicting, or not a
    /// cursor of `list`.
    pub(crate) fn check(self, list: List) -> Result<Walk, Rejection> {
        let key = |text: Option<String>, field: &str| match text {
            None => Ok(None),
            Some(text) => match Cursor::decode_cursor(&text) {
                Ok(cursor) if cursor.list == list => Ok(Some(cursor.key)),
                _ => Err(Rejection::invalid(field, Flaw::NotACursor)),
            },
        };
        let (take, field, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Rejection::invalid(
                    "last",
                    Flaw::NotWith {
                        other: "first".into(),
                    },
                ));
            }
            (None, Some(last)) => (Some(last), "last", true),
            (first, None) => (first, "first", false),
        };
        let take = take.map_or(Ok(TAKE_DEFAULT), u32::try_from).ok();
        let take = take.filter(|take| *take <= TAKE_MAX).ok_or_else(|| {
            let flaw = Flaw::OutOfRange {
                min: 0,
                max: i64::from(TAKE_MAX),
            };
            Rejection::invalid(field, flaw)
        })?;
        let (after, before) = (key(self.after, "after")?, key(self.before, "before")?);
        Ok(Walk {
            list,
            after,
            before,
            take,
            from_end,
        })
    }
}

impl Walk {
    /// The page to read: one row more than requested, which tells whether there are more.
    pub(crate) fn page(&self) -> KeysetPage {
        KeysetPage {
            after: self.after.unwrap_or(SortKey::START),
            before: self.before.unwrap_or(SortKey::END),
            take: self.take + 1,
            from_end: self.from_end,
        }
    }

    /// Removes the extra row, if it was read; returns whether there are more rows.
    pub(crate) fn trim<R>(&self, rows: &mut Vec<R>) -> bool {
        let more = rows.len() > self.take as usize;
        if more {
            // It is the last one in the direction of the walk.
            if self.from_end {
                rows.remove(0);
            } else {
                rows.pop();
            }
        }
        more
    }

    /// The connection of the trimmed rows. `more` says whether further rows exist in the direction
    /// of the walk; in the other direction, a given cursor implies that they do.
    pub(crate) fn connection<R, N: OutputType>(
        &self,
        rows: Vec<R>,
        more: bool,
        key: impl Fn(&R) -> SortKey,
        node: impl Fn(R) -> N,
    ) -> Connection<Cursor, Row<N>> {
        let (previous, next) = if self.from_end {
            (more, self.before.is_some())
        } else {
            (self.after.is_some(), more)
        };
        let mut connection = Connection::new(previous, next);
        let edge = |row: R| {
            let (list, key) = (self.list, key(&row));
            Edge::new(Cursor { list, key }, Row(node(row)))
        };
        connection.edges.extend(rows.into_iter().map(edge));
        connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_decoded_as_encoded() {
        for list in [List::Accounts, List::Products, List::Orders] {
            for micros in [i64::MIN, -1, 0, 1_790_000_000_000_000, i64::MAX] {
                let key = SortKey {
                    created_at: Timestamp::from_micros(micros),
                    id: Uuid::now_v7(),
                };
                let text = Cursor { list, key }.encode_cursor();
                assert_eq!(Cursor::decode_cursor(&text), Ok(Cursor { list, key }));
            }
        }
        let (list, key) = (List::Orders, SortKey::START);
        let good = Cursor { list, key }.encode_cursor();
        for bad in [
            "",
            "x",
            &good[1..],
            &format!("{good}0"),
            &format!("x{}", &good[1..]),
            &"é".repeat(24),
            &format!("a{}", "é".repeat(24)),
            &format!("a{}", "-".repeat(48)),
        ] {
            assert!(Cursor::decode_cursor(bad).is_err(), "{bad}");
        }
    }
}
