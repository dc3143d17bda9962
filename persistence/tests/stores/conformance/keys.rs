//! Idempotency keys: a keyed creation is unique in the whole database (I8), and the effect of a
//! command can be found again.

use fritzy_domain::{AppendError, CommandRecord, Fingerprint, Kind};

use crate::fixture::{Fixture, account_id, command_id};

const KEY: Fingerprint = Fingerprint([9; 16]);

pub(crate) async fn i8_key_creates_one_order_across_all_shards(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let first = fixture.new_order(77, account_id(1), Some(KEY));
    let other_account = fixture.new_order(77, account_id(2), Some(KEY));
    assert_ne!(first.entity, other_account.entity);
    assert_ne!(first.lease.shard, other_account.lease.shard);
    // The shards may belong to different committers, so either append may be first.
    let entities = [first.entity, other_account.entity];
    let concurrent = [first, other_account].map(|append| fixture.stores.journal.append(append));
    let [first, other_account] = concurrent;
    let results = [first.await, other_account.await];
    let entity = match &results {
        [Ok(_), Err(AppendError::Conflict)] => entities[0],
        [Err(AppendError::Conflict), Ok(_)] => entities[1],
        _ => panic!("I8: one of the two: {results:?}"),
    };

    let read_model = &fixture.stores.read_model;
    let found = read_model
        .find_creation(Kind::Order, command_id(77))
        .await
        .expect("reads");
    assert_eq!(found, Some(entity));
    let unknown = read_model
        .find_creation(Kind::Order, command_id(78))
        .await
        .expect("reads");
    assert_eq!(unknown, None);

    // Without a key, a command id does not restrict other orders.
    for account in [3, 4] {
        let unkeyed = fixture.new_order(79, account_id(account), None);
        assert!(fixture.stores.journal.append(unkeyed).await.is_ok());
    }
}

pub(crate) async fn i8_keyed_command_is_found_with_its_effect(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let keyed = fixture.new_order(5, account_id(1), Some(KEY));
    let (shard, entity) = (keyed.lease.shard, keyed.entity);
    fixture.stores.journal.append(keyed).await.expect("written");
    let journal = &fixture.stores.journal;
    let found = journal
        .find_command(shard, command_id(5))
        .await
        .expect("reads");
    let expected = CommandRecord {
        entity,
        version: 1,
        fingerprint: Some(KEY),
    };
    assert_eq!(found, Some(expected));
    assert_eq!(
        journal
            .find_command(shard, command_id(6))
            .await
            .expect("reads"),
        None
    );
}
