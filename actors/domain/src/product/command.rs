//! What a product can be asked to do.

use crate::Money;

/// A command to a product.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}
