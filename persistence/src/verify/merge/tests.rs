//! The merge over rows in memory, in pages of every size, and over rows in the wrong order.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fritzy_domain::{AccountCommand, Annotations, Command, CommandId, DecisionContext, Event};
use fritzy_types::Timestamp;
use uuid::Uuid;

use super::*;
use crate::verify::{
    DuplicateRow, Each, LineRow, SchemaDifference, ShardRow, SharedReferenceRow, Value, check,
};

/// The rows of a store.
#[derive(Clone, Default)]
struct Rows {
    page_rows: usize,
    events: Vec<EventRow>,
    accounts: Vec<StateRow>,
    lines: Vec<LineRow>,
    /// Whether it returns the same page again and again, as an index with a damaged key can.
    repeats: bool,
    damaged_states: bool,
}

#[async_trait]
impl Source for Rows {
    async fn schema_differences(&mut self) -> Result<Vec<SchemaDifference>, SourceError> {
        Ok(vec![])
    }

    async fn damages(&mut self, _: u32) -> Result<Vec<String>, SourceError> {
        Ok(vec![])
    }

    async fn shard_count(&mut self) -> Result<Option<String>, SourceError> {
        Ok(Some("1".into()))
    }

    async fn shards(&mut self, each: Each<'_, ShardRow>) -> Result<(), SourceError> {
        each(ShardRow { shard: 0, epoch: 1 });
        Ok(())
    }

    async fn positions(&mut self, each: Each<'_, (i64, i64)>) -> Result<(), SourceError> {
        (1..=self.events.len() as i64).for_each(|position| each((0, position)));
        Ok(())
    }

    async fn events(&mut self, after: Option<&EventKey>) -> Result<Vec<EventRow>, SourceError> {
        let behind = |row: &&EventRow| self.repeats || after.is_none_or(|after| row.key > *after);
        let rows = self.events.iter().filter(behind);
        Ok(rows.take(self.page_rows).cloned().collect())
    }

    async fn states(
        &mut self,
        kind: Kind,
        after: Option<&[u8]>,
    ) -> Result<Vec<StateRow>, SourceError> {
        if kind != Kind::Account {
            return Ok(vec![]);
        }
        if self.damaged_states {
            return Err(SourceError::Damaged("torn".into()));
        }
        let behind = |row: &&StateRow| after.is_none_or(|after| row.id[..] > *after);
        let rows = self.accounts.iter().filter(behind);
        Ok(rows.take(self.page_rows).cloned().collect())
    }

    async fn lines(&mut self, after: Option<&LineRow>) -> Result<Vec<LineRow>, SourceError> {
        let behind = |row: &&LineRow| after.is_none_or(|after| *row > after);
        let rows = self.lines.iter().filter(behind);
        Ok(rows.take(self.page_rows).cloned().collect())
    }

    async fn duplicate_event_ids(&mut self, _: Each<'_, DuplicateRow>) -> Result<(), SourceError> {
        Ok(())
    }

    async fn repeated_commands(&mut self, _: Each<'_, DuplicateRow>) -> Result<(), SourceError> {
        Ok(())
    }

    async fn shared_references(
        &mut self,
        _: Kind,
        _: Each<'_, SharedReferenceRow>,
    ) -> Result<(), SourceError> {
        Ok(())
    }

    async fn orders_without_account(
        &mut self,
        _: Each<'_, (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Accounts with one to four events each, by their ids.
fn accounts(page_rows: usize) -> Rows {
    let mut rows = Rows {
        page_rows,
        ..Rows::default()
    };
    for number in 1..=9_u8 {
        let command = CommandId::from_uuid(Uuid::from_bytes([number; 16]));
        let mut state = None;
        let names = ["first", "second", "third", "fourth"];
        let versions = usize::from(number % 4) + 1;
        for (version, name) in (1..).zip(&names[..versions]) {
            let name = (*name).to_owned();
            let change = match state {
                None => AccountCommand::Create {
                    name,
                    annotations: Annotations::default(),
                },
                Some(_) => AccountCommand::Rename { name },
            };
            let env = DecisionContext {
                now: Timestamp::from_micros(version),
                command,
            };
            let change = Command::Account(change);
            let decided = fritzy_domain::State::decide(state.as_ref(), change, &env);
            let event: Event = decided.expect("accepted").remove(0);
            state = fritzy_domain::State::evolve(state, &event);
            let row = rows.events.len() as i64 + 1;
            rows.events.push(EventRow {
                key: EventKey {
                    entity: vec![number; 16],
                    version,
                    row,
                },
                shard: 0,
                position: row,
                event_type: event.event_type().into(),
                payload: event.payload().into_bytes(),
                command: vec![number; 16],
                fingerprint: None,
            });
        }
        rows.accounts.push(StateRow {
            id: vec![number; 16],
            version: versions as i64,
            columns: vec![
                Value::Int(1),
                Value::Text(names[versions - 1].into()),
                Value::Int(0),
            ],
        });
    }
    rows
}

async fn report(mut rows: Rows) -> (Vec<String>, Checked) {
    let report = check(&mut rows, 100, &VerifyProgress::default()).await;
    let report = report.expect("rows can be read");
    let lines = report.violations.iter().map(ToString::to_string).collect();
    (lines, report.checked)
}

#[tokio::test]
async fn page_boundaries_neither_lose_nor_repeat_rows() {
    for page_rows in 1..=25 {
        let rows = accounts(page_rows);
        let events = rows.events.len() as u64;
        let (lines, checked) = report(rows).await;
        assert_eq!(lines, [""; 0], "{page_rows} rows in a page");
        assert_eq!((checked.events, checked.entities), (events, 9));
        assert_eq!(checked.accounts, 9);
    }
}

#[tokio::test]
async fn findings_do_not_depend_on_the_page_size() {
    let mut known = BTreeMap::new();
    for page_rows in 1..=25 {
        let mut rows = accounts(page_rows);
        rows.accounts[3].columns[1] = Value::Text("edited".into());
        rows.accounts.remove(8);
        rows.events[4].payload = b"{".to_vec();
        rows.events[7].key.version += 9;
        rows.events.sort_by(|a, b| a.key.cmp(&b.key));
        let (lines, _) = report(rows).await;
        known.insert(lines, page_rows);
    }
    assert_eq!(known.len(), 1, "{known:#?}");
    let (lines, _) = known.pop_first().expect("one");
    assert!(lines.len() >= 4, "{lines:#?}");
}

#[tokio::test]
async fn unordered_rows_end_the_merge_but_not_the_check() {
    let mut rows = accounts(3);
    rows.repeats = true;
    let (lines, _) = report(rows).await;
    let damaged = lines
        .iter()
        .any(|line| line.starts_with("file-damaged: entities"));
    assert!(damaged, "{lines:#?}");
}

#[tokio::test]
async fn i5_unreadable_state_rows_are_not_reported_missing() {
    let mut rows = accounts(3);
    rows.damaged_states = true;
    rows.events[0].payload = b"{".to_vec();
    let (lines, checked) = report(rows).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("file-damaged: state rows of the kind account"));
    assert!(lines[1].starts_with("I5 event-unreadable: "), "{lines:#?}");
    assert_eq!(checked.entities, 9, "the journal was read to its end");
}
