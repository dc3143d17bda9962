//! The bridge on real brokers: what is in the journal is on Kafka, first occurrences in order (invariant I6), through
//! brokers that stop and die, and bridges that start anew.

mod consumed;
mod shop;

use std::time::Duration;

use consumed::Consumed;
use shop::KafkaShop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_published_in_order_once_and_on_every_topic() {
    let Some(shop) = KafkaShop::new(
        "everything_is_published_in_order_once_and_on_every_topic",
        1,
    )
    .await
    else {
        return;
    };
    shop.orders(50).await;
    let running = shop.bridge().await;
    shop.orders(50).await;
    shop.until_published(&running).await;
    running.stop().await;
    // Another one goes on behind what was acknowledged.
    let running = shop.bridge().await;
    shop.orders(20).await;
    shop.until_published(&running).await;
    running.stop().await;
    let consumed = Consumed::all(&shop.brokers());
    consumed.require_whole(&shop.journal().await);
    assert_eq!(consumed.repeats, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_and_one_that_is_killed_cost_nothing_but_time() {
    let test = "a_broker_that_is_away_and_one_that_is_killed_cost_nothing_but_time";
    let Some(mut shop) = KafkaShop::new(test, 1).await else {
        return;
    };
    let running = shop.bridge().await;
    shop.orders(30).await;
    shop.broker(|cluster| cluster.pause(0));
    shop.orders(30).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    shop.broker(|cluster| cluster.resume(0));
    shop.orders(30).await;
    shop.broker(|cluster| cluster.kill(0));
    shop.orders(30).await;
    shop.broker(|cluster| cluster.start_again(0));
    shop.orders(30).await;
    shop.until_published(&running).await;
    running.stop().await;
    let consumed = Consumed::all(&shop.brokers());
    consumed.require_whole(&shop.journal().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_is_given_up_in_the_middle_repeats_and_loses_nothing() {
    let test = "a_bridge_that_is_given_up_in_the_middle_repeats_and_loses_nothing";
    let Some(shop) = KafkaShop::new(test, 1).await else {
        return;
    };
    for _ in 0..4 {
        let running = shop.bridge().await;
        shop.orders(200).await;
        // As a kill would: cursors are not saved, and nothing is waited for.
        running.kill();
    }
    let running = shop.bridge().await;
    shop.until_published(&running).await;
    running.stop().await;
    let consumed = Consumed::all(&shop.brokers());
    consumed.require_whole(&shop.journal().await);
    assert!(consumed.repeats > 0, "what was not saved is told again");
}
