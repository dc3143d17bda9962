//! What the resolvers of one request know of it.

use std::time::Instant;

use async_graphql::Context;
use fritzy_domain::Deadline;

use super::App;

/// What HTTP says about a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// When the client is answered at the latest.
    pub(crate) deadline: Deadline,
    /// The `Idempotency-Key` header.
    pub(crate) idempotency_key: Option<String>,
}

impl RequestContext {
    pub(crate) fn until(deadline: Instant, idempotency_key: Option<String>) -> Self {
        Self {
            deadline: Deadline::at(deadline),
            idempotency_key,
        }
    }
}

pub(crate) fn app<'c>(context: &Context<'c>) -> &'c App {
    context.data_unchecked::<App>()
}

pub(crate) fn request<'c>(context: &Context<'c>) -> &'c RequestContext {
    context.data_unchecked::<RequestContext>()
}
