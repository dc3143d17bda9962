//! The commands to a product.

use serde::{Deserialize, Serialize};

use crate::{Annotations, AnnotationsChange, Money};

/// A command to a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductCommand {
    /// Creates the product, which can be ordered from then on.
    Create {
        /// Its name, not validated yet.
        name: String,
        /// Its description, not validated yet.
        description: String,
        /// The price of one unit.
        price: Money,
        /// The external reference and the metadata. Not in the derived form, like those of states.
        #[serde(skip)]
        annotations: Annotations,
    },
    /// Changes the name, the description, or both.
    Update {
        /// The new name, not validated yet; `None` keeps the old one.
        name: Option<String>,
        /// The new description, not validated yet; `None` keeps the old one.
        description: Option<String>,
    },
    /// Changes the price; orders placed earlier keep theirs.
    Reprice {
        /// The new price of one unit.
        price: Money,
    },
    /// Withdraws the product for good: it is read-only and cannot be ordered. Earlier orders keep
    /// it.
    Withdraw,
    /// Changes the external reference, the metadata, or both.
    Annotate(AnnotationsChange),
    /// Changes the price, in the currency that the product has.
    RepriceInOwnCurrency {
        /// Decimal text in the currency's major unit, not validated yet.
        amount: String,
    },
}
