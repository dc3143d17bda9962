//! Fencing: only the newest lease of a shard can commit (I3).

use fritzy_domain::AppendError;
use fritzy_types::Epoch;

use crate::fixture::{Fixture, node};

pub(crate) async fn claims_raise_epochs_and_fence_off_earlier_owners(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert!(fixture.leases.iter().all(|lease| lease.epoch == Epoch(1)));
    fixture.create_account(1).await.expect("the owner writes");

    let taken = fixture.claim(node(2)).await;
    assert!(
        taken
            .iter()
            .all(|lease| lease.epoch == Epoch(2) && lease.owner == node(2))
    );
    let deposed = fixture.create_account(2).await;
    assert_eq!(deposed, Err(AppendError::Fenced(fixture.leases[2].shard)));

    // The same node claiming again fences off its own earlier claim.
    fixture.claim(fixture.owner).await;
    let own_past = fixture.create_account(3).await;
    assert_eq!(own_past, Err(AppendError::Fenced(fixture.leases[3].shard)));
    let stream = fixture
        .stores
        .journal
        .read_shard(fixture.leases[2].shard, 0, 10)
        .await;
    assert_eq!(
        stream.expect("reads"),
        [],
        "nothing of a deposed owner is in the journal"
    );
}

pub(crate) async fn a_deposed_owner_does_not_hold_up_the_others(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let lost = fixture.leases[1].shard;
    fixture
        .stores
        .ownership
        .claim(node(2), &[lost])
        .await
        .expect("claims");
    let pending: Vec<_> = (0..200)
        .map(|n| fixture.stores.journal.append(fixture.new_account(n)))
        .collect();
    for (number, answer) in pending.into_iter().enumerate() {
        let answer = answer.await;
        if number % 4 == 1 {
            assert_eq!(answer, Err(AppendError::Fenced(lost)));
        } else {
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
}

pub(crate) async fn the_new_owner_goes_on_where_the_old_one_stopped(fixture: Fixture) {
    let mut fixture = fixture.claimed().await;
    for number in [0, 4, 8] {
        fixture.create_account(number).await.expect("written");
    }
    fixture.owner = node(2);
    let mut fixture = fixture.claimed().await;
    assert_eq!(fixture.create_account(12).await.expect("written").first, 4);
    fixture.owner = node(1);
    let fixture = fixture.claimed().await;
    assert_eq!(fixture.create_account(16).await.expect("written").first, 5);
}
