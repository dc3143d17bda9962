//! The context of one request, for its resolvers.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_graphql::Context;
use fritzy_actors::Lists;
use fritzy_domain::Consistency;
use fritzy_types::Deadline;
use tokio::sync::OnceCell;

use super::app::app;
use super::errors::FieldResult;
use super::response_budget::ResponseBudget;
use super::response_path::response_path;
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
    /// Results of mutations by response path, for an operation that may repeat one.
    executed: Option<Mutex<HashMap<String, Box<dyn Any + Send>>>>,
}

impl RequestContext {
    /// A request with a deadline; `may_repeat_fields`: its operation may have two fields of one
    /// response name.
    pub(crate) fn new(
        deadline: Instant,
        idempotency_key: Option<String>,
        budget: Arc<ResponseBudget>,
        may_repeat_fields: bool,
        consistency: Consistency,
    ) -> Self {
        let executed = may_repeat_fields.then(Mutex::default);
        Self {
            deadline: Deadline::at(deadline),
            idempotency_key,
            budget,
            widths: SelectionWidths::default(),
            consistency,
            lists: OnceCell::new(),
            executed,
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

/// Executes a mutation once for each response path. The specification merges fields of one response
/// name and the same arguments before executing them; the library executes each, and would place an
/// order twice.
pub(crate) async fn execute_merged_once<T: Clone + Send + 'static>(
    context: &Context<'_>,
    mutation: impl Future<Output = FieldResult<T>>,
) -> Option<FieldResult<T>> {
    let Some(executed) = &request(context).executed else {
        return Some(mutation.await);
    };
    let path = response_path(context.path_node);
    let first = executed
        .lock()
        .expect("no holder panics")
        .get(&path)
        .and_then(|first| first.downcast_ref::<FieldResult<T>>().cloned());
    if first.is_some() {
        return first;
    }
    let result = mutation.await;
    let mut executed = executed.lock().expect("no holder panics");
    executed.insert(path, Box::new(result.clone()));
    Some(result)
}
