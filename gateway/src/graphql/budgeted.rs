//! Rows and texts of a response: each takes its memory from the budget before it is added, and rows
//! yield to other tasks.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Error, OutputType, Pos, Positioned, ServerError, ServerResult,
    Value,
};
use fritzy_domain::MemoryBudget;
use fritzy_types::BudgetExceeded;
use tokio::task::coop::consume_budget;

use super::errors::{FieldResult, shop_error};
use super::request::{RequestContext, budget};
use super::selection::inside;
use super::selection_width::edge_width;

/// Bytes of a field without its text: its entry in the object (104 bytes, half as much again while
/// the object grows), a short text such as an id, and its name and value as JSON.
const FIELD_BYTES: usize = 300;
/// Bytes of a row without its fields: the object and its entry in the list.
const ROW_BYTES: usize = 200;
/// A text is copied into the response, then serialised to JSON, where escapes can double its
/// length.
const TEXT_COPIES: usize = 3;
/// Fields that count as one unit of tokio's cooperative budget: a task yields after 128 units, some
/// milliseconds.
const FIELDS_PER_UNIT: usize = 32;

/// One row of a list.
#[derive(Clone, Debug)]
pub struct Row<T>(pub T);

impl<T: OutputType> OutputType for Row<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let request = context.data_unchecked::<RequestContext>();
        let fields = request.widths.of(field);
        let taken = request.budget.take(row_bytes(fields));
        taken.map_err(|exceeded| budget_error(exceeded, field.pos))?;
        for _ in 0..=fields / FIELDS_PER_UNIT {
            consume_budget().await;
        }
        self.0.resolve(context, field).await
    }
}

/// A text of any length, such as a name or a description.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'t>(pub(crate) &'t str);

impl OutputType for Text<'_> {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let request = context.data_unchecked::<RequestContext>();
        let taken = request.budget.take(self.0.len() * TEXT_COPIES);
        taken.map_err(|exceeded| context.set_error_path(budget_error(exceeded, field.pos)))?;
        Ok(Value::String(self.0.to_owned()))
    }
}

fn budget_error(exceeded: BudgetExceeded, pos: Pos) -> ServerError {
    Error::new_with_source(shop_error(exceeded.into())).into_server_error(pos)
}

/// Takes the memory of a connection's edges from the budget; their nodes take their own.
pub(crate) fn reserve_edges(context: &Context<'_>, rows: usize) -> FieldResult<()> {
    let edges = inside(&[context.field()], "edges").into_iter();
    let bytes: usize = edges.map(|edges| row_bytes(edge_width(edges))).sum();
    let taken = budget(context).take(bytes.saturating_mul(rows));
    taken.map_err(|exceeded| shop_error(exceeded.into()))
}

const fn row_bytes(fields: usize) -> usize {
    ROW_BYTES + FIELD_BYTES * fields
}
