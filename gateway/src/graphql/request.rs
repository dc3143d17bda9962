//! The context of one request, for its resolvers.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::Context;
use fritzy_actors::Lists;
use fritzy_domain::Consistency;
use fritzy_types::Deadline;
use tokio::sync::OnceCell;

use super::app::app;
use super::response_budget::ResponseBudget;
use super::selection_width::SelectionWidths;

/// The context of one request.
pub(crate) struct RequestContext {
    /// When the client gets a response at the latest.
    pub(crate) deadline: Deadline,
    /// The `Idempotency-Key` header, `None` where the request has none.
    pub(crate) idempotency_key: Option<String>,
    /// The memory that the response may take.
    pub(crate) budget: Arc<ResponseBudget>,
    pub(super) widths: SelectionWidths,
    /// The consistency that lists need.
    consistency: Consistency,
    /// Where all lists of the request are read; chosen at the first of them.
    lists: OnceCell<Lists>,
}

impl RequestContext {
    pub(crate) fn new(
        deadline: Instant,
        idempotency_key: Option<String>,
        budget: Arc<ResponseBudget>,
        consistency: Consistency,
    ) -> Self {
        Self {
            deadline: Deadline::at(deadline),
            idempotency_key,
            budget,
            widths: SelectionWidths::default(),
            consistency,
            lists: OnceCell::new(),
        }
    }
}

pub(crate) fn request<'c>(context: &Context<'c>) -> &'c RequestContext {
    context.data_unchecked::<RequestContext>()
}

/// Where lists are read: the same replica, or the primary, for the whole request.
pub(crate) async fn lists<'c>(context: &Context<'c>) -> &'c Lists {
    let request = request(context);
    let choose = || async {
        let chosen = app(context).replicas.read_model(request.consistency).await;
        Lists::new(chosen)
    };
    request.lists.get_or_init(choose).await
}

/// The memory that the response may take.
pub(crate) fn budget<'c>(context: &Context<'c>) -> &'c ResponseBudget {
    &request(context).budget
}
