//! Fencing: only the newest lease of a shard can commit (I3).

use fritzy_domain::AppendError;
use fritzy_types::Epoch;

use crate::fixture::{Fixture, node};

pub(crate) async fn i3_claim_raises_epochs_and_fences_earlier_owners(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    assert!(fixture.leases.iter().all(|lease| lease.epoch == Epoch(1)));
    fixture.create_account(1).await.expect("the owner writes");

    let claimed = fixture.claim(node(2)).await;
    assert!(
        claimed
            .iter()
            .all(|lease| lease.epoch == Epoch(2) && lease.owner == node(2))
    );
    let deposed = fixture.create_account(2).await;
    assert_eq!(deposed, Err(AppendError::Fenced(fixture.leases[2].shard)));

    // A node that claims again fences its own earlier claim.
    fixture.claim(fixture.owner).await;
    let earlier_claim = fixture.create_account(3).await;
    assert_eq!(
        earlier_claim,
        Err(AppendError::Fenced(fixture.leases[3].shard))
    );
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

pub(crate) async fn fenced_append_in_a_batch_fails_alone(fixture: Fixture) {
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
    for (number, result) in pending.into_iter().enumerate() {
        let result = result.await;
        if number % 4 == 1 {
            assert_eq!(result, Err(AppendError::Fenced(lost)));
        } else {
            assert!(result.is_ok(), "{result:?}");
        }
    }
}

pub(crate) async fn i2_new_owner_continues_the_positions(fixture: Fixture) {
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
