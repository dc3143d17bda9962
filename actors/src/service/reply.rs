//! Conversions from shards' replies to the entity that a client has named.

use fritzy_domain::{Account, Kind, Order, Product, Rejection, State, Stored};
use fritzy_types::Failure;
use tracing::error;

use crate::error::ShopError;
use crate::messages::{ShardReply, Snapshot};

/// The state in the reply; an absent entity is rejected under the argument that named it.
pub(crate) fn existing(
    reply: ShardReply,
    kind: Kind,
    field: String,
    id: &str,
) -> Result<Snapshot, ShopError> {
    match reply {
        ShardReply::State(state) => Ok(state),
        ShardReply::Absent => Err(Rejection::NotFound {
            field,
            kind,
            id: id.to_owned(),
        }
        .into()),
        ShardReply::Rejected(rejection) => Err(rejection.into()),
        other => Err(unexpected(&other).into()),
    }
}

/// Reports a reply that does not fit its request, which is a defect.
pub(crate) fn unexpected(reply: &ShardReply) -> Failure {
    error!(?reply, "a shard's reply does not fit the request");
    Failure::Internal
}

pub(crate) fn account_of(snapshot: &Snapshot) -> Stored<Account> {
    match &snapshot.state {
        State::Account(account) => Stored {
            version: snapshot.version,
            state: account.clone(),
        },
        other => panic!("an account's id led to {}", other.id()),
    }
}

pub(crate) fn product_of(snapshot: &Snapshot) -> Stored<Product> {
    match &snapshot.state {
        State::Product(product) => Stored {
            version: snapshot.version,
            state: product.clone(),
        },
        other => panic!("a product's id led to {}", other.id()),
    }
}

pub(crate) fn order_of(snapshot: &Snapshot) -> Stored<Order> {
    match &snapshot.state {
        State::Order(order) => Stored {
            version: snapshot.version,
            state: order.clone(),
        },
        other => panic!("an order's id led to {}", other.id()),
    }
}
