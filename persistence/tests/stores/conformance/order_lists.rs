//! The list of all orders: every combination of filters against a model, its counts, and the times
//! of orders.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use fritzy_domain::{
    AccountId, Annotations, Append, Command, Currency, EntityId, MemoryBudget, Money, Order,
    OrderCommand, OrderFilter, OrderInterval, OrderKey, OrderListPage, OrderSort, OrderStatus,
    OrderTimes, Page, PlaceOrder, ProductId, Quote, QuotedLine, RowCount, State, Stored,
    TotalRange, UnlimitedBudget,
};
use fritzy_types::{BudgetExceeded, StorageError, Timestamp};
use uuid::Uuid;

use crate::fixture::{Fixture, account_id, command_id};

const ORDERS: u128 = 60;
const EUR: &str = "EUR";

fn product_id(number: u128) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(number))
}

/// Order `number` of account `number % 3`, at second `number / 2`: two orders share a time.
fn new_order(fixture: &Fixture, number: u128) -> Append {
    let code = if number.is_multiple_of(4) { EUR } else { "USD" };
    let currency = Currency::from_code(code).expect(code);
    let line = |product: u128, minor_units: i64| QuotedLine {
        quote: Quote {
            product_id: product_id(product),
            version: 1,
            name: "line".into(),
            unit_price: Money::from_minor_units(minor_units, currency).expect("in range"),
        },
        quantity: 1,
    };
    // Products 1 to 5; every second order has product 9 as well. Totals repeat.
    let mut lines = vec![line(
        1 + number % 5,
        100 * i64::try_from(number % 7).expect("small"),
    )];
    if number.is_multiple_of(2) {
        lines.push(line(9, 5));
    }
    let place = Command::Order(OrderCommand::Place(PlaceOrder {
        account_id: account_id(number % 3),
        lines,
        annotations: Annotations::default(),
    }));
    // The second of an append is in the middle of its command's id.
    let command = command_id(number / 2 + ((number % 2) << 64));
    fixture.decided(None, 0, place, command, None)
}

fn change(
    fixture: &Fixture,
    before: &Stored<Order>,
    command: OrderCommand,
    second: u128,
) -> Append {
    let state = State::Order(before.state.clone());
    let command = Command::Order(command);
    fixture.decided(
        Some(state),
        before.version,
        command,
        command_id(second),
        None,
    )
}

fn order_of(append: &Append) -> Stored<Order> {
    match &append.state {
        State::Order(order) => Stored {
            version: append.expected_version + append.events.len() as u64,
            state: order.clone(),
        },
        other => panic!("{other:?}"),
    }
}

/// Writes the orders; each is in one of the four statuses.
async fn filled(fixture: &Fixture) -> Vec<Stored<Order>> {
    let mut orders = Vec::new();
    for number in 0..ORDERS {
        let placed = new_order(fixture, number);
        let mut order = order_of(&placed);
        fixture
            .stores
            .journal
            .append(placed)
            .await
            .expect("written");
        let commands: &[OrderCommand] = match number % 6 {
            0 | 1 => &[],
            2 => &[OrderCommand::Confirm],
            3 | 4 => &[OrderCommand::Confirm, OrderCommand::Complete],
            _ => &[OrderCommand::Cancel { reason: None }],
        };
        for (step, command) in (1..).zip(commands) {
            let changed = change(fixture, &order, command.clone(), 1_000 * step + number);
            order = order_of(&changed);
            fixture
                .stores
                .journal
                .append(changed)
                .await
                .expect("written");
        }
        orders.push(order);
    }
    orders
}

fn seconds(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_micros(second * 1_000_000))
}

/// Every combination of some values of each condition.
fn filters() -> Vec<OrderFilter> {
    use OrderStatus::{Cancelled, Completed, Created};
    let eur = Currency::from_code(EUR).expect(EUR);
    let range = |currency, min, max| Some(TotalRange { currency, min, max });
    let mut filters = Vec::new();
    for statuses in [
        None,
        Some(vec![]),
        Some(vec![Completed]),
        Some(vec![Cancelled, Created]),
        Some(OrderStatus::ALL.to_vec()),
    ] {
        for account in [None, Some(account_id(1)), Some(account_id(7))] {
            for product in [
                None,
                Some(product_id(3)),
                Some(product_id(9)),
                Some(product_id(77)),
            ] {
                for (created_from, created_before) in
                    [(None, None), (seconds(5), seconds(20)), (seconds(9), None)]
                {
                    for totals in [
                        None,
                        Some(TotalRange::all(eur)),
                        range(Currency::USD, 105, 400),
                    ] {
                        filters.push(OrderFilter {
                            statuses: statuses.clone(),
                            account,
                            product,
                            created_from,
                            created_before,
                            totals,
                        });
                    }
                }
            }
        }
    }
    filters
}

fn place(order: &Order, sort: OrderSort) -> (String, i64, Uuid) {
    let id = *order.id.as_uuid();
    match sort {
        OrderSort::Creation => (String::new(), order.created_at.as_micros(), id),
        OrderSort::Total => {
            let currency = order.total.currency().code();
            (currency.into(), order.total.minor_units(), id)
        }
    }
}

/// The part of a list behind a key, or before it.
fn interval(sort: OrderSort, at: Option<OrderKey>, from_end: bool) -> OrderInterval {
    let (after, before) = if from_end { (None, at) } else { (at, None) };
    let creation = |key| match key {
        OrderKey::Creation(key) => key,
        OrderKey::Total(_) => panic!("a key of another list"),
    };
    let total = |key| match key {
        OrderKey::Total(key) => key,
        OrderKey::Creation(_) => panic!("a key of another list"),
    };
    match sort {
        OrderSort::Creation => OrderInterval::Creation {
            after: after.map(creation),
            before: before.map(creation),
        },
        OrderSort::Total => OrderInterval::Total {
            after: after.map(total),
            before: before.map(total),
        },
    }
}

/// Walks the list to its end, in pages.
async fn walked(
    fixture: &Fixture,
    filter: &OrderFilter,
    sort: OrderSort,
    take: u32,
    from_end: bool,
) -> Vec<Stored<Order>> {
    let mut walked = Vec::new();
    let mut at = None;
    loop {
        let page = OrderListPage {
            interval: interval(sort, at, from_end),
            take,
            from_end,
        };
        let read_model = &fixture.stores.read_model;
        let slice = read_model.order_page(filter, page, &UnlimitedBudget).await;
        let slice = slice.expect("reads");
        assert_eq!(slice.stopped_at, None, "few orders");
        let mut orders = slice.orders;
        assert!(orders.len() <= take as usize, "{page:?}");
        let is_last = orders.len() < take as usize;
        if from_end {
            orders.reverse();
        }
        at = orders.last().map(|order| OrderKey::of(&order.state, sort));
        walked.extend(orders);
        if is_last {
            return walked;
        }
    }
}

pub(crate) async fn order_pages_equal_a_model_for_every_filter(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let all = filled(&fixture).await;
    let mut lens = BTreeSet::new();
    for filter in filters() {
        let matching: Vec<_> = all
            .iter()
            .filter(|order| filter.matches(&order.state))
            .collect();
        lens.insert(matching.len());
        for sort in [OrderSort::Creation, OrderSort::Total] {
            let mut expected: Vec<Stored<Order>> = matching.iter().copied().cloned().collect();
            expected.sort_by_key(|order| place(&order.state, sort));
            let forwards = walked(&fixture, &filter, sort, 7, false).await;
            assert_eq!(forwards, expected, "{filter:?} by {sort:?}");
            expected.reverse();
            let backwards = walked(&fixture, &filter, sort, 11, true).await;
            assert_eq!(backwards, expected, "{filter:?} by {sort:?}, backwards");
        }
        let count = fixture.stores.read_model.count_orders(&filter).await;
        let rows = matching.len() as u64;
        let expected = RowCount {
            rows,
            is_lower_bound: false,
        };
        assert_eq!(count, Ok(expected), "{filter:?}");
    }
    assert!(lens.len() > 10 && lens.contains(&0) && lens.contains(&(ORDERS as usize)));
}

pub(crate) async fn order_page_ends_before_its_other_key(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let all = filled(&fixture).await;
    for sort in [OrderSort::Creation, OrderSort::Total] {
        let mut sorted = all.clone();
        sorted.sort_by_key(|order| place(&order.state, sort));
        let key = |index: usize| Some(OrderKey::of(&sorted[index].state, sort));
        let between = match (
            interval(sort, key(10), false),
            interval(sort, key(20), true),
        ) {
            (OrderInterval::Creation { after, .. }, OrderInterval::Creation { before, .. }) => {
                OrderInterval::Creation { after, before }
            }
            (OrderInterval::Total { after, .. }, OrderInterval::Total { before, .. }) => {
                OrderInterval::Total { after, before }
            }
            other => panic!("{other:?}"),
        };
        for (take, from_end, expected) in
            [(99, false, 11..20), (3, false, 11..14), (3, true, 17..20)]
        {
            let page = OrderListPage {
                interval: between,
                take,
                from_end,
            };
            let filter = OrderFilter::default();
            let read_model = &fixture.stores.read_model;
            let slice = read_model.order_page(&filter, page, &UnlimitedBudget).await;
            assert_eq!(slice.expect("reads").orders, sorted[expected], "{page:?}");
        }
    }
}

/// A memory budget of a number of rows.
struct RowBudget(AtomicUsize);

impl MemoryBudget for RowBudget {
    fn take(&self, _bytes: usize) -> Result<(), BudgetExceeded> {
        let left = self.0.load(Ordering::SeqCst).checked_sub(1);
        self.0
            .store(left.ok_or(BudgetExceeded::Shared)?, Ordering::SeqCst);
        Ok(())
    }
}

pub(crate) async fn order_page_charges_the_budget_for_each_row(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    filled(&fixture).await;
    let filter = OrderFilter::default();
    let page = OrderListPage {
        interval: interval(OrderSort::Creation, None, false),
        take: 9,
        from_end: false,
    };
    for (rows, expected) in [
        (9, Ok(9)),
        (8, Err(StorageError::BudgetExceeded(BudgetExceeded::Shared))),
    ] {
        let budget = RowBudget(AtomicUsize::new(rows));
        let read = fixture.stores.read_model.order_page(&filter, page, &budget);
        assert_eq!(read.await.map(|slice| slice.orders.len()), expected);
    }
}

pub(crate) async fn order_times_are_those_of_its_events(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    let all = filled(&fixture).await;
    let mut wanted = Vec::new();
    let mut expected = Vec::new();
    for order in &all {
        let shard = fixture.lease_of(order.state.id.into()).shard;
        let entity = EntityId::Order(order.state.id);
        let journal = &fixture.stores.journal;
        let events = journal.read_entity(shard, entity, order.version).await;
        let events = events.expect("reads");
        // Also as it was before, whatever has happened since.
        for version in (1..=order.version).rev() {
            let updated_at = events[version as usize - 1].event.at();
            let is_final = order.state.status == OrderStatus::Completed
                || order.state.status == OrderStatus::Cancelled;
            let closed = is_final && version == order.version;
            wanted.push((order.state.id, version));
            expected.push(OrderTimes {
                updated_at,
                closed_at: closed.then_some(updated_at),
            });
        }
    }
    let read_model = &fixture.stores.read_model;
    let times = read_model.order_times(&wanted).await;
    assert_eq!(times, Ok(expected));
    assert_eq!(read_model.order_times(&[]).await, Ok(vec![]));
    let unknown = read_model.order_times(&[(all[0].state.id, 99)]).await;
    assert!(
        matches!(unknown, Err(StorageError::Unreadable(_))),
        "{unknown:?}"
    );
}

pub(crate) async fn lists_are_counted_by_account_and_kind(fixture: Fixture) {
    let fixture = fixture.claimed().await;
    filled(&fixture).await;
    for number in 100..105 {
        fixture.create_account(number).await.expect("written");
        let product = fixture.new_product(500 + number);
        fixture
            .stores
            .journal
            .append(product)
            .await
            .expect("written");
    }
    let exact = |rows| {
        Ok(RowCount {
            rows,
            is_lower_bound: false,
        })
    };
    let read_model = &fixture.stores.read_model;
    assert_eq!(read_model.count_accounts().await, exact(5));
    assert_eq!(read_model.count_products().await, exact(5));
    let accounts: Vec<AccountId> = (0..250).rev().map(account_id).collect();
    let counts = read_model
        .count_orders_of(&accounts)
        .await
        .expect("counted");
    let rows: Vec<u64> = counts.iter().map(|count| count.rows).collect();
    let expected: Vec<u64> = (0..250).rev().map(|n| if n < 3 { 20 } else { 0 }).collect();
    assert_eq!(rows, expected);
    assert_eq!(read_model.count_orders_of(&[]).await, Ok(vec![]));
    let page = Page { skip: 0, take: 9 };
    let listed = read_model.products(page, &UnlimitedBudget).await;
    assert_eq!(listed.expect("reads").len(), 5);
}
