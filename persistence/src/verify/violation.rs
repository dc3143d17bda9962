//! One thing that is wrong: which rule, where, what was found, and what should stand there.

use std::fmt;

use fritzy_domain::Kind;
use uuid::Uuid;

/// Characters of a found or expected value that are told. A description has 4 000; what differs is shown.
const VALUE_CHARS_MAX: usize = 200;
/// Characters before the first difference, so that one sees where it is.
const BEFORE_DIFFERENCE: usize = 20;

/// The rules. `docs/reference/verify.md` says of each what it means.
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
}

impl ViolationKind {
    /// The name that is printed; once published, it stays.
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
        }
    }

    /// The invariant of ARCHITECTURE.md that it breaks, where it has a number.
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
            | Self::StateDiffers => Some("I5"),
            Self::CommandDiffers | Self::CommandRepeated | Self::KeyDiffers => Some("I8"),
            Self::FileDamaged
            | Self::SchemaDiffers
            | Self::ShardCountUnreadable
            | Self::IdMalformed
            | Self::ShardWrong
            | Self::SlotDiffers
            | Self::AccountMissing => None,
        }
    }
}

/// Where something is: as much as is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What of the database, where it is neither shard nor entity: an index, a table, a part of the check.
    pub part: Option<String>,
    /// The shard that a row names.
    pub shard: Option<i64>,
    /// The position in the shard.
    pub position: Option<i64>,
    /// The kind of the entity.
    pub kind: Option<Kind>,
    /// The entity's id: a UUID, or the bytes that stand in its place.
    pub id: Option<String>,
    /// The version of the entity.
    pub version: Option<i64>,
    /// The column of a state row; a line of an order as `lines[2]`.
    pub field: Option<String>,
}

impl Place {
    pub(crate) fn part(part: impl Into<String>) -> Self {
        Self {
            part: Some(part.into()),
            ..Self::default()
        }
    }

    pub(crate) fn position(shard: i64, position: Option<i64>) -> Self {
        Self {
            shard: Some(shard),
            position,
            ..Self::default()
        }
    }

    pub(crate) fn entity(kind: Option<Kind>, id: &[u8]) -> Self {
        Self {
            kind,
            id: Some(id_text(id)),
            ..Self::default()
        }
    }

    pub(crate) fn version(self, version: i64) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    pub(crate) fn at(self, shard: i64, position: i64) -> Self {
        Self {
            shard: Some(shard),
            position: Some(position),
            ..self
        }
    }

    pub(crate) fn field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.part.clone());
        parts.extend(self.shard.map(|shard| format!("shard {shard}")));
        parts.extend(self.position.map(|position| format!("position {position}")));
        if let Some(id) = &self.id {
            match self.kind {
                Some(kind) => parts.push(format!("{kind} {id}")),
                None => parts.push(format!("entity {id}")),
            }
        }
        parts.extend(self.version.map(|version| format!("version {version}")));
        parts.extend(self.field.clone());
        f.write_str(&parts.join(", "))
    }
}

/// An id as clients write it; what is no id, as its bytes.
pub(crate) fn id_text(id: &[u8]) -> String {
    const BYTES_MAX: usize = 32;
    match Uuid::from_slice(id) {
        Ok(id) => id.hyphenated().to_string(),
        Err(_) => {
            let shown = &id[..id.len().min(BYTES_MAX)];
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{hex}' ({} bytes)", id.len())
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub kind: ViolationKind,
    /// Where.
    pub place: Place,
    /// What stands there, on one line.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl Violation {
    pub(crate) fn new(
        kind: ViolationKind,
        place: Place,
        found: impl fmt::Display,
        expected: impl fmt::Display,
    ) -> Self {
        let (found, expected) = excerpts(&found.to_string(), &expected.to_string());
        Self {
            kind,
            place,
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
            place,
            found,
            expected,
        } = self;
        let kind = kind.name();
        write!(f, "{kind}: {place}: found {found}, expected {expected}")
    }
}

/// Both on one line, cut to where they differ.
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
    use super::*;

    #[test]
    fn a_violation_is_one_bounded_line_that_shows_what_differs() {
        let before = "é\n".repeat(2_000);
        let violation = Violation::new(
            ViolationKind::StateDiffers,
            Place::entity(Some(Kind::Product), &[1; 16])
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

    #[test]
    fn what_is_no_id_is_shown_as_it_stands() {
        assert_eq!(id_text(&[0xAB, 1]), "x'ab01' (2 bytes)");
        assert!(id_text(&[7; 5_000]).ends_with(" (5000 bytes)"));
    }
}
