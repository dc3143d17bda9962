//! Reads a whole database through its ports, and requires positions and versions without gaps (I2)
//! and state rows that equal the fold of their events (I5).

use std::collections::BTreeMap;

use fritzy_domain::{
    AccountId, EntityId, Generations, Kind, Page, RecordedEvent, State, Stored, UnlimitedBudget,
    Version, fold,
};
use fritzy_persistence::{PostgresConfig, Sharing, Stores};
use fritzy_types::{NodeId, ShardCount, ShardId};
use uuid::Uuid;

/// Rows of one read.
const PAGE: u32 = 1_000;

/// The content of a sound database.
#[derive(Debug)]
pub struct Audit {
    /// The events of each entity, in the order of their versions.
    pub events: BTreeMap<EntityId, Vec<RecordedEvent>>,
    /// The state of each entity, the same in its row and as the fold of its events.
    pub states: BTreeMap<EntityId, Stored<State>>,
}

/// What killed nodes have left in a PostgreSQL database.
///
/// # Panics
/// When it cannot be opened, and as [`audit`].
pub async fn audit_left(database_url: &str, shards: ShardCount) -> (Audit, Generations) {
    let config = PostgresConfig {
        shards,
        sharing: Sharing::Alone,
        ..PostgresConfig::new(database_url)
    };
    let stores = Stores::open_postgres(config).await;
    let stores = stores.expect("an open database");
    // A batch of theirs may still be in flight: a claim waits for it, or fences it.
    let all: Vec<ShardId> = stores.ownership.shard_count().all().collect();
    let claimer = NodeId::from_uuid(Uuid::now_v7());
    let claimed = stores.ownership.claim(claimer, &all);
    claimed.await.expect("the claim succeeds");
    let found = audit(&stores).await;
    let generations = stores.journal.generations().await;
    stores.close().await;
    (found, generations.expect("readable generations"))
}

/// Reads everything.
///
/// # Panics
/// With the id of the invariant that does not hold.
pub async fn audit(stores: &Stores) -> Audit {
    let mut streams: BTreeMap<EntityId, Vec<RecordedEvent>> = BTreeMap::new();
    let count = stores.ownership.shard_count();
    for shard in count.all() {
        let mut head = 0;
        loop {
            let page = stores.journal.read_shard(shard, head, PAGE).await;
            let page = page.expect("a readable journal");
            if page.is_empty() {
                break;
            }
            for recorded in page {
                let (position, entity) = (recorded.position, recorded.entity);
                assert_eq!(position, head + 1, "I2: positions of shard {shard}");
                assert_eq!(count.shard_of(entity.slot()), shard, "{entity}'s shard");
                head = position;
                streams.entry(entity).or_default().push(recorded);
            }
        }
    }
    let mut states = BTreeMap::new();
    for (entity, events) in &streams {
        for (recorded, version) in events.iter().zip(1..) {
            assert_eq!(recorded.version, version, "I2: versions of {entity}");
        }
        let state = fold(events.iter().map(|recorded| &recorded.event));
        let state =
            state.unwrap_or_else(|| panic!("I5: the first event of {entity} does not create it"));
        let version = events.len() as Version;
        states.insert(*entity, Stored { version, state });
    }
    require_rows(stores, &states).await;
    Audit {
        events: streams,
        states,
    }
}

/// Requires a row for every entity with events, and no row of an account or order without events.
async fn require_rows(stores: &Stores, states: &BTreeMap<EntityId, Stored<State>>) {
    let ids: Vec<EntityId> = states.keys().copied().collect();
    let mut accounts: Vec<AccountId> = Vec::new();
    for ids in ids.chunks(PAGE as usize / 4) {
        let rows = stores.read_model.load(ids).await.expect("readable rows");
        for (id, row) in ids.iter().zip(rows) {
            assert_eq!(row.as_ref(), states.get(id), "I5: the row of {id}");
        }
        accounts.extend(ids.iter().filter_map(|id| match id {
            EntityId::Account(account) => Some(*account),
            _ => None,
        }));
    }
    let mut listed = 0;
    for skip in (0..).step_by(PAGE as usize) {
        let page = Page { skip, take: PAGE };
        let rows = stores
            .read_model
            .accounts(page, &UnlimitedBudget)
            .await
            .expect("a readable list");
        listed += rows.len();
        if rows.is_empty() {
            break;
        }
    }
    assert_eq!(listed, accounts.len(), "I5: accounts without events");
    let mut orders = 0;
    for account in accounts {
        let page = Page {
            skip: 0,
            take: 100_000,
        };
        let lists = stores
            .read_model
            .orders_of(&[account], page, &UnlimitedBudget)
            .await;
        orders += lists.expect("readable lists")[0].len();
    }
    let folded = ids.iter().filter(|id| id.kind() == Kind::Order).count();
    assert_eq!(orders, folded, "I5: orders without events");
}
