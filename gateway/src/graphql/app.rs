//! What all resolvers share.

use std::sync::Arc;

use async_graphql::Context;
use fritzy_actors::Shop;
use fritzy_domain::{Currency, ProductIndex, ReadReplicas};

/// What all resolvers share.
pub(super) struct App {
    pub(super) shop: Arc<Shop>,
    pub(super) replicas: Arc<dyn ReadReplicas>,
    pub(super) index: Arc<dyn ProductIndex>,
    /// The schema that a router of Apollo Federation composes.
    pub(super) federation_sdl: String,
    /// The currency of prices given as plain numbers.
    pub(super) currency: Currency,
}

pub(super) fn app<'c>(context: &Context<'c>) -> &'c App {
    context.data_unchecked::<App>()
}
