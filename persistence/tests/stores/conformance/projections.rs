//! What projections need: a feed of everything that is committed, and cursors that only a shard's
//! owner saves.

use std::collections::BTreeMap;

use fritzy_domain::{Cursor, CursorMove, FeedItem, Position};
use fritzy_types::ShardId;

use crate::fixture::{Fixture, SHARDS, node};

fn cursor_at(fixture: &Fixture, shard: u16, position: Position) -> CursorMove {
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

/// Reads each cursor's shard, position, and the reason why it stopped.
async fn saved(fixture: &Fixture, projection: &str) -> Vec<(u16, Position, Option<String>)> {
    let cursors = fixture.stores.cursors.cursors(projection).await;
    let cursors = cursors.expect("reads").into_iter();
    cursors
        .map(|cursor| (cursor.shard.0, cursor.position, cursor.stopped))
        .collect()
}

/// Saves cursors of the projection `p`; returns the shards whose cursors were refused.
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

pub(crate) async fn feed_delivers_commits_in_order(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    fixture.create_account(0).await.expect("written");
    let mut feed = fixture.stores.journal.feed();
    let pending: Vec<_> = (1..=300)
        .map(|number| fixture.stores.journal.append(fixture.new_account(number)))
        .collect();
    for result in pending {
        result.await.expect("written");
    }
    // A refused append is not in the feed.
    let again = fixture.create_account(7).await;
    assert!(again.is_err());
    let mut delivered: BTreeMap<ShardId, Vec<Position>> = BTreeMap::new();
    let mut count = 0;
    while count < 300 {
        let FeedItem::Batch(batch) = feed.next().await else {
            panic!("a feed holds more than 300 appends");
        };
        for committed in &*batch {
            let shard = committed.append.lease.shard;
            delivered
                .entry(shard)
                .or_default()
                .push(committed.outcome.first);
            count += 1;
        }
    }
    let heads = fixture.stores.journal.heads().await.expect("reads");
    assert_eq!(heads.len(), usize::from(SHARDS));
    for (shard, head) in heads {
        // Account 0 was committed before the feed was opened.
        let first = if shard == ShardId(0) { 2 } else { 1 };
        assert_eq!(delivered[&shard], (first..=head).collect::<Vec<_>>());
    }
}

pub(crate) async fn cursors_advance_and_belong_to_one_projection(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert_eq!(saved(&fixture, "p").await, []);
    let moves = vec![cursor_at(&fixture, 0, 5), cursor_at(&fixture, 3, 1)];
    assert_eq!(save(&fixture, moves).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(0, 5, None), (3, 1, None)]);
    assert_eq!(saved(&fixture, "other").await, []);
    // A cursor that would go back is refused; the others are saved.
    let moves = vec![
        cursor_at(&fixture, 0, 4),
        cursor_at(&fixture, 3, 2),
        cursor_at(&fixture, 1, 0),
    ];
    assert_eq!(save(&fixture, moves).await, [0]);
    let mut stopped = cursor_at(&fixture, 3, 2);
    stopped.cursor.stopped = Some("'too large'".into());
    assert_eq!(save(&fixture, vec![stopped]).await, [0_u16; 0]);
    let expected = [
        (0, 5, None),
        (1, 0, None),
        (3, 2, Some("'too large'".into())),
    ];
    assert_eq!(saved(&fixture, "p").await, expected);
}

pub(crate) async fn deposed_owner_cannot_save_cursors(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert_eq!(
        save(&fixture, vec![cursor_at(&fixture, 1, 3)]).await,
        [0_u16; 0]
    );
    let lost = [ShardId(1), ShardId(2)];
    let claimed = fixture.stores.ownership.claim(node(2), &lost).await;
    let claimed = claimed.expect("claims");
    let moves = (0..3).map(|shard| cursor_at(&fixture, shard, 9)).collect();
    assert_eq!(save(&fixture, moves).await, [1, 2]);
    assert_eq!(saved(&fixture, "p").await, [(0, 9, None), (1, 3, None)]);
    let by_new_owner = CursorMove {
        lease: claimed[0],
        ..cursor_at(&fixture, 1, 4)
    };
    assert_eq!(save(&fixture, vec![by_new_owner]).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(0, 9, None), (1, 4, None)]);
}

pub(crate) async fn reset_cursor_is_not_overwritten_by_its_owner(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let cursors = &fixture.stores.cursors;
    let set = async |shard: u16, position| {
        let set = cursors.set_cursor("p", ShardId(shard), position).await;
        set.expect("succeeds")
    };
    assert!(!set(1, 3).await, "there is no such cursor yet");
    let mut stopped = cursor_at(&fixture, 1, 7);
    stopped.cursor.stopped = Some("unreadable".into());
    save(&fixture, vec![stopped, cursor_at(&fixture, 2, 7)]).await;
    assert!(set(1, 3).await && set(1, 4).await);
    let moves = vec![cursor_at(&fixture, 1, 9), cursor_at(&fixture, 2, 9)];
    assert_eq!(save(&fixture, moves).await, [1]);
    assert_eq!(saved(&fixture, "p").await, [(1, 4, None), (2, 9, None)]);
    let mut informed = cursor_at(&fixture, 1, 5);
    informed.cursor.resets = 2;
    assert_eq!(save(&fixture, vec![informed]).await, [0_u16; 0]);
    assert_eq!(saved(&fixture, "p").await, [(1, 5, None), (2, 9, None)]);
}
