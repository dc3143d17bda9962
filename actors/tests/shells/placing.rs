//! Placing orders: prices and totals, and rejections that name their argument.

use std::sync::atomic::Ordering;

use fritzy_domain::{Code, OrderCommand, OrderStatus};

use crate::fixtures::{Fixture, deadline, field_of, order_input, product_input, unkeyed};

#[tokio::test]
async fn placed_order_stores_names_prices_and_total() {
    let fixture = Fixture::new().await;
    let account = fixture.account().await;
    let (phone, cable) = (fixture.product("999.99").await, fixture.product("0").await);
    let input = order_input(&account, &[(&phone, 2), (&cable, 7)]);
    let order = fixture
        .shop
        .place_order(&unkeyed(), &input)
        .await
        .expect("placed")
        .state;
    assert_eq!(order.total.to_string(), "1999.98");
    assert_eq!(order.lines[0].name, "iPhone 15");
    assert_eq!(order.lines[1].unit_price_minor, 0);
    assert_eq!(order.id.slot(), account.id.slot());
    let read = fixture
        .shop
        .order(&order.id.to_string(), deadline())
        .await
        .expect("exists");
    assert_eq!(read.state, order);
}

#[tokio::test]
async fn order_with_unknown_id_is_rejected_naming_the_field() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let unknown = uuid::Uuid::now_v7().to_string();
    let valid = order_input(&account, &[(&product, 1), (&fixture.product("6").await, 1)]);

    for (id, code) in [
        (unknown.as_str(), Code::AccountNotFound),
        ("x", Code::InvalidArgument),
    ] {
        let mut input = valid.clone();
        input.account_id = id.into();
        let refused = fixture.shop.place_order(&unkeyed(), &input).await;
        assert_eq!(field_of(&refused), Some("accountId"));
        assert_eq!(refused.expect_err("must be rejected").code(), code);
    }
    for (id, code) in [
        (unknown.as_str(), Code::ProductNotFound),
        ("", Code::InvalidArgument),
    ] {
        let mut input = valid.clone();
        input.lines[1].product_id = id.into();
        let refused = fixture.shop.place_order(&unkeyed(), &input).await;
        assert_eq!(field_of(&refused), Some("products[1].productId"));
        assert_eq!(refused.expect_err("must be rejected").code(), code);
    }
    // The id of an entity of another kind is not a product.
    let mut input = valid.clone();
    input.lines[1].product_id = account.id.to_string();
    let refused = fixture.shop.place_order(&unkeyed(), &input).await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::ProductNotFound
    );
    assert_eq!(fixture.orders_of(&account.id).await, []);
}

#[tokio::test]
async fn product_with_invalid_price_is_rejected_naming_the_field() {
    let fixture = Fixture::new().await;
    for (price, currency, field) in [
        ("-1", "USD", "price"),
        ("NaN", "USD", "price"),
        ("1.001", "USD", "price"),
        ("1.5", "JPY", "price"),
        ("1e30", "USD", "price"),
        ("1", "ABC", "price.currency"),
    ] {
        let input = product_input(price, currency);
        let refused = fixture.shop.create_product(&unkeyed(), input).await;
        assert_eq!(field_of(&refused), Some(field), "{price} {currency}");
    }
}

#[tokio::test]
async fn illegal_transition_is_rejected_without_change() {
    let fixture = Fixture::new().await;
    let id = fixture.order().await.state.id.to_string();
    let early = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Complete)
        .await;
    assert_eq!(
        early.expect_err("must be rejected").code(),
        Code::IllegalTransition
    );
    for command in [OrderCommand::Confirm, OrderCommand::Complete] {
        fixture
            .shop
            .command_order(&unkeyed(), &id, command)
            .await
            .expect("changed");
    }
    let cancel = OrderCommand::Cancel {
        reason: Some("late".into()),
    };
    let refused = fixture.shop.command_order(&unkeyed(), &id, cancel).await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::IllegalTransition
    );
    let order = fixture.shop.order(&id, deadline()).await.expect("exists");
    assert_eq!(
        (order.version, order.state.status),
        (3, OrderStatus::Completed)
    );
}

#[tokio::test(start_paused = true)]
async fn account_and_products_are_read_in_parallel() {
    let fixture = Fixture::new().await;
    let account = fixture.account().await;
    let products = [
        fixture.product("1").await,
        fixture.product("2").await,
        fixture.product("3").await,
    ];
    fixture.faults.load_ms.store(1_000, Ordering::SeqCst);
    let lines: Vec<_> = products.iter().map(|product| (product, 1)).collect();
    let began = tokio::time::Instant::now();
    fixture
        .shop
        .place_order(&unkeyed(), &order_input(&account, &lines))
        .await
        .expect("placed");
    let took_ms = began.elapsed().as_millis();
    assert!(
        (1_000..1_500).contains(&took_ms),
        "four loads of 1 s each took {took_ms} ms"
    );
}
