//! Executes the document of a request, after all checks of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::parser::types::{ExecutableDocument, Selection};
use async_graphql::{Request, Response as GraphqlResponse, ServerError, Value};
use fritzy_domain::ReadReplicas;
use futures_util::FutureExt as _;
use tracing::error;
use warp::http::{HeaderMap, Method};

use super::any_schema::AnySchema;
use super::config::HttpConfig;
use super::document_source::{DocumentSource, NoDocument};
use super::headers::{COST_EXTENSION, TOKEN_EXTENSION, consistency, idempotency_key, wants_cost};
use super::metrics::{HttpMetrics, operation_label};
use super::parameters::Parameters;
use super::rejection::HttpRejection;
use crate::document::{Document, MergeError, NAME_BYTES_MAX, remove_suggestion};
use crate::graphql::{RequestContext, ResponseBudget, Stage, cost, with_codes};

/// The parts of an HTTP request that its execution needs.
pub(super) struct RequestHead<'r> {
    /// When its first byte was received.
    pub(super) began: Instant,
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
}

/// Executes documents by a schema.
pub(super) struct Executor {
    schema: AnySchema,
    source: DocumentSource,
    introspection: bool,
    request_timeout: Duration,
    metrics: Arc<HttpMetrics>,
    replicas: Option<Arc<dyn ReadReplicas>>,
}

impl Executor {
    pub(super) fn new(
        schema: AnySchema,
        config: &HttpConfig,
        metrics: Arc<HttpMetrics>,
        replicas: Option<Arc<dyn ReadReplicas>>,
    ) -> Self {
        Self {
            source: DocumentSource::new(&schema, config.documents_only),
            schema,
            introspection: config.introspection,
            request_timeout: config.request_timeout,
            metrics,
            replicas,
        }
    }

    /// The response to a request, which may consist of errors only.
    ///
    /// # Errors
    /// [`HttpRejection`] when it is not a GraphQL request, or is not executed to its end.
    pub(super) async fn execute(
        &self,
        head: &RequestHead<'_>,
        parameters: Parameters,
        budget: Arc<ResponseBudget>,
    ) -> Result<GraphqlResponse, HttpRejection> {
        let name = parameters.operation_name.as_deref().unwrap_or_default();
        if name.len() > NAME_BYTES_MAX {
            return Err(HttpRejection::bad_request(format!(
                "operationName has more than {NAME_BYTES_MAX} bytes"
            )));
        }
        match self.source.select(&parameters) {
            Ok(document) => {
                self.execute_document(head, parameters, &document, budget)
                    .await
            }
            Err(NoDocument::Rejected(rejection)) => Err(rejection),
            Err(NoDocument::Invalid(errors, stage)) => Ok(self.refused(head, "", errors, stage)),
        }
    }

    /// The response to a request that is not executed.
    fn refused(
        &self,
        head: &RequestHead<'_>,
        label: &str,
        mut errors: Vec<ServerError>,
        stage: Stage,
    ) -> GraphqlResponse {
        if !self.introspection {
            for error in &mut errors {
                remove_suggestion(&mut error.message);
            }
        }
        let response = with_codes(GraphqlResponse::from_errors(errors), stage);
        self.metrics
            .executed(label, head.began.elapsed(), &response);
        response
    }

    async fn execute_document(
        &self,
        head: &RequestHead<'_>,
        parameters: Parameters,
        document: &Document,
        budget: Arc<ResponseBudget>,
    ) -> Result<GraphqlResponse, HttpRejection> {
        let name = parameters.operation_name.filter(|name| !name.is_empty());
        let operation = match document.operation(name.as_deref()) {
            Ok(operation) => operation,
            Err(message) => {
                let errors = vec![ServerError::new(message, None)];
                return Ok(self.refused(head, "", errors, Stage::Validating));
            }
        };
        let is_mutation = operation.is_mutation();
        if *head.method == Method::GET && is_mutation {
            return Err(HttpRejection::method_not_allowed(
                "mutations are sent by POST",
            ));
        }
        let documents = &self.schema.documents;
        let mut variables = parameters.variables.unwrap_or_default();
        // Copied, because the merged operation is moved into the request; a field's name is short.
        let label = operation_label(operation.definition()).to_owned();
        if let Err(errors) = documents.coerce(operation, &mut variables) {
            return Ok(self.refused(head, &label, errors, Stage::Coercing));
        }
        let merged = match documents.merged(document, operation, &variables) {
            Ok(merged) => merged,
            Err(MergeError::TooComplex(message)) => {
                return Err(HttpRejection::too_complex(message));
            }
            Err(MergeError::NullCondition(error)) => {
                return Ok(self.refused(head, &label, vec![error], Stage::Coercing));
            }
        };
        if !self.introspection
            && let Some(field) = schema_field(&merged)
        {
            let message = format!("the schema of this API is not served: {field} is disabled");
            let errors = vec![ServerError::new(message, None)];
            return Ok(self.refused(head, &label, errors, Stage::Introspecting));
        }
        let extensions = parameters.extensions.as_ref();
        let cost = cost(&merged, &variables);
        if let Some(message) = cost.excess() {
            return Err(HttpRejection::too_complex(message));
        }
        let shown_cost = wants_cost(head.headers, extensions)?.then(|| cost.members());
        let deadline = head.began + self.request_timeout;
        let consistency = consistency(head.headers, extensions, is_mutation)?;
        let key = idempotency_key(head.headers)?;
        let context = RequestContext::new(deadline, key, budget.clone(), consistency);
        // The text is not needed any more: the parsed document is executed.
        let mut request = Request::new("").variables(variables).data(context);
        request.set_parsed_query(ExecutableDocument::clone(&merged));
        // A panic fails this request only, not its connection; whatever the request holds is
        // released.
        let executing = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        match tokio::time::timeout_at(deadline.into(), executing).await {
            Ok(Ok(response)) => {
                let mut response = with_codes(response, Stage::Executing);
                if is_mutation {
                    self.add_consistency_token(&mut response).await;
                }
                if let Some(members) = shown_cost {
                    add_cost(&mut response, members, &budget);
                }
                self.metrics
                    .executed(&label, head.began.elapsed(), &response);
                Ok(response)
            }
            Ok(Err(_)) => {
                error!(operation = label, "executing a request panicked");
                Err(HttpRejection::internal())
            }
            Err(_) => Err(HttpRejection::timed_out()),
        }
    }

    /// Adds the token with which later queries read at least what this mutation wrote.
    async fn add_consistency_token(&self, response: &mut GraphqlResponse) {
        if let Some(replicas) = &self.replicas
            && let Some(token) = replicas.token().await
        {
            let token = Value::String(token.to_string());
            response.extensions.insert(TOKEN_EXTENSION.into(), token);
        }
    }
}

/// Adds the estimated cost, and the memory that was really taken.
fn add_cost(
    response: &mut GraphqlResponse,
    members: [(&'static str, u64); 4],
    budget: &ResponseBudget,
) {
    let (taken, bytes_max) = budget.taken();
    let memory = [
        ("memoryBytes", taken as u64),
        ("memoryBytesMax", bytes_max as u64),
    ];
    let members = members.into_iter().chain(memory);
    let members = members.map(|(name, value)| (async_graphql::Name::new(name), value.into()));
    let cost = Value::Object(members.collect());
    response.extensions.insert(COST_EXTENSION.into(), cost);
}

/// The fields that return the schema: those of introspection, and that for a router of Apollo
/// Federation.
const SCHEMA_FIELDS: [&str; 3] = ["__schema", "__type", "_service"];

/// The first field of a merged operation that reads the schema. Only root fields do.
fn schema_field(document: &ExecutableDocument) -> Option<&str> {
    let roots = document.operations.iter();
    let mut items = roots.flat_map(|(_, operation)| &operation.node.selection_set.node.items);
    items.find_map(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            SCHEMA_FIELDS.contains(&name).then_some(name)
        }
        _ => None,
    })
}
