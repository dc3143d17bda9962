//! The cursors as people see and set them, beside the node that owns their shards.

use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_persistence::{CursorAdmin, CursorAdminError, ResetPosition, Stores};
use fritzy_types::{ShardId, Timestamp};
use tempfile::TempDir;

use crate::fixture::{Fixture, node, postgres_config, sqlite_config};

async fn claimed(stores: Stores) -> Fixture {
    let shards: Vec<ShardId> = stores.ownership.shard_count().all().collect();
    let leases = stores.ownership.claim(node(1), &shards).await;
    Fixture::on(stores, leases.expect("claims"))
}

async fn save(
    fixture: &Fixture,
    shard: u16,
    position: Position,
    resets: u64,
    stopped: Option<&str>,
) -> bool {
    let moved = CursorMove {
        lease: fixture.leases[usize::from(shard)],
        cursor: Cursor {
            shard: ShardId(shard),
            position,
            resets,
            stopped: stopped.map(str::to_owned),
        },
    };
    let refused = fixture
        .stores
        .cursors
        .save_cursors("kafka", vec![moved])
        .await;
    refused.expect("saves").is_empty()
}

async fn is_told_and_set(fixture: Fixture, mut desk: CursorAdmin) {
    assert!(desk.status().await.expect("reads").is_empty());
    for number in 0..12 {
        fixture.create_account(number).await.expect("written");
    }
    assert!(
        save(&fixture, 1, 3, 0, None).await && save(&fixture, 2, 1, 0, Some("too large")).await
    );
    let told = desk.status().await.expect("reads");
    let shards = &told["kafka"];
    let lags: Vec<_> = shards
        .iter()
        .map(|lag| (lag.cursor.shard.0, lag.cursor.position, lag.head))
        .collect();
    assert_eq!(lags, [(1, 3, 3), (2, 1, 3)]);
    assert_eq!(shards[0].oldest, None);
    // Account 6 is the second of shard 2, and dated at its second.
    assert_eq!(shards[1].oldest, Some(Timestamp::from_micros(6_000_000)));
    let skipped = desk.skip("kafka", ShardId(2)).await.expect("skips");
    assert_eq!(skipped, 2);
    let again = desk.skip("kafka", ShardId(2)).await;
    assert!(
        matches!(again, Err(CursorAdminError::NotStopped { .. })),
        "{again:?}"
    );
    assert!(
        !save(&fixture, 2, 3, 0, None).await,
        "its owner hears of it"
    );
    assert!(save(&fixture, 2, 3, 1, None).await);
    for (to, expected) in [
        (ResetPosition::Start, 0),
        (ResetPosition::Now, 3),
        (ResetPosition::Position(1), 1),
    ] {
        let set = desk.reset("kafka", ShardId(1), to).await.expect("sets");
        assert_eq!(set, expected);
    }
    let beyond = desk
        .reset("kafka", ShardId(1), ResetPosition::Position(4))
        .await;
    assert!(
        matches!(beyond, Err(CursorAdminError::Beyond { head: 3, .. })),
        "{beyond:?}"
    );
    let unknown = desk.reset("search", ShardId(1), ResetPosition::Now).await;
    assert!(
        matches!(unknown, Err(CursorAdminError::NoCursor { .. })),
        "{unknown:?}"
    );
    let saved = fixture
        .stores
        .cursors
        .cursors("kafka")
        .await
        .expect("reads");
    let saved: Vec<_> = saved
        .iter()
        .map(|cursor| (cursor.position, cursor.resets))
        .collect();
    assert_eq!(saved, [(1, 3), (3, 1)]);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_told_and_set() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    let file = config.file.clone();
    let stores = Stores::open_sqlite(config).await.expect("opens");
    let desk = CursorAdmin::open_sqlite(&file).await.expect("opens");
    is_told_and_set(claimed(stores).await, desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_told_and_set() {
    let Some(config) = postgres_config("postgres_is_told_and_set") else {
        return;
    };
    let url = config.url.clone();
    let stores = Stores::open_postgres(config).await.expect("opens");
    let desk = CursorAdmin::open_postgres(&url).await.expect("opens");
    is_told_and_set(claimed(stores).await, desk).await;
}
