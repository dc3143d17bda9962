//! The state of an entity for the checker: all changes that have led to it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::observation::{Change, View};

/// The changes of an entity, oldest first, as a list that shares its beginnings with others. Two
/// are equal if they have the same changes under the same keys, in the same generation.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    last: Option<Arc<Link>>,
    /// How many times changes were lost.
    pub(super) losses: u32,
    /// The last change on the line that was left by a loss.
    left: Option<Arc<Link>>,
}

#[derive(Debug)]
struct Link {
    change: Change,
    key: Option<String>,
    /// The entity after this change.
    view: View,
    /// Of this change and all before it: equality would compare whole chains.
    hash: u64,
    before: Option<Arc<Link>>,
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

impl Eq for Chain {}

impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint().hash(state);
    }
}

impl Chain {
    fn fingerprint(&self) -> (u64, u64, u64, u32) {
        let hash = |link: &Option<Arc<Link>>| link.as_ref().map_or(0, |link| link.hash);
        let (last, left) = (hash(&self.last), hash(&self.left));
        (self.version(), last, left, self.losses)
    }

    /// The entity as it was when the loss happened, if there was one.
    pub(super) fn left(&self) -> Option<Self> {
        let last = (self.losses > 0).then(|| self.left.clone())?;
        Some(Self {
            last,
            ..Self::default()
        })
    }

    /// The number of changes.
    pub(super) fn version(&self) -> u64 {
        self.last.as_ref().map_or(0, |link| link.view.version)
    }

    /// The entity; `None` before its creation.
    pub(super) fn view(&self) -> Option<&View> {
        self.last.as_ref().map(|link| &link.view)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.last.as_deref(), |link| link.before.as_deref())
    }

    /// The entity as the change under this key has made it.
    pub(super) fn made_under(&self, key: &str) -> Option<&View> {
        let mut links = self.links();
        let link = links.find(|link| link.key.as_deref() == Some(key))?;
        Some(&link.view)
    }

    /// Whether exactly these are its changes, oldest first.
    pub(super) fn is(&self, changes: &[Change]) -> bool {
        self.version() == changes.len() as u64
            && self
                .links()
                .zip(changes.iter().rev())
                .all(|(link, change)| link.change == *change)
    }

    /// The entity after a further change; `None` if its rules do not allow it.
    pub(super) fn after(&self, change: &Change) -> Option<View> {
        let mut view = match (change, self.view()) {
            (Change::Created { .. } | Change::Placed(_), None) => View::default(),
            (Change::Created { .. } | Change::Placed(_), Some(_)) | (_, None) => return None,
            (_, Some(view)) => view.clone(),
        };
        view.version += 1;
        match change {
            Change::Created { name, price } => {
                view.name.clone_from(name);
                view.price = *price;
            }
            Change::Renamed(name) => view.name.clone_from(name),
            Change::Repriced(price) => view.price = *price,
            Change::Placed(_) => "CREATED".clone_into(&mut view.status),
            Change::Confirmed if view.status == "CREATED" => {
                "CONFIRMED".clone_into(&mut view.status);
            }
            Change::Completed if view.status == "CONFIRMED" => {
                "COMPLETED".clone_into(&mut view.status);
            }
            Change::Cancelled(_) if ["CREATED", "CONFIRMED"].contains(&&*view.status) => {
                "CANCELLED".clone_into(&mut view.status);
            }
            Change::Confirmed | Change::Completed | Change::Cancelled(_) => return None,
        }
        Some(view)
    }

    /// The chain with one more change, which has made `view`.
    pub(super) fn with(&self, change: &Change, key: Option<&str>, view: View) -> Self {
        let mut hasher = DefaultHasher::new();
        let before = self.last.as_ref().map_or(0, |link| link.hash);
        (before, change, key).hash(&mut hasher);
        let link = Link {
            change: change.clone(),
            key: key.map(str::to_owned),
            view,
            hash: hasher.finish(),
            before: self.last.clone(),
        };
        Self {
            last: Some(Arc::new(link)),
            losses: self.losses,
            left: self.left.clone(),
        }
    }

    /// The chain as it was at this version, in the next generation; `None` if it never was.
    pub(super) fn back_to(&self, version: u64) -> Option<Self> {
        let mut last = self.last.clone();
        if version > self.version() {
            return None;
        }
        while last
            .as_ref()
            .is_some_and(|link| link.view.version > version)
        {
            last = last.and_then(|link| link.before.clone());
        }
        Some(Self {
            last,
            losses: self.losses + 1,
            left: self.last.clone(),
        })
    }
}

/// The entity after each of these changes, as far as its rules allow them.
pub(super) fn views(changes: &[Change]) -> Vec<View> {
    let mut chain = Chain::default();
    let mut views = Vec::new();
    for change in changes {
        let Some(view) = chain.after(change) else {
            break;
        };
        chain = chain.with(change, None, view.clone());
        views.push(view);
    }
    views
}
