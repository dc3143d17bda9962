//! The rows of the tables of orders by product and by total, by order, a page at a time.

use std::collections::VecDeque;

use async_trait::async_trait;

use super::findings::Findings;
use super::location::Location;
use super::source::{LineRow, OUT_OF_ORDER, Source, SourceError, TotalRow};
use super::violation::ViolationKind;

/// What the tables of orders have of one entity.
pub(super) struct Listed {
    /// `None` if these rows cannot be read.
    pub(super) lines: Option<Vec<LineRow>>,
    /// `None` if these rows cannot be read, or there is no such table.
    pub(super) totals: Option<Vec<TotalRow>>,
    /// Whether the tables must have the order: it is not one that they get later.
    pub(super) is_complete: bool,
}

/// The tables of orders, and the orders that they need not have.
pub(super) struct ListCursors {
    lines: Cursor<LineRow>,
    totals: Cursor<TotalRow>,
    unlisted: Cursor<Vec<u8>>,
    has_totals: bool,
}

impl ListCursors {
    pub(super) fn new(source: &dyn Source) -> Self {
        Self {
            lines: Cursor::default(),
            totals: Cursor::default(),
            unlisted: Cursor::default(),
            has_totals: source.has_totals(),
        }
    }

    pub(super) async fn fill(
        &mut self,
        source: &mut dyn Source,
        findings: &mut Findings,
    ) -> Result<(), SourceError> {
        self.lines.fill(source, findings).await?;
        self.totals.fill(source, findings).await?;
        self.unlisted.fill(source, findings).await
    }

    /// The orders of the next rows.
    pub(super) fn heads(&self) -> impl Iterator<Item = &[u8]> {
        let heads = [
            self.lines.page.front().map(ListRow::order),
            self.totals.page.front().map(ListRow::order),
            self.unlisted.page.front().map(ListRow::order),
        ];
        heads.into_iter().flatten()
    }

    /// Takes the rows of an entity.
    pub(super) async fn next_for(
        &mut self,
        id: &[u8],
        source: &mut dyn Source,
        findings: &mut Findings,
    ) -> Result<Listed, SourceError> {
        let lines = self.lines.next_for(id, source, findings).await?;
        let totals = self.totals.next_for(id, source, findings).await?;
        let unlisted = self.unlisted.next_for(id, source, findings).await?;
        Ok(Listed {
            lines,
            totals: totals.filter(|_| self.has_totals),
            is_complete: unlisted.is_some_and(|unlisted| unlisted.is_empty()),
        })
    }
}

/// A row of a table that is sorted by orders.
#[async_trait]
trait ListRow: Clone + Ord + Send + Sync {
    /// What findings call these rows.
    const PART: &'static str;

    fn order(&self) -> &[u8];

    async fn read(source: &mut dyn Source, after: Option<&Self>) -> Result<Vec<Self>, SourceError>;
}

#[async_trait]
impl ListRow for LineRow {
    const PART: &'static str = "rows of orders by product";

    fn order(&self) -> &[u8] {
        self.order_id()
    }

    async fn read(source: &mut dyn Source, after: Option<&Self>) -> Result<Vec<Self>, SourceError> {
        source.lines(after).await
    }
}

#[async_trait]
impl ListRow for TotalRow {
    const PART: &'static str = "rows of orders by total";

    fn order(&self) -> &[u8] {
        self.order_id()
    }

    async fn read(source: &mut dyn Source, after: Option<&Self>) -> Result<Vec<Self>, SourceError> {
        source.totals(after).await
    }
}

/// The id of an order that is not listed yet.
#[async_trait]
impl ListRow for Vec<u8> {
    const PART: &'static str = "orders behind the tables of orders";

    fn order(&self) -> &[u8] {
        self
    }

    async fn read(source: &mut dyn Source, after: Option<&Self>) -> Result<Vec<Self>, SourceError> {
        source.unlisted(after.map(Vec::as_slice)).await
    }
}

/// Rows in order, a page at a time.
struct Cursor<R> {
    page: VecDeque<R>,
    last: Option<R>,
    ended: bool,
    /// Whether further rows cannot be read.
    broken: bool,
}

impl<R> Default for Cursor<R> {
    fn default() -> Self {
        Self {
            page: VecDeque::new(),
            last: None,
            ended: false,
            broken: false,
        }
    }
}

impl<R: ListRow> Cursor<R> {
    /// Reports damage as a violation; the merge continues without these rows.
    async fn fill(
        &mut self,
        source: &mut dyn Source,
        findings: &mut Findings,
    ) -> Result<(), SourceError> {
        if !self.page.is_empty() || self.ended {
            return Ok(());
        }
        let reason = match R::read(source, self.last.as_ref()).await {
            Ok(page) => {
                self.page = page.into();
                let Some(last) = self.page.back() else {
                    self.ended = true;
                    return Ok(());
                };
                if self.last.as_ref().is_none_or(|before| *before < *last) {
                    self.last = Some(last.clone());
                    return Ok(());
                }
                self.page.clear();
                OUT_OF_ORDER.to_owned()
            }
            Err(SourceError::Damaged(reason)) => reason,
            Err(failure) => return Err(failure),
        };
        (self.ended, self.broken) = (true, true);
        let location = Location::part(R::PART);
        let found = format_args!("{reason}; the rest of them was not checked");
        findings.add(ViolationKind::FileDamaged, location, found, "readable rows");
        Ok(())
    }

    /// Takes the rows of an order; `None` if they cannot be read.
    async fn next_for(
        &mut self,
        order: &[u8],
        source: &mut dyn Source,
        findings: &mut Findings,
    ) -> Result<Option<Vec<R>>, SourceError> {
        let mut rows = Vec::new();
        while let Some(row) = self.page.pop_front_if(|row| row.order() == order) {
            rows.push(row);
            self.fill(source, findings).await?;
        }
        Ok((!self.broken).then_some(rows))
    }
}
