//! What the stores in memory hold.

use std::collections::{BTreeMap, HashMap};

use fritzy_domain::{CommandId, Cursor, EntityId, Recorded, ShardId, ShardLease, State, Stored};

#[derive(Default)]
pub(super) struct MemoryState {
    pub(super) owners: HashMap<ShardId, ShardLease>,
    pub(super) journal: HashMap<ShardId, Vec<Recorded>>,
    pub(super) states: BTreeMap<EntityId, Stored<State>>,
    pub(super) cursors: BTreeMap<(String, ShardId), Cursor>,
    /// What each keyed creation made.
    pub(super) creations: HashMap<CommandId, EntityId>,
}
