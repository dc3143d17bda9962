//! The decider of an entity: state and command lead to events, state and event to the next state.

use fritzy_types::Timestamp;

use crate::{CommandId, Rejection};

/// The inputs of a decision besides state and command.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    /// The timestamp of the decision.
    pub now: Timestamp,
    /// The command's id; the ids of entities that it creates derive from it.
    pub command: CommandId,
}

/// The rules of one kind of entity, as a
/// [decider](https://thinkbeforecoding.com/post/2021/12/17/functional-event-sourcing-decider).
pub trait Entity: Sized {
    /// The commands it accepts.
    type Command;
    /// The events it records.
    type Event;

    /// Decides a command on the state (`None`: the entity does not exist). Pure: the same arguments
    /// always give the same result.
    ///
    /// # Errors
    /// When a rule of the entity forbids the command; the state is unchanged.
    fn decide(
        state: Option<&Self>,
        command: Self::Command,
        context: &DecisionContext,
    ) -> Result<Vec<Self::Event>, Rejection>;

    /// The state after an event. Total: an event that is not allowed leaves the state unchanged.
    fn evolve(state: Option<Self>, event: &Self::Event) -> Option<Self>;
}
