//! The events of an account.

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, AccountPersonal, ExternalReference, Metadata};

/// An event of an account. It serializes as its content; the type is stored in a field of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AccountEvent {
    /// Its type is `account.created`; it is the first event of every account.
    Created(AccountCreated),
    /// Its type is `account.renamed`; it carries the new name.
    Renamed(AccountRenamed),
    /// Its type is `account.closed`; it is the last event of an account.
    Closed(AccountClosed),
    /// Its type is `account.annotated`; the external reference, the metadata or both have changed.
    Annotated(AccountAnnotated),
}

impl AccountEvent {
    pub(crate) const CREATED: &'static str = "account.created";
    pub(crate) const RENAMED: &'static str = "account.renamed";
    pub(crate) const CLOSED: &'static str = "account.closed";
    pub(crate) const ANNOTATED: &'static str = "account.annotated";

    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Created(_) => Self::CREATED,
            Self::Renamed(_) => Self::RENAMED,
            Self::Closed(_) => Self::CLOSED,
            Self::Annotated(_) => Self::ANNOTATED,
        }
    }
}

/// An account was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCreated {
    /// The id of the new account.
    pub account_id: AccountId,
    /// The personal data of its holder.
    pub personal: AccountPersonal,
    /// The external reference it was created with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata it was created with.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The time of the decision.
    pub at: Timestamp,
}

/// An account was renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRenamed {
    /// The id of the account.
    pub account_id: AccountId,
    /// The personal data after the change.
    pub personal: AccountPersonal,
    /// The time of the decision.
    pub at: Timestamp,
}

/// An account was closed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountClosed {
    /// The id of the account.
    pub account_id: AccountId,
    /// The time of the decision.
    pub at: Timestamp,
}

/// The external reference or the metadata of an account was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAnnotated {
    /// The id of the account.
    pub account_id: AccountId,
    /// The external reference after the change; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<ExternalReference>,
    /// The metadata after the change; absent if there is none.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The time of the decision.
    pub at: Timestamp,
}
