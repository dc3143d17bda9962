//! What can have happened to an account.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, AccountPersonal};

/// An event of an account. It serializes as its content; the type is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AccountEvent {
    /// `account.created`
    Created(AccountCreated),
    /// `account.renamed`
    Renamed(AccountRenamed),
    /// `account.closed`
    Closed(AccountClosed),
}

impl AccountEvent {
    pub(crate) const CREATED: &'static str = "account.created";
    pub(crate) const RENAMED: &'static str = "account.renamed";
    pub(crate) const CLOSED: &'static str = "account.closed";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Renamed(_) => Self::RENAMED,
            Self::Closed(_) => Self::CLOSED,
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

/// An account got another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRenamed {
    /// Which.
    pub account_id: AccountId,
    /// The personal part, as it is from now on.
    pub personal: AccountPersonal,
    /// When.
    pub at: Timestamp,
}

/// An account was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountClosed {
    /// Which.
    pub account_id: AccountId,
    /// When.
    pub at: Timestamp,
}
