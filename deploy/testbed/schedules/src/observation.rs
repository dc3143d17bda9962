//! What clients have sent and seen: every attempt of every request, with its begin and its end.

use serde::{Deserialize, Serialize};

/// What an entity is at a version. Fields that its kind does not have are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// The revision, from 1.
    pub version: u64,
    /// Name of an account or a product.
    pub name: String,
    /// Price of a product, in minor units.
    pub price: u64,
    /// Status of an order.
    pub status: String,
}

/// What happened to an entity. Names, prices, quantities and reasons are unique: each belongs to
/// one request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// An account or a product was created; an account has no price.
    Created {
        /// Its name.
        name: String,
        /// Its price, in minor units.
        price: u64,
    },
    /// An account or a product got this name.
    Renamed(String),
    /// A product got this price, in minor units.
    Repriced(u64),
    /// An order of this quantity was placed.
    Placed(u64),
    /// An order was confirmed.
    Confirmed,
    /// An order was completed.
    Completed,
    /// An order was cancelled for this reason.
    Cancelled(String),
}

impl Change {
    /// Whether only one request can have caused it.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        !matches!(self, Self::Confirmed | Self::Completed)
    }
}

/// What a client wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// To see the entity.
    Read,
    /// To see all its changes.
    ReadHistory,
    /// To change it.
    Change {
        /// The change.
        change: Change,
        /// The idempotency key, unique to this request and the same for each of its attempts.
        key: Option<String>,
        /// The version that it must have before.
        expected: Option<u64>,
    },
}

/// What a client has learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was this: what a read saw, or what a change has made.
    Seen(View),
    /// Its changes, oldest first.
    SeenHistory(Vec<Change>),
    /// There is no such entity.
    NotFound,
    /// It is not at the expected version.
    VersionMismatch,
    /// Its status does not allow the change.
    Illegal,
    /// Certainly nothing was done, with the reason.
    NotDone(String),
    /// It may have been done, or may be done later.
    Unknown(String),
}

/// A product's name and price as an order of it was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The product's id.
    pub product: String,
    /// Its name.
    pub name: String,
    /// Its price, in minor units.
    pub price: u64,
}

/// One attempt of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The client's number.
    pub client: usize,
    /// The number of the client's request; all attempts of a request share it.
    pub request: u64,
    /// The number of the node that it was sent to.
    pub node: usize,
    /// The entity; `None` for an order whose id is not known yet.
    pub entity: Option<String>,
    /// What was wanted.
    pub wanted: Request,
    /// When it was sent, in microseconds since the clients' start.
    pub began_us: u64,
    /// When its outcome was known.
    pub ended_us: u64,
    /// What was learned.
    pub outcome: Outcome,
    /// For a placed order: what it says of its product.
    pub quote: Option<Quote>,
}

impl Attempt {
    /// The change that was wanted, if any.
    #[must_use]
    pub const fn change(&self) -> Option<&Change> {
        match &self.wanted {
            Request::Change { change, .. } => Some(change),
            _ => None,
        }
    }

    /// Whether it may have had an effect: it was acknowledged, or nobody knows.
    #[must_use]
    pub const fn may_be_done(&self) -> bool {
        matches!(self.outcome, Outcome::Seen(_) | Outcome::Unknown(_))
    }
}
