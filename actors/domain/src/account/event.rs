//! What can have happened to an account.

use serde::{Deserialize, Serialize};

use crate::{AccountId, AccountPersonal, Timestamp};

/// An event of an account. It serializes as its content; the type is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AccountEvent {
    /// `account.created`
    Created(AccountCreated),
}

impl AccountEvent {
    pub(crate) const CREATED: &'static str = "account.created";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
        }
    }
}

/// An account came into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCreated {
    /// Its id.
    pub account_id: AccountId,
    /// The personal part.
    pub personal: AccountPersonal,
    /// When.
    pub at: Timestamp,
}
