//! Differences between a node's data and the file.

use std::fmt;

/// Maximum of differences that are kept; the others are only counted. Twenty are enough to
/// recognise a wrong rule, and a node that lost everything must not fill a terminal.
pub const DIFFERENCES_NAMED_MAX: usize = 20;

/// What a ref of the file refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An account that has orders in the file.
    Account,
    /// A product that has lines in the file.
    Product,
    /// An order, of one or more lines in the file.
    Order,
}

/// The entry that a difference is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRef {
    /// Account, product or order.
    pub kind: Kind,
    /// The file's ref; `None` for an order that is not in the file.
    pub reference: Option<String>,
    /// The id that the node gave the entry.
    pub id: String,
}

/// One difference between the node and the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The account, product or order that differs.
    pub entry: EntryRef,
    /// What differs, with both values where there are two.
    pub finding: Finding,
}

/// The kind of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The node acknowledged the creation but does not have the entry.
    Missing,
    /// An account has an order that this replay did not create: a duplicate, or one of another
    /// client.
    NotPlaced {
        /// The ref of the account.
        account: String,
    },
    /// The order is in the list of another account.
    UnderOtherAccount {
        /// The ref of the account that lists the order.
        found: String,
        /// The ref of the order's account in the file.
        expected: String,
    },
    /// One list contains the entry more than once.
    ListedTwice,
    /// The node returned one id for two refs.
    SameIdAs {
        /// The ref of the other entry with that id.
        reference: String,
    },
    /// A field has another value.
    Value {
        /// The API's name of the field.
        field: String,
        /// The value on the node.
        found: String,
        /// The value in the file.
        expected: String,
    },
    /// A line of the order is missing.
    LineMissing {
        /// The ref of the product.
        product: String,
    },
    /// The order has a line that is not in the file, or a line twice.
    LineNotOrdered {
        /// The node's id of the product.
        product_id: String,
    },
    /// The counts differ although no single difference was found.
    Counts {
        /// The totals that were read back.
        found: String,
        /// The totals of the file.
        expected: String,
    },
}

/// Differences: all are counted, the first [`DIFFERENCES_NAMED_MAX`] are kept.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    named: Vec<Difference>,
    count: usize,
}

impl Differences {
    /// Counts a difference, and keeps it up to the limit.
    pub fn add(&mut self, entry: EntryRef, finding: Finding) {
        self.count += 1;
        if self.named.len() < DIFFERENCES_NAMED_MAX {
            self.named.push(Difference { entry, finding });
        }
    }

    /// The number of all differences.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The kept differences, the first ones.
    #[must_use]
    pub fn named(&self) -> &[Difference] {
        &self.named
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Account => "account",
            Self::Product => "product",
            Self::Order => "order",
        })
    }
}

/// `order o000003 (id 0198…)`.
impl fmt::Display for EntryRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = self.reference.as_deref().unwrap_or("(no ref)");
        write!(out, "{} {reference} (id {})", self.kind, self.id)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.entry)?;
        match &self.finding {
            Finding::Missing => write!(out, "created, but missing when read back"),
            Finding::NotPlaced { account } => {
                write!(
                    out,
                    "account {account} has it, but this replay did not create it"
                )
            }
            Finding::UnderOtherAccount { found, expected } => {
                write!(
                    out,
                    "in the list of account {found}, created for account {expected}"
                )
            }
            Finding::ListedTwice => write!(out, "listed more than once"),
            Finding::SameIdAs { reference } => {
                write!(out, "{reference} has the same id")
            }
            Finding::Value {
                field,
                found,
                expected,
            } => {
                write!(out, "{field} is {found}, but {expected} in the file")
            }
            Finding::LineMissing { product } => write!(out, "the line of {product} is missing"),
            Finding::LineNotOrdered { product_id } => {
                write!(out, "unexpected line of product id {product_id}")
            }
            Finding::Counts { found, expected } => {
                write!(out, "read back {found}; the file has {expected}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_and_the_first_are_kept() {
        let mut differences = Differences::default();
        for number in 0..DIFFERENCES_NAMED_MAX + 5 {
            let entry = EntryRef {
                kind: Kind::Order,
                reference: Some(format!("o{number}")),
                id: "x".to_owned(),
            };
            differences.add(entry, Finding::Missing);
        }
        assert_eq!(differences.count(), DIFFERENCES_NAMED_MAX + 5);
        assert_eq!(differences.named().len(), DIFFERENCES_NAMED_MAX);
        assert_eq!(
            differences.named()[0].to_string(),
            "order o0 (id x): created, but missing when read back"
        );
    }
}
