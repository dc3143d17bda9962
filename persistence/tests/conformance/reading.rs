//! The read model: by id and in lists.

use fritzy_domain::{AccountId, EntityId, Page, Stored};

use crate::fixtures::{Fixture, account_id, account_of, command_id};

const ALL: Page = Page {
    skip: 0,
    take: 1_000,
};

pub(crate) async fn lists_are_ordered_and_paged(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    // Created in another order than they are listed in; two at the same moment.
    for number in [30, 10, 20, 10 + (1 << 64), 40] {
        fixture.create_account(number).await.expect("written");
    }
    let names = |rows: Vec<Stored<fritzy_domain::Account>>| -> Vec<AccountId> {
        rows.into_iter().map(|row| row.state.id).collect()
    };
    let read_model = &fixture.stores.read_model;
    let all = names(read_model.accounts(ALL).await.expect("reads"));
    let expected = [10, 10 + (1 << 64), 20, 30, 40].map(account_id);
    assert_eq!(all, expected);
    let part = read_model
        .accounts(Page { skip: 1, take: 2 })
        .await
        .expect("reads");
    assert_eq!(names(part), expected[1..3]);
    let behind = read_model
        .accounts(Page { skip: 5, take: 2 })
        .await
        .expect("reads");
    assert!(behind.is_empty());
    assert!(
        read_model
            .accounts(Page { skip: 0, take: 0 })
            .await
            .expect("reads")
            .is_empty()
    );
}

pub(crate) async fn orders_are_listed_for_many_accounts_at_once(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    // Account n has n orders.
    for account in 0..15_u128 {
        for order in 0..account {
            let order = fixture.new_order(account * 100 + order, account_id(account), None);
            fixture.stores.journal.append(order).await.expect("written");
        }
    }
    let accounts: Vec<AccountId> = (0..15).rev().map(account_id).collect();
    let page = Page { skip: 1, take: 5 };
    let lists = fixture
        .stores
        .read_model
        .orders_of(&accounts, page)
        .await
        .expect("reads");
    assert_eq!(lists.len(), accounts.len());
    for (account, orders) in (0..15_u128).rev().zip(lists) {
        let expected: Vec<_> = (1..account.min(6))
            .map(|order| command_id(account * 100 + order).new_order(account_id(account)))
            .collect();
        let found: Vec<_> = orders.iter().map(|order| order.state.id).collect();
        assert_eq!(found, expected, "orders of account {account}");
    }
    assert!(
        fixture
            .stores
            .read_model
            .orders_of(&[], ALL)
            .await
            .expect("reads")
            .is_empty()
    );
}

pub(crate) async fn loading_keeps_the_order_of_the_ids(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    for number in 0..150 {
        fixture.create_account(number).await.expect("written");
    }
    let ids: Vec<EntityId> = (0..300)
        .rev()
        .map(|number| EntityId::Account(account_id(number)))
        .collect();
    let rows = fixture.stores.read_model.load(&ids).await.expect("reads");
    for (id, row) in ids.iter().zip(&rows) {
        assert_eq!(
            row.as_ref().map(|row| row.state.id()),
            (id < &ids[149]).then_some(*id)
        );
    }
}

pub(crate) async fn every_field_comes_back(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let account = fixture.new_account(1);
    let account_id = account_of(&account).id;
    let appends = [
        account,
        fixture.new_product(2),
        fixture.new_order(3, account_id, None),
    ];
    for append in appends {
        let (entity, state, events) = (append.entity, append.state.clone(), append.events.clone());
        let (shard, command) = (append.lease.shard, append.command);
        fixture
            .stores
            .journal
            .append(append)
            .await
            .expect("written");
        let rows = fixture
            .stores
            .read_model
            .load(&[entity])
            .await
            .expect("reads");
        assert_eq!(rows, [Some(Stored { version: 1, state })]);
        let stream = fixture
            .stores
            .journal
            .read_entity(shard, entity, 1)
            .await
            .expect("reads");
        assert_eq!(stream.len(), 1);
        assert_eq!((stream[0].event_id, stream[0].event.clone()), events[0]);
        assert_eq!((stream[0].entity, stream[0].command), (entity, command));
    }
    let products = fixture
        .stores
        .read_model
        .products(ALL)
        .await
        .expect("reads");
    assert_eq!(products.len(), 1);
}
