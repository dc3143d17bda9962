//! What an entity does when one operation after the other is executed: the sequential specification
//! that a history must be explained by.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

use todc_utils::specifications::Specification;

use super::chain::Chain;
use crate::observation::{Change, Outcome, Quote, View};

/// One operation on an entity, with its outcome.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// A read saw this, or that there is no entity.
    Read(Option<View>),
    /// A read of the history saw these changes.
    ReadHistory(Vec<Change>),
    /// An order was placed at this name and price.
    Quoted(Quote),
    /// A change was requested.
    Change {
        change: Change,
        key: Option<String>,
        expected: Option<u64>,
        outcome: Outcome,
        /// What others have seen at each version.
        seen: Arc<Seen>,
    },
    /// Everything behind this version was lost.
    Lose(u64),
    /// An operation at the time of a loss. A node that has not noticed it yet may still respond
    /// from memory, by the last state before it.
    AtLoss(Box<Operation>),
}

/// What was seen at each version, by generation. It tells where an operation of unknown outcome can
/// have had its effect, which saves the checker from trying all orders of such operations.
#[derive(Debug, Default)]
pub(super) struct Seen {
    views: HashMap<(u32, u64), HashSet<View>>,
    newest: HashMap<u32, u64>,
    /// The generation in which no operation can tell whether anything happened behind the newest
    /// version that was seen: one saw that version after all others had ended.
    closed: Option<u32>,
}

/// Where an operation of unknown outcome stands.
enum Effect {
    /// It may have made this view.
    Possible,
    /// Something else was seen at this version.
    Impossible,
    /// If it had an effect here, nobody could tell.
    Invisible,
}

impl Seen {
    /// Notes what an operation saw that certainly belongs to a generation.
    pub(super) fn note(&mut self, losses: u32, view: &View) {
        let at = self.views.entry((losses, view.version)).or_default();
        at.insert(view.clone());
        let newest = self.newest.entry(losses).or_default();
        *newest = view.version.max(*newest);
    }

    /// Notes that the newest version of a generation was seen after all other operations.
    pub(super) fn close(&mut self, losses: u32) {
        self.closed = Some(losses);
    }

    /// Whether it can matter that an operation of unknown outcome had its effect in a generation:
    /// something of it was seen, or a version that nobody saw may be its.
    pub(super) fn can_matter(&self, losses: u32, change: &Change) -> bool {
        if self.closed != Some(losses) {
            return true;
        }
        let is_seen = |view: &View| match change {
            Change::Renamed(name) => view.name == *name,
            Change::Repriced(price) => view.price == *price,
            _ => true,
        };
        let newest = self.newest.get(&losses).copied().unwrap_or_default();
        (1..=newest).any(|version| {
            let seen = self.views.get(&(losses, version));
            seen.is_none_or(|seen| seen.iter().any(is_seen))
        })
    }

    fn effect(&self, losses: u32, view: &View) -> Effect {
        let newest = self.newest.get(&losses).copied().unwrap_or_default();
        match self.views.get(&(losses, view.version)) {
            Some(seen) if seen.contains(view) => Effect::Possible,
            Some(_) => Effect::Impossible,
            None if self.closed == Some(losses) && view.version > newest => Effect::Invisible,
            None => Effect::Possible,
        }
    }
}

thread_local! {
    /// When the checker on this thread gives up.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The payload with which a checker unwinds whose time is spent: it has no other way to stop.
pub(super) struct TimeSpent;

/// Sets when the checker on this thread unwinds with [`TimeSpent`].
pub(super) fn give_up_at(deadline: Instant) {
    DEADLINE.set(Some(deadline));
}

/// An account, a product or an order.
pub(super) struct Entity;

impl Specification for Entity {
    type State = Chain;
    type Operation = Operation;

    fn init() -> Chain {
        Chain::default()
    }

    fn apply(operation: &Operation, state: &Chain) -> (bool, Chain) {
        if DEADLINE
            .get()
            .is_some_and(|deadline| Instant::now() > deadline)
        {
            resume_unwind(Box::new(TimeSpent));
        }
        let unchanged = |is_valid| (is_valid, state.clone());
        match operation {
            Operation::Read(seen) => unchanged(state.view() == seen.as_ref()),
            Operation::ReadHistory(changes) => unchanged(state.is(changes)),
            Operation::Quoted(quote) => unchanged(state.view().is_some_and(|product| {
                (&product.name, product.price) == (&quote.name, quote.price)
            })),
            Operation::Lose(version) => match state.back_to(*version) {
                Some(left) if state.losses == 0 => (true, left),
                _ => unchanged(false),
            },
            Operation::AtLoss(operation) => {
                let (is_valid, after) = Self::apply(operation, state);
                let on_left = || {
                    let left = state.left()?;
                    let (is_valid, after) = Self::apply(operation, &left);
                    // Nothing is written on that line any more.
                    Some(is_valid && after == left)
                };
                match is_valid {
                    true => (true, after),
                    false => unchanged(on_left().unwrap_or(false)),
                }
            }
            Operation::Change {
                change,
                key,
                expected,
                outcome,
                seen,
            } => {
                let made = key.as_deref().and_then(|key| state.made_under(key));
                let is_expected = expected.is_none_or(|expected| expected == state.version());
                let after = state.after(change);
                match (outcome, made) {
                    // A repeated request gets the original response.
                    (Outcome::Seen(view), Some(made)) => unchanged(view == made),
                    (Outcome::Seen(view), None) => match after {
                        Some(after) if is_expected && after == *view => {
                            (true, state.with(change, key.as_deref(), after))
                        }
                        _ => unchanged(false),
                    },
                    (Outcome::Unknown(_), Some(_)) => unchanged(true),
                    (Outcome::Unknown(_), None) => match after {
                        Some(after) if is_expected => match seen.effect(state.losses, &after) {
                            Effect::Possible => (true, state.with(change, key.as_deref(), after)),
                            Effect::Impossible => unchanged(false),
                            Effect::Invisible => unchanged(true),
                        },
                        // It would have been rejected.
                        _ => unchanged(true),
                    },
                    (Outcome::VersionMismatch, None) => unchanged(!is_expected),
                    (Outcome::Illegal, None) => unchanged(after.is_none()),
                    (Outcome::NotFound, None) => unchanged(state.view().is_none()),
                    // A request that was done is never rejected when it is repeated.
                    (_, Some(_)) => unchanged(false),
                    (Outcome::SeenHistory(_) | Outcome::NotDone(_), None) => unchanged(true),
                }
            }
        }
    }
}
