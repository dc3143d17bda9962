//! Events that have an id or a command in common: ids are unique (I1), and a command takes effect
//! once (I8).

use fritzy_domain::{Event, Kind};
use fritzy_types::Timestamp;

use super::findings::Findings;
use super::location::{Location, id_text};
use super::source::{DuplicateRow, SharedReferenceRow};
use super::violation::ViolationKind;

/// Checks consecutive entities of a kind with a common external reference.
pub(super) struct SharedReferenceCheck {
    kind: Kind,
    before: Option<SharedReferenceRow>,
}

impl SharedReferenceCheck {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, before: None }
    }

    /// Reports an entity that has the reference of the one before it.
    pub(super) fn take(&mut self, row: SharedReferenceRow, findings: &mut Findings) {
        let before = self.before.as_ref();
        if let Some(before) = before.filter(|before| before.reference == row.reference) {
            let holder = Location::entity(Some(self.kind), &before.id);
            let found = format_args!("`{}`, also of {holder}", row.reference);
            let location = Location::entity(Some(self.kind), &row.id);
            let location = location.version(row.version).field("external_reference");
            let rule = ViolationKind::ReferenceRepeated;
            findings.add(rule, location, found, "a reference of its own");
        }
        self.before = Some(row);
    }
}

/// Checks consecutive rows with a common id.
#[derive(Default)]
pub(super) struct UniquenessCheck {
    before: Option<DuplicateRow>,
}

impl UniquenessCheck {
    /// Checks the next event whose id another event has too.
    pub(super) fn take_event(&mut self, row: DuplicateRow, findings: &mut Findings) {
        if let Some(before) = self.before_of(&row) {
            let found = format_args!(
                "event id {}, also of {}",
                id_text(&row.key),
                location_of(before)
            );
            let location = location_of(&row);
            findings.add(
                ViolationKind::EventRepeated,
                location,
                found,
                "an id of its own",
            );
        }
        self.before = Some(row);
    }

    /// Checks the next event of a command that has several. They are one effect if they were
    /// appended together: consecutive in entity and shard, with the same time and the same
    /// fingerprint.
    pub(super) fn take_command(&mut self, row: DuplicateRow, findings: &mut Findings) {
        if let Some(before) = self.before_of(&row)
            && !is_next(before, &row)
        {
            let found = format_args!(
                "command {}, also of {}",
                id_text(&row.key),
                location_of(before)
            );
            let (rule, location) = (ViolationKind::CommandRepeated, location_of(&row));
            findings.add(rule, location, found, "a command that takes effect once");
        }
        self.before = Some(row);
    }

    fn before_of(&self, row: &DuplicateRow) -> Option<&DuplicateRow> {
        self.before.as_ref().filter(|before| before.key == row.key)
    }
}

fn is_next(before: &DuplicateRow, row: &DuplicateRow) -> bool {
    before.entity == row.entity
        && before.shard == row.shard
        && before.version.checked_add(1) == Some(row.version)
        && before.position.checked_add(1) == Some(row.position)
        && before.fingerprint == row.fingerprint
        && match (timestamp(before), timestamp(row)) {
            (Some(before), Some(now)) => before == now,
            // Unreadable events are reported elsewhere.
            _ => true,
        }
}

fn timestamp(row: &DuplicateRow) -> Option<Timestamp> {
    let payload = std::str::from_utf8(&row.payload).ok()?;
    let event = Event::decode(&row.event_type, payload).ok()?;
    Some(event.at())
}

fn location_of(row: &DuplicateRow) -> Location {
    let location = Location::entity(None, &row.entity).version(row.version);
    location.at(row.shard, row.position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u8, entity: u8, version: i64, position: i64, at: i64) -> DuplicateRow {
        let id = uuid::Uuid::from_bytes([entity; 16]);
        DuplicateRow {
            key: vec![key; 16],
            entity: vec![entity; 16],
            version,
            shard: 0,
            position,
            event_type: "account.closed".into(),
            payload: format!("{{\"account_id\":\"{id}\",\"at\":{at}}}").into_bytes(),
            fingerprint: None,
        }
    }

    fn commands(rows: &[DuplicateRow]) -> usize {
        let mut findings = Findings::new(0);
        let mut check = UniquenessCheck::default();
        for row in rows {
            check.take_command(row.clone(), &mut findings);
        }
        findings.finish().1.values().sum::<u64>() as usize
    }

    #[test]
    fn i8_only_events_appended_together_count_as_one_effect() {
        let first = row(1, 1, 2, 7, 50);
        assert_eq!(commands(&[first.clone(), row(1, 1, 3, 8, 50)]), 0);
        assert_eq!(
            commands(&[first.clone(), row(2, 2, 1, 1, 90)]),
            0,
            "another"
        );
        for second in [
            row(1, 1, 3, 8, 51),
            row(1, 1, 3, 9, 50),
            row(1, 1, 4, 8, 50),
            row(1, 2, 3, 8, 50),
            DuplicateRow {
                fingerprint: Some(vec![1]),
                ..row(1, 1, 3, 8, 50)
            },
        ] {
            assert_eq!(commands(&[first.clone(), second.clone()]), 1, "{second:?}");
        }
    }

    #[test]
    fn i1_every_repeated_event_id_is_reported() {
        let mut findings = Findings::new(9);
        let mut check = UniquenessCheck::default();
        for position in 1..=3 {
            check.take_event(row(1, 1, position, position, 0), &mut findings);
        }
        check.take_event(row(2, 1, 4, 4, 0), &mut findings);
        assert_eq!(findings.finish().0.len(), 2);
    }
}
