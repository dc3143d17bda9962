//! HTTP around the schema: GraphQL over HTTP, the page at `/`, health, metrics, CORS.

mod accept;
mod activity;
mod admission;
mod any_schema;
mod body;
mod config;
mod connection;
mod cors;
mod document_source;
mod encoding;
mod endpoint;
mod executor;
mod explorer;
mod headers;
mod health;
mod metrics;
mod page_policy;
mod parameters;
mod plain_text;
mod process;
mod queue;
mod rejection;
mod request_id;
mod response;
mod routes;
mod sent_body;
mod server;
mod streams;
mod traceparent;
mod weights;

pub use any_schema::AnySchema;
pub use config::HttpConfig;
pub use health::Readiness;
pub use metrics::{HttpMetrics, Scrape};
pub use routes::routes;
pub use server::{ConnectionLimits, serve};
