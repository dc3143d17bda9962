//! The read model: rows by id, and lists.

use std::sync::atomic::{AtomicUsize, Ordering};

use fritzy_domain::{
    AccountId, Command, EntityId, KeysetPage, MemoryBudget, Page, ProductCommand, SortKey, Stored,
    UnlimitedBudget,
};
use fritzy_types::{BudgetExceeded, StorageError, Timestamp};

use crate::fixture::{Fixture, account_id, account_of, command_id};

const ALL: Page = Page {
    skip: 0,
    take: 1_000,
};

pub(crate) async fn lists_are_ordered_and_paged_by_offset(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    // Created in another order than they are listed in; two have the same timestamp.
    for number in [30, 10, 20, 10 + (1 << 64), 40] {
        fixture.create_account(number).await.expect("written");
    }
    let names = |rows: Vec<Stored<fritzy_domain::Account>>| -> Vec<AccountId> {
        rows.into_iter().map(|row| row.state.id).collect()
    };
    let read_model = &fixture.stores.read_model;
    let all = names(
        read_model
            .accounts(ALL, &UnlimitedBudget)
            .await
            .expect("reads"),
    );
    let expected = [10, 10 + (1 << 64), 20, 30, 40].map(account_id);
    assert_eq!(all, expected);
    let page = read_model
        .accounts(Page { skip: 1, take: 2 }, &UnlimitedBudget)
        .await
        .expect("reads");
    assert_eq!(names(page), expected[1..3]);
    let beyond = read_model
        .accounts(Page { skip: 5, take: 2 }, &UnlimitedBudget)
        .await
        .expect("reads");
    assert!(beyond.is_empty());
    assert!(
        read_model
            .accounts(Page { skip: 0, take: 0 }, &UnlimitedBudget)
            .await
            .expect("reads")
            .is_empty()
    );
}

pub(crate) async fn keyset_pages_walk_a_list_from_both_ends(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    for number in [30, 10, 20, 10 + (1 << 64), 40] {
        fixture.create_account(number).await.expect("written");
    }
    let sorted = [10, 10 + (1 << 64), 20, 30, 40].map(account_id);
    let key = |id: AccountId, second: i64| SortKey {
        created_at: Timestamp::from_micros(second * 1_000_000),
        id: *id.as_uuid(),
    };
    let keys: Vec<SortKey> = sorted
        .into_iter()
        .zip([10, 10, 20, 30, 40])
        .map(|(id, second)| key(id, second))
        .collect();
    let read_model = &fixture.stores.read_model;
    let (start, end) = (SortKey::START, SortKey::END);
    for (after, before, take, from_end, expected) in [
        (start, end, 9, false, 0..5),
        (start, end, 2, false, 0..2),
        (start, end, 2, true, 3..5),
        (keys[0], end, 2, false, 1..3),
        (keys[1], keys[4], 9, false, 2..4),
        (start, keys[3], 2, true, 1..3),
        (keys[4], end, 9, false, 5..5),
    ] {
        let page = KeysetPage {
            after,
            before,
            take,
            from_end,
        };
        let rows = read_model
            .account_page_by_key(page, &UnlimitedBudget)
            .await
            .expect("reads");
        let ids: Vec<_> = rows.into_iter().map(|row| row.state.id).collect();
        assert_eq!(ids, sorted[expected], "{page:?}");
    }
    // Rows created meanwhile neither repeat nor skip others.
    let page = KeysetPage {
        after: keys[2],
        before: end,
        take: 1,
        from_end: false,
    };
    let next = read_model
        .account_page_by_key(page, &UnlimitedBudget)
        .await
        .expect("reads");
    fixture.create_account(15).await.expect("written");
    assert_eq!(
        read_model
            .account_page_by_key(page, &UnlimitedBudget)
            .await
            .expect("reads"),
        next
    );
}

pub(crate) async fn withdrawn_products_are_not_listed(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let mut states = Vec::new();
    for number in 1..=3 {
        let product = fixture.new_product(number);
        states.push(product.state.clone());
        fixture
            .stores
            .journal
            .append(product)
            .await
            .expect("written");
    }
    let withdraw = Command::Product(ProductCommand::Withdraw);
    let gone = fixture.decided(Some(states[1].clone()), 1, withdraw, command_id(9), None);
    let (id, state) = (gone.entity, gone.state.clone());
    fixture.stores.journal.append(gone).await.expect("written");
    let read_model = &fixture.stores.read_model;
    let page = KeysetPage {
        after: SortKey::START,
        before: SortKey::END,
        take: 9,
        from_end: false,
    };
    for rows in [
        read_model.products(ALL, &UnlimitedBudget).await,
        read_model.product_page_by_key(page, &UnlimitedBudget).await,
    ] {
        assert_eq!(rows.expect("reads").len(), 2);
    }
    let row = read_model.load(&[id]).await.expect("reads");
    assert_eq!(row, [Some(Stored { version: 2, state })]);
}

pub(crate) async fn orders_of_many_accounts_are_paged_by_offset(fixture: Fixture) {
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
        .orders_of(&accounts, page, &UnlimitedBudget)
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
            .orders_of(&[], ALL, &UnlimitedBudget)
            .await
            .expect("reads")
            .is_empty()
    );
}

pub(crate) async fn orders_of_many_accounts_are_paged_by_key(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let id = |account: u128, order: u128| {
        command_id(account * 100 + order).new_order(account_id(account))
    };
    let mut middle = SortKey::START;
    // Account n has n orders.
    for account in 0..15_u128 {
        for order in 0..account {
            let order = fixture.new_order(account * 100 + order, account_id(account), None);
            if (order.entity, account) == (id(7, 3).into(), 7) {
                middle = match &order.state {
                    fritzy_domain::State::Order(order) => SortKey {
                        created_at: order.created_at,
                        id: *order.id.as_uuid(),
                    },
                    other => panic!("{other:?} is not an order"),
                };
            }
            fixture.stores.journal.append(order).await.expect("written");
        }
    }
    let accounts: Vec<AccountId> = (0..15).rev().map(account_id).collect();
    let page_of = |after, before, take, from_end| KeysetPage {
        after,
        before,
        take,
        from_end,
    };
    let read = async |page: KeysetPage| -> Vec<Vec<_>> {
        let lists = &fixture.stores.read_model;
        let lists = lists
            .order_pages_by_key(&accounts, page, &UnlimitedBudget)
            .await;
        let lists = lists.expect("reads").into_iter();
        lists
            .map(|list| list.iter().map(|order| order.state.id).collect())
            .collect()
    };
    let (start, end) = (SortKey::START, SortKey::END);
    for (take, from_end) in [(2, false), (2, true), (100, true)] {
        let lists = read(page_of(start, end, take, from_end)).await;
        assert_eq!(lists.len(), accounts.len());
        for (account, found) in (0..15_u128).rev().zip(lists) {
            let take = u128::from(take).min(account);
            let all = if from_end {
                account - take..account
            } else {
                0..take
            };
            let expected: Vec<_> = all.map(|order| id(account, order)).collect();
            assert_eq!(found, expected, "account {account}, {take}, {from_end}");
        }
    }
    for (after, before, expected) in [(middle, end, 4..7), (start, middle, 0..3)] {
        let lists = read(page_of(after, before, 100, false)).await;
        let expected: Vec<_> = expected.map(|order| id(7, order)).collect();
        assert_eq!(lists[14 - 7], expected);
    }
}

/// A memory budget of a number of rows.
struct RowBudget(AtomicUsize);

impl MemoryBudget for RowBudget {
    fn take(&self, _bytes: usize) -> Result<(), BudgetExceeded> {
        let left = self.0.load(Ordering::SeqCst).checked_sub(1);
        let left = left.ok_or(BudgetExceeded::Shared)?;
        self.0.store(left, Ordering::SeqCst);
        Ok(())
    }
}

pub(crate) async fn lists_charge_the_memory_budget_for_each_row(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let owner = account_id(1);
    for number in 1..=9 {
        fixture.create_account(number).await.expect("written");
        for append in [
            fixture.new_product(100 + number),
            fixture.new_order(200 + number, owner, None),
        ] {
            fixture
                .stores
                .journal
                .append(append)
                .await
                .expect("written");
        }
    }
    let read_model = &fixture.stores.read_model;
    let page = KeysetPage {
        after: SortKey::START,
        before: SortKey::END,
        take: 9,
        from_end: true,
    };
    for rows in [8, 9] {
        let new = || RowBudget(AtomicUsize::new(rows));
        let lens = [
            read_model.accounts(ALL, &new()).await.map(|l| l.len()),
            read_model.products(ALL, &new()).await.map(|l| l.len()),
            read_model
                .account_page_by_key(page, &new())
                .await
                .map(|l| l.len()),
            read_model
                .product_page_by_key(page, &new())
                .await
                .map(|l| l.len()),
            read_model
                .orders_of(&[owner], ALL, &new())
                .await
                .map(|l| l[0].len()),
            read_model
                .order_pages_by_key(&[owner], page, &new())
                .await
                .map(|l| l[0].len()),
        ];
        let expected = if rows == 9 {
            Ok(9)
        } else {
            Err(StorageError::BudgetExceeded(BudgetExceeded::Shared))
        };
        assert_eq!(
            lens,
            [(); 6].map(|()| expected.clone()),
            "a budget of {rows} rows"
        );
    }
    let again = read_model.accounts(ALL, &UnlimitedBudget).await;
    assert_eq!(again.expect("reads after a refusal").len(), 9);
}

pub(crate) async fn load_returns_rows_in_the_order_of_the_ids(fixture: Fixture) {
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

pub(crate) async fn every_field_is_read_back(fixture: Fixture) {
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
        .products(ALL, &UnlimitedBudget)
        .await
        .expect("reads");
    assert_eq!(products.len(), 1);
}
