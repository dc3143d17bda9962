//! Compares a state row with the fold of its entity's events, column by column (invariant I5).

use std::fmt;

use fritzy_domain::{Annotations, Kind, OrderLine, State};

use super::findings::Findings;
use super::location::{Location, id_text};
use super::source::{CREATION_KEY, LINES, StateRow, Value, columns};
use super::violation::ViolationKind;
use crate::rows::{metadata_json, reference_text};

/// How many of [`columns`] never change after the creation: they are compared even when later
/// events cannot be read.
const fn immutable_columns(kind: Kind) -> usize {
    match kind {
        Kind::Account | Kind::Product => 1,
        Kind::Order => 6,
    }
}

/// The values of [`columns`] according to the fold.
fn expected(state: &State, creation_key: Option<&[u8]>) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    match state {
        State::Account(account) => vec![
            Value::Int(account.created_at.as_micros()),
            text(&account.personal.name),
            Value::Int(account.closed.into()),
            reference(&account.annotations),
            metadata(&account.annotations),
        ],
        State::Product(product) => vec![
            Value::Int(product.created_at.as_micros()),
            text(&product.name),
            text(&product.description),
            Value::Int(product.price.minor_units()),
            text(product.price.currency().code()),
            Value::Int(product.withdrawn.into()),
            reference(&product.annotations),
            metadata(&product.annotations),
        ],
        State::Order(order) => vec![
            Value::Int(order.created_at.as_micros()),
            Value::Bytes(order.account_id.as_uuid().as_bytes().to_vec()),
            Value::Int(order.total.minor_units()),
            text(order.total.currency().code()),
            Value::Text(lines_text(&order.lines)),
            creation_key.map_or(Value::Null, |key| Value::Bytes(key.to_vec())),
            text(order.status.as_str()),
            order.cancel_reason.as_deref().map_or(Value::Null, text),
            reference(&order.annotations),
            metadata(&order.annotations),
        ],
    }
}

fn reference(annotations: &Annotations) -> Value {
    let reference = reference_text(annotations);
    reference.map_or(Value::Null, |text| Value::Text(text.to_owned()))
}

fn metadata(annotations: &Annotations) -> Value {
    metadata_json(annotations).map_or(Value::Null, Value::Text)
}

/// Compares a row with the fold; `complete` says whether every event of the entity is in the fold.
pub(super) fn compare(
    row: &StateRow,
    state: &State,
    creation_key: Option<&[u8]>,
    complete: bool,
    location: &Location,
    findings: &mut Findings,
) {
    let kind = state.id().kind();
    let known = if complete {
        usize::MAX
    } else {
        immutable_columns(kind)
    };
    let expected = expected(state, creation_key);
    let pairs = columns(kind).iter().zip(row.columns.iter().zip(&expected));
    for (column, (found, expected)) in pairs.take(known) {
        if found == expected {
            continue;
        }
        let rule = if *column == CREATION_KEY {
            ViolationKind::KeyDiffers
        } else {
            ViolationKind::StateDiffers
        };
        if *column == LINES && compare_lines(found, state, location, findings) {
            continue;
        }
        findings.add(rule, location.clone().field(*column), found, expected);
    }
}

/// Reports the lines that differ, if the number of lines is right. Returns `false` if it is not.
fn compare_lines(
    found: &Value,
    state: &State,
    location: &Location,
    findings: &mut Findings,
) -> bool {
    let (Value::Text(found), State::Order(order)) = (found, state) else {
        return false;
    };
    let Ok(lines) = serde_json::from_str::<Vec<OrderLine>>(found) else {
        return false;
    };
    if lines.len() != order.lines.len() || lines == order.lines {
        return false;
    }
    let pairs = lines.iter().zip(&order.lines).enumerate();
    for (index, (found, expected)) in pairs.filter(|(_, (found, expected))| found != expected) {
        let [found, expected] =
            [found, expected].map(|line| lines_text(std::slice::from_ref(line)));
        let location = location.clone().field(format!("lines[{index}]"));
        findings.add(ViolationKind::StateDiffers, location, found, expected);
    }
    true
}

fn lines_text(lines: &[OrderLine]) -> String {
    serde_json::to_string(lines).expect("lines hold only strings and integers")
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Bytes(bytes) => f.write_str(&id_text(bytes)),
        }
    }
}
