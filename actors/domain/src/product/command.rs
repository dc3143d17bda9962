//! What a product can be asked to do.

use serde::{Deserialize, Serialize};

use crate::Money;

/// A command to a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductCommand {
    /// Come into being.
    Create {
        /// Its name, as the client wrote it.
        name: String,
        /// Its description, as the client wrote it.
        description: String,
        /// The price of one unit.
        price: Money,
    },
    /// Have another name or description.
    Update {
        /// The new name, as the client wrote it; `None` keeps it.
        name: Option<String>,
        /// The new description, as the client wrote it; `None` keeps it.
        description: Option<String>,
    },
    /// Have another price.
    Reprice {
        /// The new price of one unit.
        price: Money,
    },
    /// Be no longer to be had; final. Orders placed before keep their lines.
    Withdraw,
}
