//! A shop in this process: how it is started, and how one request to it is made.

use std::time::{Duration, Instant};

use fritzy_actors::{Request, Shop, ShopConfig, ShopError};
use fritzy_domain::CommandId;
use fritzy_persistence::Stores;
use fritzy_types::{Deadline, NodeId};
use uuid::Uuid;

use crate::BenchError;
use crate::load::{Outcome, Rejection};

/// The time limit of a request, as in a node.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Starts a shop on these stores.
pub(super) async fn start_shop(config: ShopConfig, stores: &Stores) -> Result<Shop, BenchError> {
    let shop = Shop::start(
        config,
        NodeId::from_uuid(Uuid::now_v7()),
        stores.journal.clone(),
        stores.read_model.clone(),
        stores.ownership.as_ref(),
    );
    shop.await.map_err(|failure| BenchError::Preparing {
        what: "the shop",
        reason: failure.to_string(),
    })
}

/// The deadline of a request that starts now.
pub(super) fn deadline() -> Deadline {
    Deadline::at(Instant::now() + TIME_LIMIT)
}

/// A request without an idempotency key, as the gateway creates it.
pub(super) fn unkeyed() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::now_v7()),
        fingerprint: None,
        deadline: deadline(),
    }
}

/// The outcome of a call of the shop.
pub(super) fn outcome<T>(result: Result<T, ShopError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Accepted,
        Err(error) => Outcome::Rejected(Rejection::Code(error.code().as_str().to_owned())),
    }
}
