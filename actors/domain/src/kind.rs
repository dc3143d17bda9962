//! The kinds of entities.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// An account, which places orders.
    Account,
    /// A product, which lines of orders refer to.
    Product,
    /// An order, whose slot is that of its account.
    Order,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Account, Self::Product, Self::Order];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Product => "product",
            Self::Order => "order",
        })
    }
}
