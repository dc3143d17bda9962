//! Relay connections: cursor pagination, which stays stable under concurrent writes.

use async_graphql::connection::CursorType;
use fritzy_domain::{Currency, Flaw, KeysetPage, OrderKey, Rejection, SortKey, TotalKey};
use fritzy_types::Timestamp;
use uuid::Uuid;

use super::pagination::{TAKE_DEFAULT, TAKE_MAX};

/// The lists with cursors; a cursor is valid only in its own list. The list of all orders is
/// another one in each sort order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Accounts,
    Products,
    Orders,
    OrdersByCreation,
    OrdersByCreationDescending,
    OrdersByTotal,
    OrdersByTotalDescending,
}

impl List {
    const ALL: [Self; 7] = [
        Self::Accounts,
        Self::Products,
        Self::Orders,
        Self::OrdersByCreation,
        Self::OrdersByCreationDescending,
        Self::OrdersByTotal,
        Self::OrdersByTotalDescending,
    ];

    const fn letter(self) -> char {
        match self {
            Self::Accounts => 'a',
            Self::Products => 'p',
            Self::Orders => 'o',
            Self::OrdersByCreation => 'c',
            Self::OrdersByCreationDescending => 'd',
            Self::OrdersByTotal => 't',
            Self::OrdersByTotalDescending => 'u',
        }
    }

    const fn is_by_total(self) -> bool {
        matches!(self, Self::OrdersByTotal | Self::OrdersByTotalDescending)
    }
}

/// The position of a row in a list. Opaque to clients: a letter for the list, then the sort key, its
/// numbers in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    list: List,
    key: OrderKey,
}

impl Cursor {
    pub(crate) const fn new(list: List, key: OrderKey) -> Self {
        Self { list, key }
    }
}

impl CursorType for Cursor {
    type Error = &'static str;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        let read = || {
            let of = |list: &List| text.strip_prefix(list.letter()).map(|text| (*list, text));
            let (list, text) = List::ALL.iter().find_map(of)?;
            let (currency, text) = if list.is_by_total() {
                let (code, text) = text.split_at_checked(3)?;
                (Some(Currency::from_code(code)?), text)
            } else {
                (None, text)
            };
            let (number, id) = text.split_at_checked(16)?;
            let number = u64::from_str_radix(number, 16).ok()?.cast_signed();
            let id = (id.len() == 32)
                .then(|| Uuid::try_parse(id).ok())
                .flatten()?;
            let key = match currency {
                None => OrderKey::Creation(SortKey {
                    created_at: Timestamp::from_micros(number),
                    id,
                }),
                Some(currency) => OrderKey::Total(TotalKey {
                    currency,
                    minor_units: number,
                    id,
                }),
            };
            Some(Self { list, key })
        };
        read().ok_or("not a cursor")
    }

    fn encode_cursor(&self) -> String {
        let (code, number, id) = match self.key {
            OrderKey::Creation(key) => ("", key.created_at.as_micros(), key.id),
            OrderKey::Total(key) => (key.currency.code(), key.minor_units, key.id),
        };
        let number = number.cast_unsigned();
        format!("{}{code}{number:016x}{}", self.list.letter(), id.simple())
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
    pub(crate) list: List,
    pub(crate) after: Option<OrderKey>,
    pub(crate) before: Option<OrderKey>,
    pub(crate) take: u32,
    pub(crate) from_end: bool,
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

/// The key of a list by creation; the cursors of such a list have no other.
pub(crate) const fn by_creation(key: OrderKey) -> Option<SortKey> {
    match key {
        OrderKey::Creation(key) => Some(key),
        OrderKey::Total(_) => None,
    }
}

impl Walk {
    /// The page to read of a list by creation: one row more than requested, which tells whether
    /// there are more.
    pub(crate) fn page(&self) -> KeysetPage {
        KeysetPage {
            after: self.after.and_then(by_creation).unwrap_or(SortKey::START),
            before: self.before.and_then(by_creation).unwrap_or(SortKey::END),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_decoded_as_encoded() {
        for list in List::ALL {
            for micros in [i64::MIN, -1, 0, 1_790_000_000_000_000, i64::MAX] {
                let id = Uuid::now_v7();
                let key = if list.is_by_total() {
                    OrderKey::Total(TotalKey {
                        currency: Currency::USD,
                        minor_units: micros,
                        id,
                    })
                } else {
                    OrderKey::Creation(SortKey {
                        created_at: Timestamp::from_micros(micros),
                        id,
                    })
                };
                let text = Cursor { list, key }.encode_cursor();
                assert_eq!(Cursor::decode_cursor(&text), Ok(Cursor { list, key }));
            }
        }
        let (list, key) = (List::Orders, OrderKey::Creation(SortKey::START));
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
            &format!("t{}", &good[1..]),
            &format!("tXXX{}", &good[1..]),
            &format!("t\u{e9}{}", &good[1..]),
        ] {
            assert!(Cursor::decode_cursor(bad).is_err(), "{bad}");
        }
    }
}
