//! What projections live on: the feed tells everything that is committed, and cursors are saved for owners alone.

use std::collections::BTreeMap;

use fritzy_domain::{Cursor, CursorMove, FeedItem, Position};
use fritzy_types::ShardId;

use crate::fixture::{Fixture, SHARDS, node};

fn to(fixture: &Fixture, shard: u16, position: Position) -> CursorMove {
    CursorMove {
        lease: fixture.leases[usize::from(shard)],
        cursor: Cursor {
            shard: ShardId(shard),
            position,
            resets: 0,
            stopped: None,
        },
    }
}

/// Each cursor's shard, position and reason.
async fn saved(fixture: &Fixture, projection: &str) -> Vec<(u16, Position, Option<String>)> {
    let cursors = fixture.stores.cursors.cursors(projection).await;
    let cursors = cursors.expect("reads").into_iter();
    cursors
        .map(|cursor| (cursor.shard.0, cursor.position, cursor.stopped))
        .collect()
}

async fn save(fixture: &Fixture, moves: Vec<CursorMove>) -> Vec<u16> {
    let refused = fixture.stores.cursors.save_cursors("p", moves).await;
    let mut refused: Vec<u16> = refused
        .expect("saves")
        .iter()
        .map(|shard| shard.0)
        .collect();
    refused.sort_unstable();
    refused
}

pub(crate) async fn the_feed_tells_what_is_committed_in_order(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    fixture.create_account(0).await.expect("written");
    let mut feed = fixture.stores.journal.feed();
    let pending: Vec<_> = (1..=300)
        .map(|number| fixture.stores.journal.append(fixture.new_account(number)))
        .collect();
    for answer in pending {
        answer.await.expect("written");
    }
    // What is refused is not told.
    let again = fixture.create_account(7).await;
    assert!(again.is_err());
    let mut told: BTreeMap<ShardId, Vec<Position>> = BTreeMap::new();
    let mut count = 0;
    while count < 300 {
        let FeedItem::Batch(batch) = feed.next().await else {
            panic!("300 appends are fewer than a feed holds");
        };
        for committed in &*batch {
            let shard = committed.append.lease.shard;
            told.entry(shard)
                .or_default()
                .push(committed.positions.first);
            count += 1;
        }
    }
    let heads = fixture.stores.journal.heads().await.expect("reads");
    assert_eq!(heads.len(), usize::from(SHARDS));
    for (shard, head) in heads {
        // Account 0 was there before anybody listened.
        let first = if shard == ShardId(0) { 2 } else { 1 };
        assert_eq!(told[&shard], (first..=head).collect::<Vec<_>>());
    }
}

pub(crate) async fn cursors_go_forward_and_belong_to_one_projection(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert_eq!(saved(&fixture, "p").await, []);
    let moves = vec![to(&fixture, 0, 5), to(&fixture, 3, 1)];
    assert_eq!(save(&fixture, moves).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(0, 5, None), (3, 1, None)]);
    assert_eq!(saved(&fixture, "other").await, []);
    // Not back, and the others all the same.
    let moves = vec![to(&fixture, 0, 4), to(&fixture, 3, 2), to(&fixture, 1, 0)];
    assert_eq!(save(&fixture, moves).await, [0]);
    let mut stopped = to(&fixture, 3, 2);
    stopped.cursor.stopped = Some("'too large'".into());
    assert_eq!(save(&fixture, vec![stopped]).await, [0_u16; 0]);
    let expected = [
        (0, 5, None),
        (1, 0, None),
        (3, 2, Some("'too large'".into())),
    ];
    assert_eq!(saved(&fixture, "p").await, expected);
}

pub(crate) async fn a_deposed_owner_saves_no_cursor(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert_eq!(save(&fixture, vec![to(&fixture, 1, 3)]).await, [0_u16; 0]);
    let lost = [ShardId(1), ShardId(2)];
    let claimed = fixture.stores.ownership.claim(node(2), &lost).await;
    let claimed = claimed.expect("claims");
    let moves = (0..3).map(|shard| to(&fixture, shard, 9)).collect();
    assert_eq!(save(&fixture, moves).await, [1, 2]);
    assert_eq!(saved(&fixture, "p").await, [(0, 9, None), (1, 3, None)]);
    let by_new_owner = CursorMove {
        lease: claimed[0],
        ..to(&fixture, 1, 4)
    };
    assert_eq!(save(&fixture, vec![by_new_owner]).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(0, 9, None), (1, 4, None)]);
}

pub(crate) async fn a_cursor_that_was_set_by_hand_is_not_saved_over(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let cursors = &fixture.stores.cursors;
    let set = async |shard: u16, position| {
        let set = cursors.set_cursor("p", ShardId(shard), position).await;
        set.expect("answers")
    };
    assert!(!set(1, 3).await, "there is none to be set");
    let mut stopped = to(&fixture, 1, 7);
    stopped.cursor.stopped = Some("unreadable".into());
    save(&fixture, vec![stopped, to(&fixture, 2, 7)]).await;
    assert!(set(1, 3).await && set(1, 4).await);
    let moves = vec![to(&fixture, 1, 9), to(&fixture, 2, 9)];
    assert_eq!(save(&fixture, moves).await, [1]);
    assert_eq!(saved(&fixture, "p").await, [(1, 4, None), (2, 9, None)]);
    let mut heeded = to(&fixture, 1, 5);
    heeded.cursor.resets = 2;
    assert_eq!(save(&fixture, vec![heeded]).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(1, 5, None), (2, 9, None)]);
}
