//! The state of an account.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Annotations};

/// An account as its events have left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id, which carries the slot of the account.
    pub id: AccountId,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// Whether it is closed, for good: it is read-only and cannot order.
    pub closed: bool,
    /// The personal data of its holder.
    pub personal: AccountPersonal,
    /// The external reference and the metadata. Not in the derived form: older nodes do not expect
    /// them, and newer ones are sent them beside the state.
    #[serde(skip)]
    pub annotations: Annotations,
}

/// Personal data, a field of its own in events and state. So it can be encrypted one day under a
/// key of the account, and erased by deleting that key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPersonal {
    /// The name of the person.
    pub name: String,
}
