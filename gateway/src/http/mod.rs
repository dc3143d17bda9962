//! HTTP around the schema: GraphQL over HTTP, the page at `/`, health, metrics, CORS.

mod accept;
mod admission;
mod any_schema;
mod body;
mod config;
mod endpoint;
mod explorer;
mod headers;
mod health;
mod metrics;
mod parameters;
mod plain_text;
mod process;
mod rejection;
mod request_id;
mod response;
mod routes;
mod server;
mod traceparent;

pub use any_schema::AnySchema;
pub use config::HttpConfig;
pub use health::Readiness;
pub use metrics::{HttpMetrics, Scrape};
pub use routes::routes;
pub use server::{ConnectionLimits, serve};
