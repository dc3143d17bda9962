//! Checks the table of shards, and the positions of each shard: 1..n without gaps (invariants I2
//! and I3).

use fritzy_types::ShardCount;

use super::findings::Findings;
use super::location::Location;
use super::source::ShardRow;
use super::violation::ViolationKind;

pub(super) struct ShardCheck {
    count: Option<ShardCount>,
    /// For each shard of the count, whether it has a row, and whether a node ever claimed it.
    rows: Vec<Option<bool>>,
    /// Whether the number of shards is not stored, and no row of a shard was found so far.
    undecided: bool,
    /// The shard whose positions are being checked, with its last position.
    current: Option<(i64, i64)>,
}

impl ShardCheck {
    /// `written` is the stored number of shards.
    pub(super) fn new(written: Option<&str>, findings: &mut Findings) -> Self {
        let count = written
            .and_then(|text| text.parse().ok())
            .and_then(ShardCount::new);
        if let (None, Some(written)) = (count, written) {
            unreadable_count(written, findings);
        }
        Self {
            count,
            // A database that was only migrated has none: the first node decides.
            undecided: written.is_none(),
            rows: vec![None; count.map_or(0, |count| usize::from(count.get()))],
            current: None,
        }
    }

    pub(super) fn count(&self) -> Option<ShardCount> {
        self.count
    }

    /// Checks the next row of the table.
    pub(super) fn take_row(&mut self, row: ShardRow, findings: &mut Findings) {
        self.decide(findings);
        // A release leaves no owner; the epoch stays.
        let claimed = row.epoch > 0;
        match usize::try_from(row.shard)
            .ok()
            .and_then(|index| self.rows.get_mut(index))
        {
            Some(known) => *known = Some(claimed),
            None => self.unknown(row.shard, "a row", findings),
        }
    }

    /// Reports missing rows, after the last one.
    pub(super) fn finish_rows(&self, findings: &mut Findings) {
        for (shard, row) in (0..).zip(&self.rows) {
            if row.is_none() {
                let location = Location::position(shard, None);
                findings.add(ViolationKind::ShardMissing, location, "no row", "a row");
            }
        }
    }

    /// Checks the next event's shard and position.
    pub(super) fn take_position(&mut self, shard: i64, position: i64, findings: &mut Findings) {
        self.decide(findings);
        let last = match self.current {
            Some((current, last)) if current == shard => last,
            _ => {
                self.begin(shard, findings);
                0
            }
        };
        let expected = last.saturating_add(1);
        if position == last && position > 0 {
            let (rule, location) = (
                ViolationKind::PositionRepeated,
                Location::position(shard, Some(position)),
            );
            findings.add(rule, location, "a second event", "one event for a position");
        } else if position != expected {
            let location = Location::position(shard, Some(expected));
            let found = format_args!("no event; the next is at position {position}");
            findings.add(ViolationKind::PositionGap, location, found, "an event");
        }
        self.current = Some((shard, position));
    }

    /// Called for every row of a shard: a number of shards must be stored then.
    fn decide(&mut self, findings: &mut Findings) {
        if std::mem::take(&mut self.undecided) {
            unreadable_count("nothing", findings);
        }
    }

    /// Checks a shard at its first event.
    fn begin(&self, shard: i64, findings: &mut Findings) {
        match usize::try_from(shard)
            .ok()
            .and_then(|index| self.rows.get(index))
        {
            Some(Some(false)) => {
                let (rule, location) = (
                    ViolationKind::ShardUnclaimed,
                    Location::position(shard, None),
                );
                let expected = "an epoch, for it has events";
                findings.add(
                    rule,
                    location,
                    "a shard that no node ever claimed",
                    expected,
                );
            }
            // A missing row was reported already.
            Some(_) => {}
            None => self.unknown(shard, "events", findings),
        }
    }

    fn unknown(&self, shard: i64, what: &str, findings: &mut Findings) {
        let Some(count) = self.count else { return };
        let location = Location::position(shard, None);
        let expected = format_args!("a shard from 0 to {}", count.get() - 1);
        findings.add(ViolationKind::ShardUnknown, location, what, expected);
    }
}

fn unreadable_count(found: &str, findings: &mut Findings) {
    let (rule, location) = (
        ViolationKind::ShardCountUnreadable,
        Location::part("table meta"),
    );
    findings.add(rule, location, found, "a number of shards from 1 to 32768");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(written: Option<&str>, rows: &[(i64, i64)], positions: &[(i64, i64)]) -> Vec<String> {
        let mut findings = Findings::new(100);
        let mut check = ShardCheck::new(written, &mut findings);
        for &(shard, epoch) in rows {
            let row = ShardRow { shard, epoch };
            check.take_row(row, &mut findings);
        }
        check.finish_rows(&mut findings);
        for &(shard, position) in positions {
            check.take_position(shard, position, &mut findings);
        }
        let (kept, _) = findings.finish();
        let short = |line: String| {
            line.split(": found")
                .next()
                .expect("a first part")
                .to_owned()
        };
        kept.iter()
            .map(|violation| short(violation.to_string()))
            .collect()
    }

    #[test]
    fn i2_contiguous_positions_are_accepted() {
        let sound = [(0, 1), (0, 2), (1, 1)];
        assert_eq!(found(Some("2"), &[(0, 1), (1, 4)], &sound), [""; 0]);
    }

    #[test]
    fn i2_every_gap_and_repeat_is_reported_at_its_position() {
        let positions = [(0, 2), (0, 5), (0, 5), (0, 5), (0, 6), (1, 0), (1, 1)];
        assert_eq!(
            found(Some("2"), &[(0, 1), (1, 1)], &positions),
            [
                "I2 position-gap: shard 0, position 1",
                "I2 position-gap: shard 0, position 3",
                "I2 position-repeated: shard 0, position 5",
                "I2 position-repeated: shard 0, position 5",
                "I2 position-gap: shard 1, position 1",
            ]
        );
    }

    #[test]
    fn i3_shard_table_must_match_the_shard_count() {
        assert_eq!(
            found(
                Some("3"),
                &[(0, 0), (1, 0), (7, 1), (-1, 0)],
                &[(1, 1), (9, 1)]
            ),
            [
                "I3 shard-unknown: shard 7",
                "I3 shard-unknown: shard -1",
                "I3 shard-missing: shard 2",
                "I3 shard-unclaimed: shard 1",
                "I3 shard-unknown: shard 9",
            ]
        );
        for written in [None, Some("0"), Some("70000"), Some("many")] {
            let found = found(written, &[], &[(3, 1)]);
            assert_eq!(found, ["shard-count-unreadable: table meta"], "{written:?}");
        }
    }
}
