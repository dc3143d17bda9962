//! How an entity decides: a command against a state gives events, and an event gives the next state.

use fritzy_types::Timestamp;

use crate::{CommandId, Rejection};

/// What `decide` may know besides state and command.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext {
    /// The moment of the decision.
    pub now: Timestamp,
    /// The command being decided; ids of what it creates derive from it.
    pub command: CommandId,
}

/// The rules of one kind of entity.
pub trait Entity: Sized {
    /// What it can be asked to do.
    type Command;
    /// What can have happened to it.
    type Event;

    /// Decides a command against the state (`None`: it does not exist). Pure: the same arguments
    /// always decide the same.
    ///
    /// # Errors
    /// A [`Rejection`] when the command cannot be; nothing has happened then.
    fn decide(
        state: Option<&Self>,
        command: Self::Command,
        env: &DecisionContext,
    ) -> Result<Vec<Self::Event>, Rejection>;

    /// The state after an event. Total: an event that cannot follow leaves the state as it is.
    fn evolve(state: Option<Self>, event: &Self::Event) -> Option<Self>;
}
