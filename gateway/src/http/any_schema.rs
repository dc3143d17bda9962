//! A schema of any type behind one type. The code around it, and the resolvers of the shop's schema,
//! are then compiled once, in this crate, and not in every crate that serves them.

use std::sync::Arc;

use async_graphql::{Executor, Request, Response};
use futures_util::future::BoxFuture;

use crate::graphql::Schema;

/// A schema that executes requests.
#[derive(Clone)]
pub struct AnySchema(Arc<dyn Execute>);

trait Execute: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
}

impl<E: Executor> Execute for E {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(Executor::execute(self, request))
    }
}

impl AnySchema {
    /// A schema other than the shop's.
    pub fn new(schema: impl Executor) -> Self {
        Self(Arc::new(schema))
    }

    /// Executes one request.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        self.0.execute(request.into()).await
    }
}

impl From<Schema> for AnySchema {
    fn from(schema: Schema) -> Self {
        Self::new(schema)
    }
}
