//! A violation: its kind, its location, what was found, and what was expected.

use std::fmt;

use super::location::Location;

/// Characters shown of a found or expected value. A description has 4 000; the difference is shown.
const VALUE_CHARS_MAX: usize = 200;
/// Characters shown before the first difference.
const BEFORE_DIFFERENCE: usize = 20;

/// The kinds of violations. `docs/reference/verify.md` explains each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each is named by `name`, and explained in docs/reference/verify.md"
)]
pub enum ViolationKind {
    FileDamaged,
    SchemaDiffers,
    ShardCountUnreadable,
    ShardMissing,
    ShardUnknown,
    ShardUnclaimed,
    PositionGap,
    PositionRepeated,
    VersionGap,
    VersionRepeated,
    IdMalformed,
    ShardWrong,
    SlotDiffers,
    EventUnreadable,
    EventForeign,
    EventImpossible,
    EventRepeated,
    TotalWrong,
    CommandDiffers,
    CommandRepeated,
    StateMissing,
    StateWithoutEvents,
    StateDiffers,
    KeyDiffers,
    AccountMissing,
    LineMissing,
    LineRepeated,
    LineSuperfluous,
    ListedToWrong,
    ReferenceRepeated,
    TotalMissing,
    TotalSuperfluous,
}

impl ViolationKind {
    /// The name in the output; it never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileDamaged => "file-damaged",
            Self::SchemaDiffers => "schema-differs",
            Self::ShardCountUnreadable => "shard-count-unreadable",
            Self::ShardMissing => "shard-missing",
            Self::ShardUnknown => "shard-unknown",
            Self::ShardUnclaimed => "shard-unclaimed",
            Self::PositionGap => "position-gap",
            Self::PositionRepeated => "position-repeated",
            Self::VersionGap => "version-gap",
            Self::VersionRepeated => "version-repeated",
            Self::IdMalformed => "id-malformed",
            Self::ShardWrong => "shard-wrong",
            Self::SlotDiffers => "slot-differs",
            Self::EventUnreadable => "event-unreadable",
            Self::EventForeign => "event-foreign",
            Self::EventImpossible => "event-impossible",
            Self::EventRepeated => "event-repeated",
            Self::TotalWrong => "total-wrong",
            Self::CommandDiffers => "command-differs",
            Self::CommandRepeated => "command-repeated",
            Self::StateMissing => "state-missing",
            Self::StateWithoutEvents => "state-without-events",
            Self::StateDiffers => "state-differs",
            Self::KeyDiffers => "key-differs",
            Self::AccountMissing => "account-missing",
            Self::LineMissing => "line-missing",
            Self::LineRepeated => "line-repeated",
            Self::LineSuperfluous => "line-superfluous",
            Self::ListedToWrong => "listed-to-wrong",
            Self::ReferenceRepeated => "reference-repeated",
            Self::TotalMissing => "total-missing",
            Self::TotalSuperfluous => "total-superfluous",
        }
    }

    /// The invariant of ARCHITECTURE.md that it breaks, if it has a number.
    pub const fn invariant(self) -> Option<&'static str> {
        match self {
            Self::EventRepeated => Some("I1"),
            Self::PositionGap
            | Self::PositionRepeated
            | Self::VersionGap
            | Self::VersionRepeated => Some("I2"),
            Self::ShardMissing | Self::ShardUnknown | Self::ShardUnclaimed => Some("I3"),
            Self::TotalWrong => Some("I4"),
            Self::EventUnreadable
            | Self::EventForeign
            | Self::EventImpossible
            | Self::StateMissing
            | Self::StateWithoutEvents
            | Self::StateDiffers
            | Self::LineMissing
            | Self::LineRepeated
            | Self::LineSuperfluous
            | Self::ListedToWrong
            | Self::TotalMissing
            | Self::TotalSuperfluous => Some("I5"),
            Self::CommandDiffers | Self::CommandRepeated | Self::KeyDiffers => Some("I8"),
            Self::FileDamaged
            | Self::SchemaDiffers
            | Self::ShardCountUnreadable
            | Self::IdMalformed
            | Self::ShardWrong
            | Self::SlotDiffers
            | Self::AccountMissing
            | Self::ReferenceRepeated => None,
        }
    }
}

/// One violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The kind of violation.
    pub kind: ViolationKind,
    /// Where it is, as far as that is known.
    pub location: Location,
    /// The stored value, on one line.
    pub found: String,
    /// The expected value, on one line.
    pub expected: String,
}

impl Violation {
    pub(crate) fn new(
        kind: ViolationKind,
        location: Location,
        found: impl fmt::Display,
        expected: impl fmt::Display,
    ) -> Self {
        let (found, expected) = excerpts(&found.to_string(), &expected.to_string());
        Self {
            kind,
            location,
            found,
            expected,
        }
    }
}

/// One line: `I2 version-gap: order 0192…, version 3: found …, expected …`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(invariant) = self.kind.invariant() {
            write!(f, "{invariant} ")?;
        }
        let Self {
            kind,
            location,
            found,
            expected,
        } = self;
        let kind = kind.name();
        write!(f, "{kind}: {location}: found {found}, expected {expected}")
    }
}

/// Both on one line, cut around their first difference.
fn excerpts(found: &str, expected: &str) -> (String, String) {
    let same = found
        .chars()
        .zip(expected.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let long = |text: &str| text.chars().nth(VALUE_CHARS_MAX).is_some();
    let from = if long(found) || long(expected) {
        same.saturating_sub(BEFORE_DIFFERENCE)
    } else {
        0
    };
    (excerpt(found, from), excerpt(expected, from))
}

fn excerpt(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let mut shown = String::from(if from > 0 { "…" } else { "" });
    for c in rest.by_ref().take(VALUE_CHARS_MAX) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use fritzy_domain::Kind;

    use super::*;

    #[test]
    fn violation_is_one_bounded_line_around_the_difference() {
        let before = "é\n".repeat(2_000);
        let violation = Violation::new(
            ViolationKind::StateDiffers,
            Location::entity(Some(Kind::Product), &[1; 16])
                .version(4)
                .field("description"),
            format!("{before}found"),
            format!("{before}other{before}"),
        );
        let line = violation.to_string();
        assert!(
            !line.contains('\n') && line.chars().count() < 1_000,
            "{line}"
        );
        let id = "01010101-0101-0101-0101-010101010101";
        let begin = format!("I5 state-differs: product {id}, version 4, description: found …");
        assert!(line.starts_with(&begin), "{line}");
        assert!(line.contains("\\nfound, expected …"), "{line}");
        assert!(line.contains("\\nother") && line.ends_with('…'), "{line}");
    }
}
