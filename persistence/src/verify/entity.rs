//! Checks the events of one entity, in order, and its state row: versions, routing, fold, total.

use fritzy_domain::{Event, Kind, OrderCreated, OrderEvent, RequestedLine, State, check_lines};
use fritzy_types::{ShardCount, Slot};
use uuid::Uuid;

use super::findings::Findings;
use super::list_rows::Listed;
use super::location::{Location, id_text};
use super::source::{EventRow, StateRow};
use super::violation::ViolationKind;
use super::{lines, states, totals};

/// The kinds of state rows, in the order in which rows are passed to [`EntityCheck::finish`].
pub(super) const KINDS: [Kind; 3] = [Kind::Account, Kind::Product, Kind::Order];

/// One entity under check.
pub(super) struct EntityCheck {
    id: Vec<u8>,
    shards: Option<ShardCount>,
    /// The kind of the first event whose type is known.
    kind: Option<Kind>,
    /// Whether the entity has an event.
    seen: bool,
    /// The version of the last event; 0 before the first.
    last: i64,
    state: Option<State>,
    /// Whether every event so far exists, could be read, and belongs to this entity.
    complete: bool,
    /// The command of a keyed creation.
    creation_key: Option<Vec<u8>>,
}

impl EntityCheck {
    pub(super) fn new(id: Vec<u8>, shards: Option<ShardCount>) -> Self {
        Self {
            id,
            shards,
            kind: None,
            seen: false,
            last: 0,
            state: None,
            complete: true,
            creation_key: None,
        }
    }

    pub(super) fn id(&self) -> &[u8] {
        &self.id
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, row: &EventRow, findings: &mut Findings) {
        self.seen = true;
        let kind = kind_of(&row.event_type);
        self.kind = self.kind.or(kind);
        let location = self.location().version(row.key.version);
        let location = location.at(row.shard, row.position);
        self.check_routing(row, &location, findings);
        if !self.check_version(row, &location, findings) {
            return;
        }
        let event = std::str::from_utf8(&row.payload)
            .map_err(|failure| failure.to_string())
            .and_then(|payload| {
                Event::decode(&row.event_type, payload).map_err(|failure| failure.to_string())
            });
        let event = match event {
            Ok(event) => event,
            Err(failure) => {
                self.complete = false;
                let rule = ViolationKind::EventUnreadable;
                let expected = "JSON of a known type of event";
                return findings.add(rule, location, failure, expected);
            }
        };
        if let Some(own) = self.kind
            && own != event.kind()
        {
            self.complete = false;
            let (rule, found) = (ViolationKind::EventForeign, event.event_type());
            return findings.add(rule, location, found, format_args!("an event of the {own}"));
        }
        let named = event.entity();
        if named.as_uuid().as_bytes()[..] != self.id {
            let rule = ViolationKind::EventForeign;
            let found = format_args!("an event that names {named}");
            findings.add(rule, location.clone(), found, id_text(&self.id));
        }
        self.check_creation(row, &event, &location, findings);
        self.check_total(&event, &location, findings);
        self.check_order(&event, &location, findings);
        // After a gap, the state is not known.
        if self.complete && !State::allows(self.state.as_ref(), &event) {
            let rule = ViolationKind::EventImpossible;
            let found = format_args!("{} {}", event.event_type(), self.before());
            findings.add(rule, location, found, "an event that the rules allow there");
        }
        self.state = State::evolve(self.state.take(), &event);
    }

    /// Checks the entity's state rows, one for each of [`KINDS`], and its rows in the tables of
    /// orders. `unknown` says for which kinds some state rows cannot be read.
    pub(super) fn finish(
        self,
        rows: [Option<StateRow>; 3],
        listed: &Listed,
        unknown: [bool; 3],
        findings: &mut Findings,
    ) {
        let mut found_own = false;
        for (kind, row) in KINDS.into_iter().zip(rows) {
            let Some(row) = row else { continue };
            let location = Location::entity(Some(kind), &self.id);
            if !self.seen || self.kind.is_some_and(|own| own != kind) {
                let rule = ViolationKind::StateWithoutEvents;
                let found = format_args!("a state row at version {}", row.version);
                findings.add(rule, location, found, "events that lead to it");
                continue;
            }
            found_own = true;
            let location = location.version(self.last);
            if row.version != self.last {
                let (rule, location) = (
                    ViolationKind::StateDiffers,
                    location.clone().field("version"),
                );
                findings.add(rule, location, row.version, self.last);
            }
            if let Some(state) = &self.state
                && state.id().kind() == kind
            {
                let key = self.creation_key.as_deref();
                states::compare(&row, state, key, self.complete, &location, findings);
            }
        }
        self.check_listed(listed, findings);
        let mut kinds = KINDS.into_iter().zip(unknown);
        let unreadable =
            kinds.any(|(kind, unknown)| unknown && self.kind.is_none_or(|own| own == kind));
        if self.seen && !found_own && !unreadable {
            let (rule, location) = (
                ViolationKind::StateMissing,
                self.location().version(self.last),
            );
            findings.add(rule, location, "no state row", "the fold of its events");
        }
    }

    /// Lines and totals never change after the creation, so later events do not matter.
    fn check_listed(&self, listed: &Listed, findings: &mut Findings) {
        let lines = listed.lines.as_deref().unwrap_or_default();
        let totals = listed.totals.as_deref().unwrap_or_default();
        match &self.state {
            Some(State::Order(order)) => {
                if listed.lines.is_some() {
                    lines::compare(lines, order, listed.is_complete, findings);
                }
                if listed.totals.is_some() {
                    totals::compare(totals, order, listed.is_complete, findings);
                }
            }
            // Its creation is missing or unreadable, which is reported.
            None if self.seen && self.kind.is_none_or(|kind| kind == Kind::Order) => {}
            _ => {
                lines
                    .iter()
                    .for_each(|row| lines::superfluous(row, findings));
                totals
                    .iter()
                    .for_each(|row| totals::superfluous(row, findings));
            }
        }
    }

    fn location(&self) -> Location {
        Location::entity(self.kind, &self.id)
    }

    fn before(&self) -> String {
        match &self.state {
            None => "before any creation".into(),
            Some(State::Order(order)) => format!("of an order that is {}", order.status),
            Some(_) => "of one that exists, or is closed or withdrawn".into(),
        }
    }

    /// Versions are 1..n (invariant I2). Returns `false` when another event has this version
    /// already.
    fn check_version(
        &mut self,
        row: &EventRow,
        location: &Location,
        findings: &mut Findings,
    ) -> bool {
        let (found, expected) = (row.key.version, self.last.saturating_add(1));
        if found == expected {
            self.last = found;
            return true;
        }
        if found == self.last && found > 0 {
            let rule = ViolationKind::VersionRepeated;
            findings.add(
                rule,
                location.clone(),
                "a second event",
                "one event for a version",
            );
            return false;
        }
        self.complete = false;
        let missing = self.location().version(expected);
        let next = format_args!("no event; the next is version {found}");
        findings.add(ViolationKind::VersionGap, missing, next, "an event");
        self.last = found;
        true
    }

    /// The shard must be that of the id's slot.
    fn check_routing(&self, row: &EventRow, location: &Location, findings: &mut Findings) {
        let Ok(id) = Uuid::from_slice(&self.id) else {
            let rule = ViolationKind::IdMalformed;
            return findings.add(rule, location.clone(), id_text(&self.id), "16 bytes");
        };
        let Some(shards) = self.shards else { return };
        let expected = i64::from(shards.shard_of(slot_of(id)).0);
        if row.shard != expected {
            let (rule, found) = (ViolationKind::ShardWrong, format!("shard {}", row.shard));
            findings.add(
                rule,
                location.clone(),
                found,
                format_args!("shard {expected}"),
            );
        }
    }

    /// The id of a created entity derives from its command (invariant I8).
    fn check_creation(
        &mut self,
        row: &EventRow,
        event: &Event,
        location: &Location,
        findings: &mut Findings,
    ) {
        if !State::allows(None, event) || self.state.is_some() {
            return;
        }
        self.creation_key = row.fingerprint.is_some().then(|| row.command.clone());
        let named = event.entity();
        let mut derived = row.command.clone();
        if let Event::Order(OrderEvent::Created(OrderCreated { account_id, .. })) = event {
            if named.slot() != account_id.slot() {
                let rule = ViolationKind::SlotDiffers;
                let (found, expected) = (named.slot().0, account_id.slot().0);
                let expected = format_args!("slot {expected} of account {account_id}");
                findings.add(rule, location.clone(), format!("slot {found}"), expected);
                return;
            }
            if let Ok(command) = Uuid::from_slice(&row.command) {
                let command = fritzy_domain::CommandId::from_uuid(command);
                derived = command.new_order(*account_id).as_uuid().as_bytes().to_vec();
            }
        }
        if derived != self.id {
            let rule = ViolationKind::CommandDiffers;
            let found = format_args!("command {}", id_text(&row.command));
            findings.add(
                rule,
                location.clone(),
                found,
                "the command that its id derives from",
            );
        }
    }

    /// No order holds what the domain rejects, even if event and row agree.
    fn check_order(&self, event: &Event, location: &Location, findings: &mut Findings) {
        let rule = ViolationKind::EventImpossible;
        match event {
            Event::Order(OrderEvent::Created(created)) => {
                let requested = created.lines.iter().map(|line| RequestedLine {
                    product_id: line.product_id,
                    quantity: line.quantity.into(),
                });
                let requested: Vec<RequestedLine> = requested.collect();
                if let Err(refusal) = check_lines(&requested) {
                    let found = format_args!("lines that are refused: {refusal}");
                    findings.add(rule, location.clone(), found, "lines that the rules allow");
                }
            }
            Event::Order(OrderEvent::Completed(completed)) => {
                if let Some(State::Order(order)) = &self.state
                    && completed.account_id != order.account_id
                {
                    let found = format_args!("a completion for account {}", completed.account_id);
                    findings.add(rule, location.clone(), found, order.account_id);
                }
            }
            _ => {}
        }
    }

    /// A total is the sum over the lines (invariant I4).
    fn check_total(&self, event: &Event, location: &Location, findings: &mut Findings) {
        let (found, expected) = match event {
            Event::Order(OrderEvent::Created(created)) => {
                // Neither factor can make a sum of 128 bits overflow in any text that fits a row.
                let sum: i128 = created
                    .lines
                    .iter()
                    .map(|line| i128::from(line.unit_price_minor) * i128::from(line.quantity))
                    .sum();
                (created.total, sum)
            }
            Event::Order(OrderEvent::Completed(completed)) => match &self.state {
                Some(State::Order(order)) => (completed.total, order.total.minor_units().into()),
                _ => return,
            },
            _ => return,
        };
        if i128::from(found.minor_units()) != expected {
            let (rule, found) = (ViolationKind::TotalWrong, found.minor_units());
            let expected = format_args!("{expected}, the sum over its lines");
            findings.add(rule, location.clone(), found, expected);
        }
    }
}

fn kind_of(event_type: &str) -> Option<Kind> {
    let (kind, _) = event_type.split_once('.')?;
    KINDS.into_iter().find(|known| known.to_string() == kind)
}

fn slot_of(id: Uuid) -> Slot {
    // All kinds of id carry their slot in the same way.
    fritzy_domain::EntityId::from_uuid(Kind::Account, id).slot()
}
