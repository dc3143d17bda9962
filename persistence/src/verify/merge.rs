//! Merges the events, by entity and version, with the three kinds of state rows, by id, and with the
//! rows of the tables of orders, by order. One page of each is in memory.

use std::collections::VecDeque;

use fritzy_domain::Kind;
use fritzy_types::ShardCount;

use super::entity::{EntityCheck, KINDS};
use super::findings::Findings;
use super::list_rows::ListCursors;
use super::location::Location;
use super::progress::VerifyProgress;
use super::report::Checked;
use super::source::{EventKey, EventRow, OUT_OF_ORDER, Source, SourceError, StateRow};
use super::violation::ViolationKind;

/// Checks every entity that has an event or a state row.
pub(super) async fn check_entities(
    source: &mut dyn Source,
    shards: Option<ShardCount>,
    progress: &VerifyProgress,
    checked: &mut Checked,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let mut events = EventCursor::default();
    let mut states = KINDS.map(StateCursor::new);
    let mut lists = ListCursors::new(source);
    loop {
        events.fill(source, progress).await?;
        lists.fill(source, findings).await?;
        for states in &mut states {
            states.fill(source, findings).await?;
        }
        let heads = states.iter().map(|states| states.page.front());
        let heads = heads.map(|row| row.map(|row| &row.id));
        let event = events.page.front().map(|row| &row.key.entity);
        let all = heads
            .into_iter()
            .chain([event])
            .flatten()
            .map(Vec::as_slice);
        let Some(id) = all.chain(lists.heads()).min().map(<[u8]>::to_vec) else {
            return Ok(());
        };
        let mut entity = EntityCheck::new(id, shards);
        let mut has_events = false;
        while let Some(row) = events.next_for(entity.id()) {
            has_events = true;
            entity.take(&row, findings);
            events.fill(source, progress).await?;
        }
        checked.entities += u64::from(has_events);
        let rows = states.each_mut().map(|states| states.next_for(entity.id()));
        let counts = [
            &mut checked.accounts,
            &mut checked.products,
            &mut checked.orders,
        ];
        for (count, row) in counts.into_iter().zip(&rows) {
            *count += u64::from(row.is_some());
        }
        let unknown = states.each_ref().map(|states| states.broken);
        let listed = lists.next_for(entity.id(), source, findings).await?;
        entity.finish(rows, &listed, unknown, findings);
    }
}

/// The events in order, a page at a time.
#[derive(Default)]
struct EventCursor {
    page: VecDeque<EventRow>,
    last: Option<EventKey>,
    ended: bool,
}

impl EventCursor {
    async fn fill(
        &mut self,
        source: &mut dyn Source,
        progress: &VerifyProgress,
    ) -> Result<(), SourceError> {
        if !self.page.is_empty() || self.ended {
            return Ok(());
        }
        self.page = source.events(self.last.as_ref()).await?.into();
        progress.add_rows(self.page.len());
        let Some(last) = self.page.back() else {
            self.ended = true;
            return Ok(());
        };
        // A damaged row may sort elsewhere than it reads; without this the merge would never end.
        if self.last.as_ref().is_some_and(|before| *before >= last.key) {
            return Err(SourceError::Damaged(OUT_OF_ORDER.into()));
        }
        self.last = Some(last.key.clone());
        Ok(())
    }

    fn next_for(&mut self, id: &[u8]) -> Option<EventRow> {
        self.page.pop_front_if(|row| row.key.entity == id)
    }
}

/// The state rows of one kind in order, a page at a time.
struct StateCursor {
    kind: Kind,
    page: VecDeque<StateRow>,
    last: Option<Vec<u8>>,
    ended: bool,
    /// Whether further rows cannot be read.
    broken: bool,
}

impl StateCursor {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            page: VecDeque::new(),
            last: None,
            ended: false,
            broken: false,
        }
    }

    /// Reports damage among the rows of one kind as a violation; the merge continues without them.
    async fn fill(
        &mut self,
        source: &mut dyn Source,
        findings: &mut Findings,
    ) -> Result<(), SourceError> {
        if !self.page.is_empty() || self.ended {
            return Ok(());
        }
        let reason = match source.states(self.kind, self.last.as_deref()).await {
            Ok(page) => {
                self.page = page.into();
                let Some(last) = self.page.back() else {
                    self.ended = true;
                    return Ok(());
                };
                if self.last.as_ref().is_none_or(|before| *before < last.id) {
                    self.last = Some(last.id.clone());
                    return Ok(());
                }
                self.page.clear();
                OUT_OF_ORDER.to_owned()
            }
            Err(SourceError::Damaged(reason)) => reason,
            Err(failure) => return Err(failure),
        };
        (self.ended, self.broken) = (true, true);
        let location = Location::part(format!("state rows of the kind {}", self.kind));
        let found = format_args!("{reason}; the rest of them was not checked");
        findings.add(ViolationKind::FileDamaged, location, found, "readable rows");
        Ok(())
    }

    fn next_for(&mut self, id: &[u8]) -> Option<StateRow> {
        self.page.pop_front_if(|row| row.id == id)
    }
}

#[cfg(test)]
mod tests;
