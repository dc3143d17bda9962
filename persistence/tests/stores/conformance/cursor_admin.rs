//! Operators list and reset cursors while a node owns their shards.

use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_persistence::{CursorAdmin, CursorAdminError, ResetPosition, Stores};
use fritzy_testbed::skip_unless;
use fritzy_types::{ShardId, Timestamp};
use tempfile::TempDir;

use crate::fixture::{Fixture, node, postgres_config, sqlite_config};

/// Saves the cursor of a shard's owner; returns whether it was accepted.
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

async fn cursors_are_listed_and_reset(fixture: Fixture, mut admin: CursorAdmin) {
    assert!(admin.status().await.expect("reads").is_empty());
    for number in 0..12 {
        fixture.create_account(number).await.expect("written");
    }
    assert!(
        save(&fixture, 1, 3, 0, None).await && save(&fixture, 2, 1, 0, Some("too large")).await
    );
    let listed = admin.status().await.expect("reads");
    let shards = &listed["kafka"];
    let lags: Vec<_> = shards
        .iter()
        .map(|lag| (lag.cursor.shard.0, lag.cursor.position, lag.head))
        .collect();
    assert_eq!(lags, [(1, 3, 3), (2, 1, 3)]);
    assert_eq!(shards[0].oldest, None);
    // Account 6 is the second of shard 2, and was created at second 6.
    assert_eq!(shards[1].oldest, Some(Timestamp::from_micros(6_000_000)));
    let skipped = admin.skip("kafka", ShardId(2)).await.expect("skips");
    assert_eq!(skipped, 2);
    let again = admin.skip("kafka", ShardId(2)).await;
    assert!(
        matches!(again, Err(CursorAdminError::NotStopped { .. })),
        "{again:?}"
    );
    assert!(
        !save(&fixture, 2, 3, 0, None).await,
        "its owner must read the reset first"
    );
    assert!(save(&fixture, 2, 3, 1, None).await);
    for (to, expected) in [
        (ResetPosition::Start, 0),
        (ResetPosition::Now, 3),
        (ResetPosition::Position(1), 1),
    ] {
        let set = admin.reset("kafka", ShardId(1), to).await.expect("resets");
        assert_eq!(set, expected);
    }
    let beyond = admin
        .reset("kafka", ShardId(1), ResetPosition::Position(4))
        .await;
    assert!(
        matches!(beyond, Err(CursorAdminError::Beyond { head: 3, .. })),
        "{beyond:?}"
    );
    let unknown = admin.reset("search", ShardId(1), ResetPosition::Now).await;
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
    admin.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_cursors_are_listed_and_reset() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    let file = config.file.clone();
    let stores = Stores::open_sqlite(config).await.expect("opens");
    let admin = CursorAdmin::open_sqlite(&file).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    cursors_are_listed_and_reset(fixture, admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_cursors_are_listed_and_reset() {
    let config = skip_unless!(postgres_config());
    let url = config.url.clone();
    let stores = Stores::open_postgres(config).await.expect("opens");
    let admin = CursorAdmin::open_postgres(&url).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    cursors_are_listed_and_reset(fixture, admin).await;
}
