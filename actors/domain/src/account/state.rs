//! What an account is.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::AccountId;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it still orders; final.
    pub closed: bool,
    /// What is known of the person.
    pub personal: AccountPersonal,
}

/// Personal data, kept apart in events and state: one day it is encrypted under a key of the
/// account's own, and erased by deleting that key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPersonal {
    /// The person's name.
    pub name: String,
}
