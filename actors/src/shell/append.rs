//! Turning decided events into an append to the journal.

use fritzy_domain::{Append, Event, EventId, State};
use fritzy_types::ShardLease;
use uuid::Uuid;

use crate::request::Request;

/// The append of decided events to an entity at version `after`, with the resulting state.
pub(crate) fn build_append(
    lease: ShardLease,
    before: Option<State>,
    after: u64,
    events: Vec<Event>,
    request: &Request,
) -> Append {
    let state = events
        .iter()
        .fold(before, State::evolve)
        .expect("decided events lead to a state");
    Append {
        lease,
        entity: state.id(),
        expected_version: after,
        command: request.command,
        fingerprint: request.fingerprint,
        events: events
            .into_iter()
            .map(|event| (EventId::from_uuid(Uuid::new_v4()), event))
            .collect(),
        state,
        deadline: request.deadline,
    }
}
