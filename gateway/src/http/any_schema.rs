//! A schema of any type behind one type. The code around it, and the resolvers of the shop's
//! schema, are then compiled once, in this crate, and not in every crate that serves them.

use std::sync::Arc;

use async_graphql::{Executor, Request, Response};
use futures_util::future::BoxFuture;

use crate::document::{Documents, ListedDocuments};
use crate::graphql::Schema;

/// A schema that executes requests, and the documents that it accepts.
#[derive(Clone)]
pub struct AnySchema {
    execute: Arc<dyn Execute>,
    pub(super) documents: Arc<Documents>,
    pub(super) listed: Option<Arc<ListedDocuments>>,
}

trait Execute: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
}

impl<E: Executor> Execute for E {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(Executor::execute(self, request))
    }
}

impl AnySchema {
    /// A schema with its SDL. Documents are validated against the SDL only.
    ///
    /// # Panics
    /// If it is not the SDL of a valid schema.
    pub fn new(schema: impl Executor, sdl: &str) -> Self {
        Self {
            execute: Arc::new(schema),
            documents: Arc::new(Documents::new(sdl)),
            listed: None,
        }
    }

    /// The same schema, with documents that clients send by their ids.
    #[must_use]
    pub fn listing(mut self, listed: Option<ListedDocuments>) -> Self {
        self.listed = listed.map(Arc::new);
        self
    }

    /// Executes one request; its errors are part of the response.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        self.execute.execute(request.into()).await
    }

    /// The names of all queries and mutations.
    pub async fn operations(&self) -> Vec<String> {
        let document =
            "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
        let response = self.execute(document).await;
        let data = response.data.into_json().unwrap_or_default();
        let names = |kind: &str| {
            let fields = data["__schema"][kind]["fields"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            fields
                .into_iter()
                .filter_map(|field| field["name"].as_str().map(String::from))
        };
        names("queryType").chain(names("mutationType")).collect()
    }
}

impl From<Schema> for AnySchema {
    fn from(schema: Schema) -> Self {
        let sdl = schema.sdl();
        Self::new(schema, &sdl)
    }
}
