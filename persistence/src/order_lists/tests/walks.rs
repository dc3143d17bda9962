//! Walks through lists whose orders are far apart: pages end after [`LOOKED_AT_MAX`] rows, and the
//! walk continues behind the last row looked at.

use fritzy_domain::{
    Currency, LOOKED_AT_MAX, Order, OrderFilter, OrderInterval, OrderKey, OrderListPage, OrderSort,
    OrderStatus, RowCount, Stored, TotalRange, UnlimitedBudget,
};
use fritzy_testbed::skip_unless;
use fritzy_types::Timestamp;

use super::filled::{BUSY, Filled, ORDERS, account, admitted, all, eur, product};
use crate::Stores;

/// What pages of a walk returned.
#[derive(Debug, Default)]
struct Walked {
    orders: Vec<Stored<Order>>,
    pages: usize,
    /// Pages that ended before they were full.
    short: usize,
    empty: usize,
}

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

async fn walk(stores: &Stores, filter: &OrderFilter, sort: OrderSort, from_end: bool) -> Walked {
    const TAKE: u32 = 2;
    let mut walked = Walked::default();
    let mut at = None;
    loop {
        let page = OrderListPage {
            interval: interval(sort, at, from_end),
            take: TAKE,
            from_end,
        };
        let slice = stores
            .read_model
            .order_page(filter, page, &UnlimitedBudget)
            .await;
        let slice = slice.expect("reads");
        let mut orders = slice.orders;
        if from_end {
            orders.reverse();
        }
        let is_full = orders.len() == TAKE as usize;
        walked.pages += 1;
        walked.short += usize::from(slice.stopped_at.is_some());
        walked.empty += usize::from(slice.stopped_at.is_some() && orders.is_empty());
        let last = orders.last().map(|order| OrderKey::of(&order.state, sort));
        walked.orders.extend(orders);
        assert!(
            !is_full || slice.stopped_at.is_none(),
            "a full page does not end early"
        );
        match (slice.stopped_at, is_full) {
            (Some(stopped_at), _) => at = Some(stopped_at),
            (None, true) => at = last,
            (None, false) => return walked,
        }
        assert!(walked.pages < 1_000, "the walk does not end");
    }
}

/// Filters whose orders are rare in their index, and how many rows that index has.
fn rare() -> Vec<(OrderFilter, OrderSort, usize)> {
    let totals = Some(TotalRange::all(eur()));
    let count = |filter: &OrderFilter| admitted(filter).len();
    let busy_account = OrderFilter {
        account: Some(account(BUSY)),
        ..OrderFilter::default()
    };
    let busy_product = OrderFilter {
        product: Some(product(BUSY)),
        ..OrderFilter::default()
    };
    let done = OrderFilter {
        statuses: Some(vec![OrderStatus::Completed, OrderStatus::Cancelled]),
        ..OrderFilter::default()
    };
    let all = ORDERS as usize;
    let one_total = TotalRange {
        currency: Currency::USD,
        min: 80_000,
        max: 80_000,
    };
    let one_time = |micros| Some(Timestamp::from_micros(micros));
    vec![
        (
            OrderFilter {
                totals,
                ..OrderFilter::default()
            },
            OrderSort::Creation,
            all,
        ),
        (
            OrderFilter {
                totals,
                ..busy_account.clone()
            },
            OrderSort::Creation,
            count(&busy_account),
        ),
        (
            OrderFilter {
                totals: Some(one_total),
                ..busy_product.clone()
            },
            OrderSort::Creation,
            count(&busy_product),
        ),
        (
            OrderFilter {
                totals,
                ..done.clone()
            },
            OrderSort::Creation,
            count(&done),
        ),
        (
            OrderFilter {
                created_from: one_time(5_000_000),
                created_before: one_time(5_001_000),
                ..OrderFilter::default()
            },
            OrderSort::Total,
            all,
        ),
    ]
}

async fn short_pages_lead_to_every_order(stores: &Stores) {
    let look = LOOKED_AT_MAX as usize;
    for (filter, sort, in_index) in rare() {
        let expected = {
            let mut expected = admitted(&filter);
            expected.sort_by_key(|order| match OrderKey::of(&order.state, sort) {
                OrderKey::Creation(key) => (String::new(), key.created_at.as_micros(), key.id),
                OrderKey::Total(key) => (key.currency.code().into(), key.minor_units, key.id),
            });
            expected
        };
        assert!(!expected.is_empty(), "{filter:?}");
        for from_end in [false, true] {
            let walked = walk(stores, &filter, sort, from_end).await;
            let mut orders = walked.orders.clone();
            if from_end {
                orders.reverse();
            }
            assert!(
                orders == expected,
                "{filter:?} by {sort:?}: {} orders",
                orders.len()
            );
            // Each short page has looked at all that it may.
            let (pages, short) = (walked.pages, walked.short);
            assert!(
                short >= 1 && short <= in_index / look,
                "{filter:?}: {short} of {pages}"
            );
        }
    }
    // No row of the index is in the list.
    let none = OrderFilter {
        totals: Some(TotalRange {
            currency: eur(),
            min: 99_999,
            max: TotalRange::UNLIMITED,
        }),
        ..OrderFilter::default()
    };
    let walked = walk(stores, &none, OrderSort::Creation, false).await;
    assert_eq!((walked.orders.len(), walked.empty), (0, 3), "{walked:?}");
}

async fn counts_stop_and_say_so(stores: &Stores) {
    let count = async |filter: OrderFilter| {
        let counted = stores
            .read_model
            .count_orders(&filter)
            .await
            .expect("counted");
        (counted, admitted(&filter).len() as u64)
    };
    let bound = |rows| RowCount {
        rows,
        is_lower_bound: true,
    };
    let (all, _) = count(OrderFilter::default()).await;
    assert_eq!(all, bound(10_000));
    let (rare, _) = count(OrderFilter {
        statuses: Some(vec![OrderStatus::Completed]),
        totals: Some(TotalRange::all(eur())),
        ..OrderFilter::default()
    })
    .await;
    assert!(
        rare.is_lower_bound && rare.rows >= 1 && rare.rows < 3,
        "{rare:?}"
    );
    let (exact, rows) = count(OrderFilter {
        totals: Some(TotalRange::all(eur())),
        ..OrderFilter::default()
    })
    .await;
    assert_eq!((exact.rows, exact.is_lower_bound), (rows, false));
    assert_eq!(rows, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_short_pages_lead_to_every_order() {
    let filled = Filled::sqlite().await;
    short_pages_lead_to_every_order(&filled.stores).await;
    counts_stop_and_say_so(&filled.stores).await;
    assert_eq!(all().len() as u128, ORDERS);
    filled.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_short_pages_lead_to_every_order() {
    let filled = skip_unless!(Filled::postgres().await);
    short_pages_lead_to_every_order(&filled.stores).await;
    counts_stop_and_say_so(&filled.stores).await;
    filled.stores.close().await;
}
