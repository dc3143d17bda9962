//! Operators list and reset cursors while a node owns their shards.

use fritzy_domain::{Cursor, CursorMove, Position};
use fritzy_persistence::{CursorAdmin, CursorAdminError, ResetPosition, Stores, TopicAdoption};
use fritzy_testbed::skip_unless;
use fritzy_types::{ShardId, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

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

/// Topics that another copy has filled up to generation 7.
fn adoption(seen: &[u128], token: u128) -> TopicAdoption {
    let ids = |numbers: &[u128]| numbers.iter().copied().map(Uuid::from_u128).collect();
    TopicAdoption {
        topics: Uuid::from_u128(1),
        seen: ids(seen),
        tokens: ids(&[token]),
        beyond: 7,
        kept: vec![(ShardId(1), 2), (ShardId(2), 1)],
    }
}

async fn topics_are_adopted(fixture: Fixture, mut admin: CursorAdmin) {
    for number in 0..12 {
        fixture.create_account(number).await.expect("written");
    }
    assert!(save(&fixture, 1, 3, 0, None).await && save(&fixture, 2, 1, 0, None).await);
    let published = admin.published("kafka").await.expect("reads");
    let published: Vec<_> = published
        .iter()
        .map(|(shard, published)| (shard.0, published.cursor, published.head))
        .collect();
    assert_eq!(published[1..3], [(1, 3, 3), (2, 1, 3)]);
    assert_eq!(published[0].1, 0, "a shard without a cursor");
    let location = fixture.stores.topic_bindings.location().await;
    let location = location.expect("reads");
    assert_eq!(admin.location().await.expect("reads"), location);

    let bindings = fixture.stores.topic_bindings.clone();
    // Those of the copy, and others that it has filled before and after.
    for (topics, token) in [(2, 9), (1, 4), (3, 8)] {
        let token = [Uuid::from_u128(token)];
        let bound = bindings.bind_topics(Uuid::from_u128(topics), &[], &token);
        assert!(bound.await.expect("writes"));
    }
    let adopted = admin.adopt_topics(&adoption(&[4], 5)).await;
    assert!(adopted.expect("writes"));
    let refused = admin.adopt_topics(&adoption(&[], 6)).await;
    assert!(!refused.expect("writes"), "the tokens have changed");
    let generations = admin.generations().await.expect("reads");
    let current = generations.current();
    assert_eq!((current.number, current.in_place), (8, false));
    let kept: Vec<_> = current.shards.iter().take(4).collect();
    let kept: Vec<_> = kept
        .iter()
        .map(|(shard, start)| (shard.0, start.kept, start.lost_events()))
        .collect();
    assert_eq!(kept, [(0, 3, 0), (1, 2, 0), (2, 1, 0), (3, 3, 0)]);
    assert_eq!(generations.of(ShardId(1), 2), 1);
    assert_eq!(generations.of(ShardId(1), 3), 8);
    let cursors = admin.status().await.expect("reads");
    let cursors: Vec<_> = cursors["kafka"]
        .iter()
        .map(|lag| (lag.cursor.shard.0, lag.cursor.position))
        .collect();
    assert_eq!(cursors, [(1, 2), (2, 1)]);
    let binding = admin.topic_binding(Uuid::from_u128(1)).await;
    let binding = binding.expect("reads").expect("bound");
    assert_eq!(binding.tokens, [Uuid::from_u128(5)]);
    assert!(binding.is_latest, "the database fills these from now on");
    // The nodes of before are fenced.
    fixture
        .create_account(99)
        .await
        .expect_err("its owner is gone");
    admin.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_sqlite_topics_are_adopted_in_a_new_generation() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    let file = config.file.clone();
    let stores = Stores::open_sqlite(config).await.expect("opens");
    let mut admin = CursorAdmin::open_sqlite(&file).await.expect("opens");
    let other_folder = TempDir::new().expect("a temporary folder");
    let other = sqlite_config(&other_folder);
    let other_file = other.file.clone();
    let other = Stores::open_sqlite(other).await.expect("opens");
    let mut elsewhere = CursorAdmin::open_sqlite(&other_file).await.expect("opens");
    let location = admin.location().await.expect("reads");
    assert_ne!(elsewhere.location().await.expect("reads"), location);
    other.close().await;
    let fixture = Fixture::claimed_by(node(1), stores).await;
    topics_are_adopted(fixture, admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_postgres_topics_are_adopted_in_a_new_generation() {
    let config = skip_unless!(postgres_config());
    let url = config.url.clone();
    let stores = Stores::open_postgres(config).await.expect("opens");
    let mut admin = CursorAdmin::open_postgres(&url).await.expect("opens");
    let other = skip_unless!(postgres_config());
    let other_url = other.url.clone();
    let other = Stores::open_postgres(other).await.expect("opens");
    let mut elsewhere = CursorAdmin::open_postgres(&other_url).await.expect("opens");
    let location = admin.location().await.expect("reads");
    assert_ne!(elsewhere.location().await.expect("reads"), location);
    other.close().await;
    let fixture = Fixture::claimed_by(node(1), stores).await;
    topics_are_adopted(fixture, admin).await;
}
