//! The GraphQL schema: the seed's names, types and nullabilities, and what was added to them.

mod account;
mod annotations;
mod app;
mod budgeted;
mod error_code;
mod errors;
mod history;
mod idempotency;
mod inputs;
mod mutation;
mod order;
mod order_page;
mod pagination;
mod prefetch;
mod product;
mod query;
mod reference_query;
mod relay;
mod request;
mod response_budget;
mod response_cost;
mod response_path;
mod scalars;
mod schema;
mod selection;
mod selection_width;

pub use account::AccountObject;
pub use budgeted::Row;
pub use errors::{ApiError, FieldResult, rejected};
pub(crate) use errors::{Stage, protocol_error, with_codes};
pub use pagination::PaginationInput;
pub(crate) use request::RequestContext;
pub(crate) use response_budget::{ResponseBudget, ResponseBudgets};
pub(crate) use response_cost::cost_excess;
pub use schema::{Schema, build_schema, schema_text};
