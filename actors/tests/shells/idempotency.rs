//! A repeated idempotency key has no second effect, and gets the response of its first use (I8).

use std::time::Duration;

use fritzy_actors::ShopConfig;
use fritzy_domain::{AccountCommand, Code, OrderCommand, OrderStatus, ProductCommand};
use futures_util::future::join_all;

use crate::fixtures::{Fixture, keyed, order_input, product_input, unkeyed};

#[tokio::test]
async fn i8_repeat_of_every_mutation_replays_first_response() {
    let fixture = Fixture::new().await;
    let shop = &fixture.shop;
    let account = keyed("createAccount", "k", "John");
    let first = shop
        .create_account(&account, "John".into())
        .await
        .expect("created");
    assert_eq!(
        shop.create_account(&account, "John".into()).await,
        Ok(first.clone())
    );

    let product = keyed("createProduct", "k", "p");
    let input = || product_input("999.99", "USD");
    let made = shop
        .create_product(&product, input())
        .await
        .expect("created");
    assert_eq!(
        shop.create_product(&product, input()).await,
        Ok(made.clone())
    );

    let order = keyed("createOrder", "k", "o");
    let lines = order_input(&first.state, &[(&made.state, 2)]);
    let placed = shop.place_order(&order, &lines).await.expect("placed");
    let id = placed.state.id.to_string();

    let confirm = keyed("confirmOrder", "k", &id);
    let confirmed = shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await
        .expect("moved");
    let cancel = OrderCommand::Cancel { reason: None };
    shop.command_order(&unkeyed(), &id, cancel)
        .await
        .expect("moved");
    // The order has changed since; both repeats still get their first responses.
    assert_eq!(shop.place_order(&order, &lines).await, Ok(placed));
    let repeated = shop
        .command_order(&confirm, &id, OrderCommand::Confirm)
        .await
        .expect("repeat");
    assert_eq!(repeated, confirmed);
    assert_eq!(
        (repeated.version, repeated.state.status),
        (2, OrderStatus::Confirmed)
    );
    assert_eq!(fixture.orders_of(&first.state.id).await.len(), 1);
}

#[tokio::test]
async fn i8_key_with_other_content_is_rejected() {
    let fixture = Fixture::new().await;
    let shop = &fixture.shop;
    let first = keyed("createAccount", "k", "John");
    shop.create_account(&first, "John".into())
        .await
        .expect("created");
    let other = keyed("createAccount", "k", "Jane");
    let refused = shop.create_account(&other, "Jane".into()).await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::IdempotencyKeyReused
    );
    // Also when the other content is invalid by itself.
    let invalid = keyed("createAccount", "k", "");
    let refused = shop.create_account(&invalid, "".into()).await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::IdempotencyKeyReused
    );

    let order = fixture.order().await.state;
    let id = order.id.to_string();
    let confirm = keyed("orders", "k", "confirm");
    shop.command_order(&confirm, &id, OrderCommand::Confirm)
        .await
        .expect("moved");
    let complete = keyed("orders", "k", "complete");
    let refused = shop
        .command_order(&complete, &id, OrderCommand::Complete)
        .await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::IdempotencyKeyReused
    );
}

#[tokio::test]
async fn i8_key_reused_for_another_account_is_rejected() {
    let fixture = Fixture::new().await;
    let product = fixture.product("5").await;
    let mut refusals = 0;
    for account in [
        fixture.account().await,
        fixture.account().await,
        fixture.account().await,
    ] {
        let request = keyed("createOrder", "k", &account.id.to_string());
        let input = order_input(&account, &[(&product, 1)]);
        match fixture.shop.place_order(&request, &input).await {
            Ok(placed) => assert_eq!(placed.state.account_id, account.id),
            Err(refused) => {
                assert_eq!(refused.code(), Code::IdempotencyKeyReused);
                refusals += 1;
            }
        }
    }
    assert_eq!(refusals, 2);
}

#[tokio::test]
async fn i8_repeat_replays_despite_rejected_quote() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let request = keyed("createOrder", "k", "o");
    let input = order_input(&account, &[(&product, 1)]);
    let placed = fixture
        .shop
        .place_order(&request, &input)
        .await
        .expect("placed");
    // The same key and fingerprint, but a product that cannot be ordered, as after a withdrawal.
    let mut unavailable = input.clone();
    unavailable.lines[0].product_id = uuid::Uuid::now_v7().to_string();
    assert_eq!(
        fixture.shop.place_order(&request, &unavailable).await,
        Ok(placed)
    );
    // An unused key gets the rejection itself.
    let fresh = keyed("createOrder", "k2", "o");
    let refused = fixture
        .shop
        .place_order(&fresh, &unavailable)
        .await
        .expect_err("must be rejected");
    assert_eq!(refused.code(), Code::ProductNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_concurrent_duplicates_have_one_effect() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let input = order_input(&account, &[(&product, 3)]);
    let request = keyed("createOrder", "k", "o");
    let attempts = (0..64).map(|_| {
        let (shop, input) = (fixture.shop.clone(), input.clone());
        tokio::spawn(async move { shop.place_order(&request, &input).await })
    });
    let results: Vec<_> = join_all(attempts).await;
    let first = results[0]
        .as_ref()
        .expect("no panic")
        .clone()
        .expect("placed");
    for result in results {
        assert_eq!(result.expect("no panic"), Ok(first.clone()));
    }
    assert_eq!(fixture.orders_of(&account.id).await, [first]);
}

/// First responses are kept by the journal, not by actors: every actor is passivated in between.
#[tokio::test(start_paused = true)]
async fn i8_repeat_after_passivation_replays_first_response() {
    let idle_after = Duration::from_secs(60);
    let config = ShopConfig {
        idle_after,
        ..ShopConfig::default()
    };
    let fixture = Fixture::with(config).await;
    let (shop, account, product) = (
        &fixture.shop,
        fixture.account().await,
        fixture.product("5").await,
    );
    let (account_id, product_id) = (account.id.to_string(), product.id.to_string());
    let lines = order_input(&account, &[(&product, 2)]);
    // Every attempt needs a fresh deadline, so each request is built anew.
    let place = async || {
        shop.place_order(&keyed("createOrder", "k", "o"), &lines)
            .await
    };
    let rename = async |name: &str| {
        let command = AccountCommand::Rename { name: name.into() };
        shop.command_account(&keyed("renameAccount", "k", name), &account_id, command)
            .await
    };
    let reprice = async |amount: &str| {
        let request = keyed("repriceProduct", "k", amount);
        let price = product_input(amount, "USD").price;
        shop.reprice_product(&request, &product_id, price).await
    };
    let (placed, renamed, repriced) = (place().await, rename("Ada").await, reprice("7").await);
    assert!(placed.is_ok() && renamed.is_ok() && repriced.is_ok());
    let passivate_all = async || {
        while fixture.shop.actor_counts().resident > 0 {
            tokio::time::sleep(idle_after).await;
        }
    };
    passivate_all().await;
    let withdraw = ProductCommand::Withdraw;
    shop.command_product(&unkeyed(), &product_id, withdraw)
        .await
        .expect("withdrawn");
    shop.command_account(&unkeyed(), &account_id, AccountCommand::Close)
        .await
        .expect("closed");
    passivate_all().await;
    assert_eq!(place().await, placed);
    assert_eq!(rename("Ada").await, renamed);
    assert_eq!(reprice("7").await, repriced);
    assert_eq!(fixture.orders_of(&account.id).await.len(), 1);
    passivate_all().await;
    let refused = [
        rename("Bob").await.expect_err("must be rejected").code(),
        reprice("8").await.expect_err("must be rejected").code(),
    ];
    assert_eq!(refused, [Code::IdempotencyKeyReused; 2]);
}
