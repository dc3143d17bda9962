//! The front end: the GraphQL schema, and HTTP around it. No rule of the shop is here; what a
//! client sends is passed on as it was written. Settings, the command line and the assembly of a
//! node are in `fritzy-node`.

mod document;
mod graphql;
mod http;

pub use document::{DocumentManifest, Documents, ListedDocuments, ManifestError};
pub use graphql::{
    AccountObject, ApiError, FieldResult, PaginationInput, Row, Schema, build_schema, rejected,
    schema_text,
};
pub use http::{
    AnySchema, ConnectionLimits, HttpConfig, HttpMetrics, Readiness, Scrape, routes, serve,
};
