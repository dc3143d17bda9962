//! Changes of accounts and products up to closing and withdrawal (A9), and expected versions.

use fritzy_actors::{PriceInput, Target};
use fritzy_domain::{AccountCommand, Code, OrderCommand, ProductCommand, Version};

use crate::fixtures::{Fixture, deadline, field_of, keyed, order_input, unkeyed};

fn at_version(id: &str, expected: Version) -> Target<'_> {
    Target {
        id,
        expected_version: Some(expected),
    }
}

fn dollars(amount: &str) -> PriceInput {
    PriceInput {
        amount: amount.into(),
        amount_field: "price.amount",
        currency: "USD".into(),
    }
}

#[tokio::test]
async fn account_rename_then_close_makes_it_read_only() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let (shop, id) = (&fixture.shop, account.id.to_string());
    let rename = AccountCommand::Rename { name: "Jo".into() };
    let renamed = shop
        .command_account(&unkeyed(), &id, rename.clone())
        .await
        .expect("renamed");
    assert_eq!(
        (renamed.version, renamed.state.personal.name.as_str()),
        (2, "Jo")
    );
    let closed = shop
        .command_account(&unkeyed(), &id, AccountCommand::Close)
        .await;
    assert!(closed.expect("closed").state.closed);
    let refused = shop.command_account(&unkeyed(), &id, rename).await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::AccountClosed
    );
    let order = shop
        .place_order(&unkeyed(), &order_input(&account, &[(&product, 1)]))
        .await;
    assert_eq!(field_of(&order), Some("accountId"));
    assert_eq!(
        order.expect_err("must be rejected").code(),
        Code::AccountClosed
    );
}

#[tokio::test]
async fn order_uses_current_price_and_rejects_withdrawn_product() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let other = fixture.product("1").await;
    let (shop, id) = (&fixture.shop, product.id.to_string());
    let input = order_input(&account, &[(&other, 1), (&product, 2)]);
    let before = shop
        .place_order(&unkeyed(), &input)
        .await
        .expect("placed")
        .state;
    shop.reprice_product(&unkeyed(), &id, dollars("7.25"))
        .await
        .expect("repriced");
    let after = shop
        .place_order(&unkeyed(), &input)
        .await
        .expect("placed")
        .state;
    assert_eq!(
        (before.total.to_string(), after.total.to_string()),
        ("11.00".into(), "15.50".into())
    );
    assert_eq!(
        (
            before.lines[1].product_version,
            after.lines[1].product_version
        ),
        (1, 2)
    );

    shop.command_product(&unkeyed(), &id, ProductCommand::Withdraw)
        .await
        .expect("withdrawn");
    let refused = shop.place_order(&unkeyed(), &input).await;
    assert_eq!(field_of(&refused), Some("products[1].productId"));
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::ProductWithdrawn
    );
    let kept = shop
        .order(&before.id.to_string(), deadline())
        .await
        .expect("exists");
    assert_eq!(kept.state, before, "a withdrawal changed an order");
}

#[tokio::test]
async fn i8_repeated_key_replays_response_after_later_changes() {
    let fixture = Fixture::new().await;
    let (account, product) = (fixture.account().await, fixture.product("5").await);
    let (shop, id) = (&fixture.shop, product.id.to_string());
    let request = keyed("createOrder", "k", "o");
    let input = order_input(&account, &[(&product, 2)]);
    let placed = shop.place_order(&request, &input).await.expect("placed");
    let reprice = keyed("repriceProduct", "k", "7");
    let repriced = shop
        .reprice_product(&reprice, &id, dollars("7"))
        .await
        .expect("repriced");
    shop.reprice_product(&unkeyed(), &id, dollars("8"))
        .await
        .expect("repriced");
    shop.command_product(&unkeyed(), &id, ProductCommand::Withdraw)
        .await
        .expect("withdrawn");
    let account_id = account.id.to_string();
    shop.command_account(&unkeyed(), &account_id, AccountCommand::Close)
        .await
        .expect("closed");

    assert_eq!(shop.place_order(&request, &input).await, Ok(placed));
    assert_eq!(
        shop.reprice_product(&reprice, &id, dollars("7")).await,
        Ok(repriced)
    );
    assert_eq!(fixture.orders_of(&account.id).await.len(), 1);
    // The same request with an unused key.
    let refused = shop
        .place_order(&keyed("createOrder", "k2", "o"), &input)
        .await;
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::AccountClosed
    );
}

#[tokio::test]
async fn stale_expected_version_is_rejected_for_every_command() {
    let fixture = Fixture::new().await;
    let order = fixture.order().await.state;
    let (shop, id) = (&fixture.shop, order.id.to_string());
    let refused = shop
        .command_order(&unkeyed(), at_version(&id, 2), OrderCommand::Confirm)
        .await;
    assert_eq!(field_of(&refused), Some("expectedVersion"));
    assert_eq!(
        refused.expect_err("must be rejected").code(),
        Code::VersionMismatch
    );
    let confirmed = shop
        .command_order(&unkeyed(), at_version(&id, 1), OrderCommand::Confirm)
        .await;
    assert_eq!(confirmed.expect("confirmed").version, 2);

    let account = order.account_id.to_string();
    let close = shop
        .command_account(&unkeyed(), at_version(&account, 7), AccountCommand::Close)
        .await;
    assert_eq!(
        close.expect_err("must be rejected").code(),
        Code::VersionMismatch
    );
    let product = order.lines[0].product_id.to_string();
    let reprice = shop
        .reprice_in_own_currency(&unkeyed(), at_version(&product, 2), "1".into())
        .await;
    assert_eq!(
        reprice.expect_err("must be rejected").code(),
        Code::VersionMismatch
    );
    let withdraw = ProductCommand::Withdraw;
    let withdrawn = shop
        .command_product(&unkeyed(), at_version(&product, 1), withdraw)
        .await;
    assert_eq!(withdrawn.expect("withdrawn").version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commands_with_same_version_succeed_once() {
    let fixture = Fixture::new().await;
    let id = fixture.product("5").await.id.to_string();
    let attempts = (0..32).map(|number| {
        let (shop, id) = (fixture.shop.clone(), id.clone());
        tokio::spawn(async move {
            let price = dollars(&format!("{number}"));
            shop.reprice_product(&unkeyed(), at_version(&id, 1), price)
                .await
        })
    });
    let results = futures_util::future::join_all(attempts).await;
    let succeeded = results
        .into_iter()
        .filter(|result| result.as_ref().expect("no panic").is_ok());
    assert_eq!(succeeded.count(), 1);
}
