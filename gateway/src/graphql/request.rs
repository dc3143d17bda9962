//! What the resolvers of one request know of it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_graphql::Context;
use fritzy_actors::Lists;
use fritzy_domain::Consistency;
use fritzy_types::Deadline;
use tokio::sync::OnceCell;

use super::App;
use super::budgeted::Widths;
use super::errors::FieldResult;
use super::idempotency::response_path;
use super::response_budget::AnswerRoom;

/// What HTTP says about a request.
pub(crate) struct RequestContext {
    /// When the client is answered at the latest.
    pub(crate) deadline: Deadline,
    /// The `Idempotency-Key` header.
    pub(crate) idempotency_key: Option<String>,
    /// What the answer may take.
    pub(crate) room: Arc<AnswerRoom>,
    pub(super) widths: Widths,
    /// How new lists must be.
    freshness: Consistency,
    /// Where all lists of the request are read, once one of them has been asked for.
    lists: OnceCell<Lists>,
    /// The answers of mutations by response path, for a document that may have one twice.
    answered: Option<Mutex<HashMap<String, Box<dyn Any + Send>>>>,
}

impl RequestContext {
    /// A request to be answered by `deadline`; `several` says that its document may have a field twice.
    pub(crate) fn new(
        deadline: Instant,
        idempotency_key: Option<String>,
        room: Arc<AnswerRoom>,
        several: bool,
        freshness: Consistency,
    ) -> Self {
        let answered = several.then(Mutex::default);
        Self {
            deadline: Deadline::at(deadline),
            idempotency_key,
            room,
            widths: Widths::default(),
            freshness,
            lists: OnceCell::new(),
            answered,
        }
    }
}

pub(crate) fn app<'c>(context: &Context<'c>) -> &'c App {
    context.data_unchecked::<App>()
}

pub(crate) fn request<'c>(context: &Context<'c>) -> &'c RequestContext {
    context.data_unchecked::<RequestContext>()
}

/// The lists to answer from: the same copy of them for the whole request.
pub(crate) async fn lists<'c>(context: &Context<'c>) -> &'c Lists {
    let request = request(context);
    let choose = || async {
        let chosen = app(context).copies.lists(request.freshness).await;
        Lists::new(chosen)
    };
    request.lists.get_or_init(choose).await
}

/// What the answer may take.
pub(crate) fn room<'c>(context: &Context<'c>) -> &'c AnswerRoom {
    &request(context).room
}

/// Carries out a mutation once for each response path. GraphQL has fields of one name and the same
/// arguments merged before they are executed; the library executes each, and would order twice.
pub(crate) async fn once<T: Clone + Send + 'static>(
    context: &Context<'_>,
    mutation: impl Future<Output = FieldResult<T>>,
) -> Option<FieldResult<T>> {
    let Some(answered) = &request(context).answered else {
        return Some(mutation.await);
    };
    let path = response_path(context.path_node);
    let first = answered
        .lock()
        .expect("no holder panics")
        .get(&path)
        .and_then(|first| first.downcast_ref::<FieldResult<T>>().cloned());
    if first.is_some() {
        return first;
    }
    let answer = mutation.await;
    let mut answered = answered.lock().expect("no holder panics");
    answered.insert(path, Box::new(answer.clone()));
    Some(answer)
}
