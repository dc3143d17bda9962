//! The type of connections. That of the library has no cursors of its own for a page that ends
//! between two rows.

use std::borrow::Cow;

use async_graphql::connection::{CursorType, Edge, EmptyFields, PageInfo};
use async_graphql::{Context, Object, ObjectType, OutputType, TypeName};
use fritzy_domain::{OrderKey, SortKey};

use super::budgeted::Row;
use super::errors::FieldResult;
use super::relay::{Cursor, Walk};
use super::total_count::TotalCount;

/// An edge of a connection: a row with its cursor.
pub(crate) type ListEdge<N> = Edge<Cursor, Row<N>, EmptyFields>;

/// A page of a list.
pub(crate) struct ListConnection<N: ObjectType> {
    edges: Vec<ListEdge<N>>,
    has_previous: bool,
    has_next: bool,
    /// Where the list continues, if not at the first or the last edge.
    start: Option<Cursor>,
    end: Option<Cursor>,
    count: TotalCount,
}

impl<N: ObjectType> ListConnection<N> {
    /// The trimmed rows of a walk. `more` says whether further rows exist in its direction; in the
    /// other direction, a given cursor implies that they do.
    pub(crate) fn of<R>(
        walk: &Walk,
        rows: Vec<R>,
        more: bool,
        key: impl Fn(&R) -> OrderKey,
        node: impl Fn(R) -> N,
        count: TotalCount,
    ) -> Self {
        let edge = |row: R| {
            let cursor = Cursor::new(walk.list, key(&row));
            Edge::new(cursor, Row(node(row)))
        };
        let (has_previous, has_next) = if walk.from_end {
            (more, walk.before.is_some())
        } else {
            (walk.after.is_some(), more)
        };
        Self {
            edges: rows.into_iter().map(edge).collect(),
            has_previous,
            has_next,
            start: None,
            end: None,
            count,
        }
    }

    /// As [`Self::of`], of a list by creation.
    pub(crate) fn by_creation<R>(
        walk: &Walk,
        rows: Vec<R>,
        more: bool,
        key: impl Fn(&R) -> SortKey,
        node: impl Fn(R) -> N,
        count: TotalCount,
    ) -> Self {
        let key = |row: &R| OrderKey::Creation(key(row));
        Self::of(walk, rows, more, key, node, count)
    }

    /// Where the page is.
    pub(crate) fn info(&self) -> PageInfo {
        let first = || self.edges.first().map(|edge| edge.cursor);
        let last = || self.edges.last().map(|edge| edge.cursor);
        let text = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.encode_cursor());
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: text(self.start.or_else(first)),
            end_cursor: text(self.end.or_else(last)),
        }
    }

    /// The page with a place in front of which the list continues backwards.
    pub(crate) fn starting_at(self, start: Cursor) -> Self {
        Self {
            start: Some(start),
            ..self
        }
    }

    /// The page with a place behind which the list continues.
    pub(crate) fn ending_at(self, end: Cursor) -> Self {
        Self {
            end: Some(end),
            ..self
        }
    }
}

impl<N: ObjectType> TypeName for ListConnection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", <N as OutputType>::type_name()).into()
    }
}

#[Object(name_type)]
impl<N: ObjectType> ListConnection<N> {
    /// Where the page is in its list.
    async fn page_info(&self) -> PageInfo {
        self.info()
    }

    /// Rows with their cursors.
    async fn edges(&self) -> &[ListEdge<N>] {
        &self.edges
    }

    /// Rows without their cursors.
    async fn nodes(&self) -> Vec<&Row<N>> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Rows of the whole list, not of this page. Counting stops at 10000 rows, or earlier in nested
    /// lists; see `totalCountIsLowerBound`. Counted only if it is selected.
    async fn total_count(&self, context: &Context<'_>) -> FieldResult<u32> {
        let count = self.count.get(context).await;
        let rows = count.map_err(|error| error.at(context))?.rows;
        Ok(u32::try_from(rows).unwrap_or(u32::MAX))
    }

    /// Whether counting stopped early: the list may have more rows than `totalCount`.
    async fn total_count_is_lower_bound(&self, context: &Context<'_>) -> FieldResult<bool> {
        let count = self.count.get(context).await;
        Ok(count.map_err(|error| error.at(context))?.is_lower_bound)
    }
}
