//! Rows and texts of an answer: each takes room before it is put into it, and rows let others have their
//! turn in between.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Mutex;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Error, Name, OutputType, Pos, Positioned, SelectionField,
    ServerResult, Value,
};
use fritzy_domain::MemoryBudget;
use fritzy_types::BudgetExceeded;
use tokio::task::coop::consume_budget;

use super::errors::{FieldResult, shop_error};
use super::order::inside;
use super::request::{RequestContext, room};
use super::response_cost::is_paged;

/// Bytes of a field without its text: its place in its object (104 bytes, and half as much again while the
/// object grows), a short text such as an id, and its name and value as JSON.
const FIELD_BYTES: usize = 300;
/// Bytes of a row without its fields: the object and its place in the list.
const ROW_BYTES: usize = 200;
/// A text is copied into the answer, then written as JSON, where escapes can make it twice as long.
const TEXT_COPIES: usize = 3;
/// Fields that count as one step of work. The runtime lets others have their turn after 128 steps: some
/// milliseconds.
const FIELDS_IN_STEP: usize = 32;

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
        let fragments = &context.query_env.fragments;
        let fields = request.widths.of(field, fragments);
        let taken = request.room.take(row_bytes(fields));
        taken.map_err(|no_room| refusal(no_room, field.pos))?;
        for _ in 0..=fields / FIELDS_IN_STEP {
            consume_budget().await;
        }
        self.0.resolve(context, field).await
    }
}

/// A text of any length.
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
        let taken = request.room.take(self.0.len() * TEXT_COPIES);
        taken.map_err(|no_room| context.set_error_path(refusal(no_room, field.pos)))?;
        Ok(Value::String(self.0.to_owned()))
    }
}

fn refusal(no_room: BudgetExceeded, pos: Pos) -> async_graphql::ServerError {
    Error::new_with_source(shop_error(no_room.into())).into_server_error(pos)
}

/// Takes room for the edges of the connection being answered, which has so many rows; their nodes take
/// theirs by themselves.
pub(crate) fn take_room_for_edges(context: &Context<'_>, rows: usize) -> FieldResult<()> {
    let edges = inside(&[context.field()], "edges").into_iter();
    let bytes: usize = edges.map(|edges| row_bytes(width(edges))).sum();
    let taken = room(context).take(bytes.saturating_mul(rows));
    taken.map_err(|no_room| shop_error(no_room.into()))
}

fn width(edge: SelectionField<'_>) -> usize {
    let inside = edge.selection_set();
    inside
        .map(|field| {
            1 + if field.name() == "node" {
                0
            } else {
                width(field)
            }
        })
        .sum()
}

const fn row_bytes(fields: usize) -> usize {
    ROW_BYTES + FIELD_BYTES * fields
}

/// How many fields each row of a list has, by where the document asks for the list: counted at its first
/// row.
#[derive(Debug, Default)]
pub(crate) struct Widths(Mutex<HashMap<Pos, usize>>);

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

impl Widths {
    fn of(&self, list: &Positioned<Field>, fragments: &Fragments) -> usize {
        let mut known = self.0.lock().expect("no holder panics");
        let count = || fields_in(&list.node.selection_set.node, fragments);
        *known.entry(list.pos).or_insert_with(count)
    }
}

/// The fields of a row: those of the objects in it as well, but not those of rows in its lists. Validation has
/// refused fragments that spread themselves, and how many fields they stand for is bounded.
fn fields_in(set: &SelectionSet, fragments: &Fragments) -> usize {
    let fields = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let inside = &field.node.selection_set.node;
            if has_rows(field.node.name.node.as_str()) {
                1
            } else {
                1 + fields_in(inside, fragments)
            }
        }
        Selection::InlineFragment(fragment) => {
            fields_in(&fragment.node.selection_set.node, fragments)
        }
        Selection::FragmentSpread(spread) => fragments
            .get(&spread.node.fragment_name.node)
            .map_or(0, |fragment| {
                fields_in(&fragment.node.selection_set.node, fragments)
            }),
    });
    fields.sum()
}

/// Whether a field inside a row is a list whose rows take room by themselves.
fn has_rows(name: &str) -> bool {
    name == "products" || is_paged(name)
}
