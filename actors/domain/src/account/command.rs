//! The commands to an account.

use serde::{Deserialize, Serialize};

use crate::{Annotations, AnnotationsChange};

/// A command to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountCommand {
    /// Creates the account, open and under this name.
    Create {
        /// The person's name, not validated yet.
        name: String,
        /// The external reference and the metadata. Not in the derived form, like those of states.
        #[serde(skip)]
        annotations: Annotations,
    },
    /// Replaces the name of its holder.
    Rename {
        /// The new name, not validated yet.
        name: String,
    },
    /// Closes the account for good: it is read-only and cannot order.
    Close,
    /// Changes the external reference, the metadata, or both.
    Annotate(AnnotationsChange),
}
