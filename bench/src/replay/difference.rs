//! What a node holds that the file does not say, or the other way round.

use std::fmt;

/// Differences that are kept and named; the rest are counted. A wrong rule shows itself in twenty, and a node that
/// lost everything must not fill a terminal.
pub const DIFFERENCES_NAMED_MAX: usize = 20;

/// What a ref of the file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An account.
    Account,
    /// A product.
    Product,
    /// An order.
    Order,
}

/// What a difference is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Account, product or order.
    pub kind: Kind,
    /// The file's ref; `None` for an order that is not of the file.
    pub reference: Option<String>,
    /// The node's id.
    pub id: String,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub subject: Subject,
    /// What.
    pub finding: Finding,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The node answered the creation, and does not have it.
    Missing,
    /// An account has an order that this replay did not place: a duplicate, or someone else's.
    NotPlaced {
        /// The ref of the account.
        account: String,
    },
    /// The order stands in the list of another account.
    UnderOtherAccount {
        /// The ref of the account whose list it is in.
        found: String,
        /// The ref of the account it was placed for.
        expected: String,
    },
    /// One list has it more than once.
    ListedTwice,
    /// The node answered one id for two refs.
    SameIdAs {
        /// The other ref.
        reference: String,
    },
    /// A field has another value.
    Value {
        /// The field, as the API names it.
        field: String,
        /// The node's value.
        found: String,
        /// The file's value.
        expected: String,
    },
    /// An order lacks a line.
    LineMissing {
        /// The ref of the product.
        product: String,
    },
    /// An order has a line that the file does not have, or one line twice.
    LineNotOrdered {
        /// The node's id of the product.
        product_id: String,
    },
    /// No single difference was found, and still the counts differ.
    Counts {
        /// What was read back.
        found: String,
        /// What the file says.
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
    /// Counts one, and keeps it while there is room.
    pub fn add(&mut self, subject: Subject, finding: Finding) {
        self.count += 1;
        if self.named.len() < DIFFERENCES_NAMED_MAX {
            self.named.push(Difference { subject, finding });
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The first of them.
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
impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = self.reference.as_deref().unwrap_or("(of no ref)");
        write!(out, "{} {reference} (id {})", self.kind, self.id)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.subject)?;
        match &self.finding {
            Finding::Missing => write!(out, "created, and not there when read back"),
            Finding::NotPlaced { account } => {
                write!(
                    out,
                    "account {account} has it, and this replay did not place it"
                )
            }
            Finding::UnderOtherAccount { found, expected } => {
                write!(
                    out,
                    "in the list of account {found}, placed for account {expected}"
                )
            }
            Finding::ListedTwice => write!(out, "listed more than once"),
            Finding::SameIdAs { reference } => {
                write!(out, "the same id was answered for {reference}")
            }
            Finding::Value {
                field,
                found,
                expected,
            } => {
                write!(out, "{field} is {found}, the file says {expected}")
            }
            Finding::LineMissing { product } => write!(out, "the line of {product} is missing"),
            Finding::LineNotOrdered { product_id } => {
                write!(out, "a line of product id {product_id} too many")
            }
            Finding::Counts { found, expected } => {
                write!(out, "read back {found}, the file has {expected}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_kept() {
        let mut differences = Differences::default();
        for number in 0..DIFFERENCES_NAMED_MAX + 5 {
            let subject = Subject {
                kind: Kind::Order,
                reference: Some(format!("o{number}")),
                id: "x".to_owned(),
            };
            differences.add(subject, Finding::Missing);
        }
        assert_eq!(differences.count(), DIFFERENCES_NAMED_MAX + 5);
        assert_eq!(differences.named().len(), DIFFERENCES_NAMED_MAX);
        assert_eq!(
            differences.named()[0].to_string(),
            "order o0 (id x): created, and not there when read back"
        );
    }
}
