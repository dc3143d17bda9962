//! The history of each entity, given to a checker that is kept elsewhere (`todc-utils`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};

use super::chain::views;
use super::loss::{Loss, Losses};
use super::specification::{Entity, Operation, Seen, TimeSpent, give_up_at};
use super::verdict::Finding;
use crate::observation::{Attempt, Outcome, Request, View};

/// Operations that a finding shows before the one that cannot be explained.
const SHOWN: usize = 12;

/// An operation and the time within which it had its effect.
#[derive(Debug, Clone)]
struct Timed {
    operation: Operation,
    began_us: u64,
    /// `None` if it may have its effect at any later time.
    ended_us: Option<u64>,
    /// How many losses certainly precede it; `None` if that is open.
    losses: Option<u32>,
    /// For people.
    label: String,
}

impl Timed {
    /// The same, if it was in progress while nodes had not noticed the loss yet: from the kill of
    /// the old primary on. What has no response is left as it is.
    fn at(mut self, loss: &Loss) -> Self {
        let is_then = self.began_us <= loss.seen_until_us
            && self.ended_us.is_some_and(|end| end >= loss.seen_from_us);
        if is_then {
            self.operation = Operation::AtLoss(Box::new(self.operation));
        }
        self
    }
}

/// Whether a history can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Explained {
    Yes,
    No,
    /// The time was spent.
    Unknown,
}

/// Checks the history of each entity for linearizability. Operations of unknown outcome may have
/// their effect at any time after they began, or never. `kept_version` is the version to which an
/// entity went back at the loss. A checker that needs longer than `budget` for an entity gives up,
/// which is a finding.
#[must_use]
pub fn check_linearizability(
    attempts: &[Attempt],
    losses: &Losses,
    kept_version: impl Fn(&str) -> Option<u64>,
    budget: Duration,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (entity, mut history) in histories(attempts, losses.0.as_ref()) {
        if let (Some(loss), Some(kept)) = (&losses.0, kept_version(&entity)) {
            history = history.into_iter().map(|it| it.at(loss)).collect();
            history.push(Timed {
                operation: Operation::Lose(kept),
                began_us: loss.seen_from_us,
                ended_us: Some(loss.seen_until_us),
                losses: None,
                label: format!("everything behind version {kept} is lost"),
            });
        }
        match explain(history.clone(), budget) {
            Explained::Yes => {}
            Explained::Unknown => findings.push(Finding::NotChecked(format!(
                "{entity}: {} operations were not explained within {budget:?}",
                history.len()
            ))),
            Explained::No => {
                let at = first_unexplained(&history, budget);
                findings.push(Finding::Violation(format!(
                    "I3: the history of {entity} is not linearizable:\n{at}"
                )));
            }
        }
    }
    findings
}

/// The operations of each entity. Requests whose entity nobody knows have none: they are orders
/// that no response has named.
fn histories(attempts: &[Attempt], loss: Option<&Loss>) -> BTreeMap<String, Vec<Timed>> {
    let named: HashMap<(usize, u64), (&str, &Attempt)> = attempts
        .iter()
        .filter_map(|attempt| {
            let entity = attempt.entity.as_deref()?;
            Some(((attempt.client, attempt.request), (entity, attempt)))
        })
        .collect();
    let entity_of = |attempt: &Attempt| {
        let request = (attempt.client, attempt.request);
        named.get(&request).map(|(entity, _)| (*entity).to_owned())
    };
    let mut histories: BTreeMap<String, Vec<Timed>> = BTreeMap::new();
    let mut began: HashMap<(usize, u64), u64> = HashMap::new();
    for attempt in attempts {
        let first = began.entry((attempt.client, attempt.request));
        let first_us = *first.or_insert(attempt.began_us);
        let Some(entity) = entity_of(attempt) else {
            continue;
        };
        if let Some(quote) = &attempt.quote {
            // An earlier attempt may have placed the order.
            histories
                .entry(quote.product.clone())
                .or_default()
                .push(Timed {
                    operation: Operation::Quoted(quote.clone()),
                    began_us: first_us,
                    ended_us: Some(attempt.ended_us),
                    losses: None,
                    label: format!("client {} placed an order at {quote:?}", attempt.client),
                });
        }
        let history = histories.entry(entity).or_default();
        history.extend(operation(attempt, generation(attempt, loss)));
    }
    histories
}

/// How many losses certainly precede an attempt; `None` if that is open.
fn generation(attempt: &Attempt, loss: Option<&Loss>) -> Option<u32> {
    match loss {
        None => Some(0),
        Some(loss) if attempt.ended_us < loss.seen_from_us => Some(0),
        Some(loss) if attempt.began_us > loss.seen_until_us => Some(1),
        Some(_) => None,
    }
}

/// The operation of an attempt; `None` if it neither has seen nor can have changed anything.
fn operation(attempt: &Attempt, losses: Option<u32>) -> Option<Timed> {
    let operation = match (&attempt.wanted, &attempt.outcome) {
        (_, Outcome::NotDone(_)) => return None,
        (Request::Read, Outcome::Seen(view)) => Operation::Read(Some(view.clone())),
        (Request::Read, Outcome::NotFound) => Operation::Read(None),
        (Request::ReadHistory, Outcome::SeenHistory(changes)) => {
            Operation::ReadHistory(changes.clone())
        }
        (Request::ReadHistory, Outcome::NotFound) => Operation::ReadHistory(Vec::new()),
        (Request::Read | Request::ReadHistory, _) => return None,
        (
            Request::Change {
                change,
                key,
                expected,
            },
            outcome,
        ) => Operation::Change {
            change: change.clone(),
            key: key.clone(),
            expected: *expected,
            outcome: outcome.clone(),
            seen: Arc::default(),
        },
    };
    let is_open = matches!(attempt.outcome, Outcome::Unknown(_));
    Some(Timed {
        operation,
        began_us: attempt.began_us,
        ended_us: (!is_open).then_some(attempt.ended_us),
        losses,
        label: format!(
            "client {}.{} at n{}: {:?}: {:?}",
            attempt.client,
            attempt.request,
            attempt.node + 1,
            attempt.wanted,
            attempt.outcome
        ),
    })
}

/// Runs the checker on a thread of its own, which gives up when its time is spent.
fn explain(history: Vec<Timed>, budget: Duration) -> Explained {
    if history.is_empty() {
        return Explained::Yes;
    }
    let actions = actions(with_seen(history));
    let checking = thread::spawn(move || {
        give_up_at(Instant::now() + budget);
        WGLChecker::<Entity>::is_linearizable(History::from_actions(actions))
    });
    match checking.join() {
        Ok(true) => Explained::Yes,
        Ok(false) => Explained::No,
        Err(panic) if panic.is::<TimeSpent>() => Explained::Unknown,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The same, where each change knows what was seen by all. Operations of unknown outcome of which
/// nobody can have seen anything are left out: each would double what the checker tries.
fn with_seen(mut history: Vec<Timed>) -> Vec<Timed> {
    let mut seen = Seen::default();
    for timed in &history {
        if let Some(losses) = timed.losses {
            for view in seen_by(&timed.operation) {
                seen.note(losses, &view);
            }
        }
    }
    let ends = history
        .iter()
        .filter(|timed| seen_by(&timed.operation).is_empty());
    let end_us = ends.filter_map(|timed| timed.ended_us).max().unwrap_or(0);
    let mut last = history.iter().filter(|timed| timed.began_us >= end_us);
    let last = last.find(|timed| !seen_by(&timed.operation).is_empty());
    if let Some(losses) = last.and_then(|timed| timed.losses) {
        seen.close(losses);
    }
    let has_loss = history
        .iter()
        .any(|timed| matches!(timed.operation, Operation::Lose(_)));
    history.retain(|timed| match &timed.operation {
        Operation::Change {
            change,
            outcome: Outcome::Unknown(_),
            ..
        } => {
            // What began before a loss may have its effect before or after it.
            let generations = match (has_loss, timed.losses) {
                (false, _) => 0..=0,
                (true, Some(1)) => 1..=1,
                (true, _) => 0..=1,
            };
            generations
                .into_iter()
                .any(|losses| seen.can_matter(losses, change))
        }
        _ => true,
    });
    let all = Arc::new(seen);
    for timed in &mut history {
        if let Operation::Change { seen, .. } = &mut timed.operation {
            *seen = all.clone();
        }
    }
    history
}

/// The views of an entity that an operation certainly saw; empty for one that tells no version.
fn seen_by(operation: &Operation) -> Vec<View> {
    match operation {
        Operation::Read(Some(view))
        | Operation::Change {
            outcome: Outcome::Seen(view),
            ..
        } => vec![view.clone()],
        Operation::ReadHistory(changes) => views(changes),
        Operation::AtLoss(operation) => seen_by(operation),
        _ => Vec::new(),
    }
}

/// Calls and responses in the order of time, each operation a process of its own. Of those at the
/// same time, calls come first: they are concurrent.
fn actions(history: Vec<Timed>) -> Vec<(usize, Action<Operation>)> {
    let mut actions = Vec::new();
    for (process, timed) in history.into_iter().enumerate() {
        let end = timed.ended_us.unwrap_or(u64::MAX);
        let call = Action::Call(timed.operation.clone());
        actions.push((timed.began_us, 0, process, call));
        actions.push((end, 1, process, Action::Response(timed.operation)));
    }
    actions.sort_by_key(|(at, order, _, _)| (*at, *order));
    let actions = actions.into_iter();
    actions
        .map(|(_, _, process, action)| (process, action))
        .collect()
}

/// The part of a history until a time. What had not ended by then is of unknown outcome.
fn until(history: &[Timed], end_us: u64) -> Vec<Timed> {
    let begun = history.iter().filter(|timed| timed.began_us <= end_us);
    begun
        .filter_map(|timed| {
            let mut timed = timed.clone();
            if timed.ended_us.is_some_and(|ended| ended > end_us) {
                timed.ended_us = None;
                if let Operation::AtLoss(operation) = timed.operation {
                    timed.operation = *operation;
                }
                match &mut timed.operation {
                    Operation::Change { outcome, .. } => {
                        *outcome = Outcome::Unknown("not ended".to_owned());
                    }
                    Operation::Lose(_) => {}
                    _ => return None,
                }
            }
            Some(timed)
        })
        .collect()
}

/// The first operation that ends a history which cannot be explained, and those before it.
fn first_unexplained(history: &[Timed], budget: Duration) -> String {
    let mut ends: Vec<(u64, &Timed)> = history
        .iter()
        .filter_map(|timed| Some((timed.ended_us?, timed)))
        .collect();
    ends.sort_by_key(|(end, _)| *end);
    // A part of a history that can be explained can be explained.
    let index =
        ends.partition_point(|(end, _)| explain(until(history, *end), budget) == Explained::Yes);
    let shown = ends
        .iter()
        .take(index + 1)
        .skip((index + 1).saturating_sub(SHOWN));
    let shown = shown.map(|(end, timed)| {
        let (from, until) = (timed.began_us as f64 / 1e6, *end as f64 / 1e6);
        format!("  {from:.6}-{until:.6} {}", timed.label)
    });
    let open = history.iter().filter(|timed| timed.ended_us.is_none());
    let open = open.map(|timed| format!("  {:.6}- {}", timed.began_us as f64 / 1e6, timed.label));
    shown.chain(open).collect::<Vec<_>>().join("\n")
}
