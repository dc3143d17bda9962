//! What clients were told, compared with the journal: lost updates, double effects, and changes
//! that were refused or that nobody has requested.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;

use fritzy_domain::{AccountEvent, EntityId, Event, OrderEvent, ProductEvent, RecordedEvent};
use fritzy_types::{ShardCount, ShardId};

use super::loss::Losses;
use super::verdict::Finding;
use crate::observation::{Attempt, Change, Outcome, View};

/// The events of each entity, in the order of their versions.
pub type Journal = BTreeMap<EntityId, Vec<RecordedEvent>>;

/// All attempts of one request for a change.
struct Requested<'a> {
    attempts: Vec<&'a Attempt>,
    change: &'a Change,
}

impl Requested<'_> {
    /// What it has made, by the first response that says so, and the attempt that got it.
    fn acknowledged(&self) -> Option<(&Attempt, &View)> {
        self.attempts.iter().find_map(|attempt| {
            let Outcome::Seen(view) = &attempt.outcome else {
                return None;
            };
            Some((*attempt, view))
        })
    }

    fn may_be_done(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.may_be_done())
    }
}

/// Compares the attempts of all clients with the journal. Acknowledged changes may be missing only
/// where the system says so: behind the position that is kept in their shard, and no more of them
/// than it names as lost.
#[must_use]
pub fn check_journal(
    attempts: &[Attempt],
    journal: &Journal,
    losses: &Losses,
    shards: ShardCount,
) -> Vec<Finding> {
    let mut check = Check {
        placed: Placed::of(journal),
        losses,
        shards,
        journal,
        lost: BTreeMap::new(),
        findings: Vec::new(),
    };
    let requests = requests(attempts);
    for requested in requests.values() {
        check.request(requested);
    }
    check.require_requested(&requests);
    check.require_quotes();
    check.require_named();
    check.findings
}

fn requests(attempts: &[Attempt]) -> BTreeMap<(usize, u64), Requested<'_>> {
    let mut requests: BTreeMap<_, Requested<'_>> = BTreeMap::new();
    for attempt in attempts {
        if let Some(change) = attempt.change() {
            let requested = requests
                .entry((attempt.client, attempt.request))
                .or_insert_with(|| Requested {
                    attempts: Vec::new(),
                    change,
                });
            requested.attempts.push(attempt);
        }
    }
    requests
}

/// A change, and the entity where only that makes it one certain change.
type ChangeKey = (Option<String>, Change);

/// Where the journal has each change.
struct Placed(HashMap<ChangeKey, Vec<(EntityId, u64)>>);

impl Placed {
    fn of(journal: &Journal) -> Self {
        let mut placed: HashMap<_, Vec<_>> = HashMap::new();
        for (entity, events) in journal {
            for event in events {
                if let Some(change) = change_of(&event.event) {
                    let key = Self::key(&name(*entity), change);
                    placed
                        .entry(key)
                        .or_default()
                        .push((*entity, event.version));
                }
            }
        }
        Self(placed)
    }

    /// Changes that are not unique are looked for in their entity.
    fn key(entity: &str, change: Change) -> ChangeKey {
        let entity = (!change.is_unique()).then(|| entity.to_owned());
        (entity, change)
    }

    fn find(&self, entity: Option<&str>, change: &Change) -> &[(EntityId, u64)] {
        let key = Self::key(entity.unwrap_or_default(), change.clone());
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }
}

struct Check<'a> {
    placed: Placed,
    losses: &'a Losses,
    shards: ShardCount,
    journal: &'a Journal,
    /// Acknowledged versions that are missing, by shard.
    lost: BTreeMap<ShardId, Vec<(String, u64)>>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn violation(&mut self, what: impl Display) {
        self.findings.push(Finding::Violation(what.to_string()));
    }

    fn request(&mut self, requested: &Requested<'_>) {
        let first = requested.attempts[0];
        let entities = requested.attempts.iter();
        let entity = entities.rev().find_map(|attempt| attempt.entity.as_deref());
        let found = self.placed.find(entity, requested.change).to_vec();
        if found.len() > 1 {
            let what = format!("I8: a request had two effects: {first:?} is at {found:?}");
            return self.violation(what);
        }
        let at = found
            .first()
            .map(|(entity, version)| (name(*entity), *version));
        match requested.acknowledged() {
            Some((attempt, view)) => {
                let entity = attempt.entity.clone().unwrap_or_default();
                if at != Some((entity.clone(), view.version)) {
                    self.missing(attempt, entity, view.version);
                }
            }
            None if requested.may_be_done() || !requested.change.is_unique() => {}
            None if at.is_some() => {
                self.violation(format!(
                    "I8: a refused request was done: {first:?} is at {at:?}"
                ));
            }
            None => {}
        }
    }

    /// Notes an acknowledged change that is not where it was acknowledged.
    fn missing(&mut self, attempt: &Attempt, entity: String, version: u64) {
        let shard = fritzy_testbed_shop::shard_of(&entity, self.shards);
        let events = self.journal.iter().find(|(id, _)| name(**id) == entity);
        let events = events.map_or(&[][..], |(_, events)| events.as_slice());
        let kept = self.losses.kept_version(shard, events);
        let is_explained = self.losses.0.as_ref().is_some_and(|loss| {
            attempt.ended_us >= loss.possible_from_us
                && attempt.began_us <= loss.seen_until_us
                && kept.is_some_and(|kept| version > kept)
        });
        if is_explained {
            self.lost.entry(shard).or_default().push((entity, version));
        } else {
            self.violation(format!(
                "I1: an acknowledged change is lost (version {kept:?} is kept): {attempt:?}"
            ));
        }
    }

    /// No more is missing than the system names.
    fn require_named(&mut self) {
        let starts = self.losses.0.as_ref().map(|loss| loss.shards.clone());
        for (shard, mut lost) in std::mem::take(&mut self.lost) {
            lost.sort();
            lost.dedup();
            let start = starts
                .as_ref()
                .and_then(|starts| starts.get(&shard).copied());
            let named = start.map_or(0, |start| start.lost_events());
            if lost.len() as u64 > named {
                self.violation(format!(
                    "I1: in shard {shard} {named} events are named as lost ({start:?}), and more \
                     are: {lost:?}"
                ));
            }
        }
    }

    /// Nothing is in the journal that nobody has requested.
    fn require_requested(&mut self, requests: &BTreeMap<(usize, u64), Requested<'_>>) {
        let may_be: HashSet<_> = requests
            .values()
            .filter(|requested| requested.may_be_done())
            .flat_map(|requested| {
                let attempts = requested.attempts.iter();
                attempts.map(|attempt| {
                    let entity = attempt.entity.as_deref().unwrap_or_default();
                    Placed::key(entity, requested.change.clone())
                })
            })
            .collect();
        let foreign: Vec<_> = self
            .placed
            .0
            .iter()
            .filter(|(key, _)| !may_be.contains(*key))
            .map(|(key, at)| format!("I8: nobody has requested {key:?} at {at:?}"))
            .collect();
        for what in foreign {
            self.violation(what);
        }
    }

    /// Orders have name and price of their product at the version that they name. A version that is
    /// lost is another matter: until its owner notices the loss, an order may still be placed at
    /// it. That this happened in time is for the checker of histories.
    fn require_quotes(&mut self) {
        let mut wrong = Vec::new();
        for (entity, events) in self.journal {
            let Some(Event::Order(OrderEvent::Created(order))) = events.first().map(|it| &it.event)
            else {
                continue;
            };
            for line in &order.lines {
                let product = EntityId::Product(line.product_id);
                let events = self.journal.get(&product).map_or(&[][..], Vec::as_slice);
                let changes: Vec<Change> = events
                    .iter()
                    .filter_map(|event| change_of(&event.event))
                    .collect();
                let views = super::chain::views(&changes);
                let view = views.get(line.product_version as usize - 1);
                let is_right = view.is_some_and(|view| {
                    view.name == line.name && view.price == line.unit_price_minor.unsigned_abs()
                });
                let shard = self.shards.shard_of(product.slot());
                let kept = self.losses.kept_version(shard, events);
                let is_lost = kept.is_some_and(|kept| line.product_version > kept);
                if !is_right && !is_lost {
                    wrong.push(format!("I4: {entity} quotes {line:?}; it was {view:?}"));
                }
            }
        }
        for what in wrong {
            self.violation(what);
        }
    }
}

/// An entity's id as the API writes it.
fn name(entity: EntityId) -> String {
    entity.as_uuid().to_string()
}

/// The change that an event records; `None` for one that no client of a schedule requests.
#[must_use]
pub(super) fn change_of(event: &Event) -> Option<Change> {
    Some(match event {
        Event::Account(AccountEvent::Created(event)) => Change::Created {
            name: event.personal.name.clone(),
            price: 0,
        },
        Event::Account(AccountEvent::Renamed(event)) => {
            Change::Renamed(event.personal.name.clone())
        }
        Event::Product(ProductEvent::Created(event)) => Change::Created {
            name: event.name.clone(),
            price: event.price.minor_units().unsigned_abs(),
        },
        Event::Product(ProductEvent::Updated(event)) => Change::Renamed(event.name.clone()),
        Event::Product(ProductEvent::Repriced(event)) => {
            Change::Repriced(event.price.minor_units().unsigned_abs())
        }
        Event::Order(OrderEvent::Created(event)) => {
            Change::Placed(u64::from(event.lines.first()?.quantity))
        }
        Event::Order(OrderEvent::Confirmed(_)) => Change::Confirmed,
        Event::Order(OrderEvent::Completed(_)) => Change::Completed,
        Event::Order(OrderEvent::Cancelled(event)) => {
            Change::Cancelled(event.reason.clone().unwrap_or_default())
        }
        Event::Account(AccountEvent::Closed(_) | AccountEvent::Annotated(_))
        | Event::Product(ProductEvent::Withdrawn(_) | ProductEvent::Annotated(_))
        | Event::Order(OrderEvent::Annotated(_)) => return None,
    })
}
