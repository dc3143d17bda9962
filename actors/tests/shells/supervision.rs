//! The crash of an actor loses no committed state and affects no other entity (B1); deadlines hold.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fritzy_actors::ShopError;
use fritzy_domain::{Code, OrderCommand, OrderStatus};
use fritzy_types::Failure;

use crate::fixtures::{Fixture, deadline, in_ms, unkeyed};

#[tokio::test]
async fn panicked_entity_is_rebuilt_on_next_use() {
    let fixture = Fixture::new().await;
    let (order, neighbour) = (fixture.order().await, fixture.order().await);
    let id = order.state.id.to_string();
    let confirmed = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Confirm)
        .await;
    assert_eq!(confirmed.expect("confirmed").version, 2);

    fixture
        .faults
        .panic_before_append
        .store(true, Ordering::SeqCst);
    let panicked = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Complete)
        .await;
    assert_eq!(panicked, Err(ShopError::Failed(Failure::Internal)));

    // The neighbour's actor is unaffected; this entity is in its state before the panic.
    let neighbour_id = neighbour.state.id.to_string();
    assert_eq!(
        fixture.shop.order(&neighbour_id, deadline()).await,
        Ok(neighbour)
    );
    let rebuilt = fixture.shop.order(&id, deadline()).await.expect("rebuilt");
    assert_eq!(
        (rebuilt.version, rebuilt.state.status),
        (2, OrderStatus::Confirmed)
    );
    let completed = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Complete)
        .await;
    assert_eq!(completed.expect("completed").version, 3);
}

#[tokio::test(start_paused = true)]
async fn rebuilt_entity_includes_append_queued_by_dead_actor() {
    let fixture = Fixture::new().await;
    let id = fixture.order().await.state.id.to_string();
    fixture.faults.hold_append.store(true, Ordering::SeqCst);
    fixture
        .faults
        .panic_after_append
        .store(true, Ordering::SeqCst);
    let lost = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Confirm)
        .await;
    assert_eq!(lost, Err(ShopError::Failed(Failure::Internal)));

    // The append is still in the queue, without its actor. The next actor must not read before it.
    let (shop, order_id) = (fixture.shop.clone(), id.clone());
    let read = tokio::spawn(async move { shop.order(&order_id, deadline()).await });
    // Paused time advances only when every task is idle: the read has got as far as it can.
    tokio::time::sleep(Duration::from_millis(1)).await;
    fixture.faults.gate.notify_one();
    let seen = read.await.expect("no panic").expect("rebuilt");
    assert_eq!(
        (seen.version, seen.state.status),
        (2, OrderStatus::Confirmed)
    );
    let completed = fixture
        .shop
        .command_order(&unkeyed(), &id, OrderCommand::Complete)
        .await;
    assert_eq!(completed.expect("completed").version, 3);
}

#[tokio::test]
async fn panicking_creation_fails_alone() {
    let fixture = Fixture::new().await;
    let order = fixture.order().await;
    fixture
        .faults
        .panic_before_append
        .store(true, Ordering::SeqCst);
    let panicked = fixture.shop.create_account(&unkeyed(), "Jane".into()).await;
    assert_eq!(panicked, Err(ShopError::Failed(Failure::Internal)));
    let id = order.state.id.to_string();
    assert_eq!(fixture.shop.order(&id, deadline()).await, Ok(order));
    fixture.account().await;
}

#[tokio::test]
async fn active_entity_is_read_from_memory() {
    let fixture = Fixture::new().await;
    let id = fixture.account().await.id.to_string();
    for _ in 0..10 {
        fixture.shop.account(&id, deadline()).await.expect("exists");
    }
    assert_eq!(fixture.faults.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_entity_under_concurrent_reads_is_not_found() {
    let fixture = Fixture::new().await;
    let unknown = uuid::Uuid::now_v7().to_string();
    // Each reply stops the actor while other reads are queued for it.
    let readers = (0..8).map(|_| {
        let (shop, unknown) = (fixture.shop.clone(), unknown.clone());
        tokio::spawn(async move {
            for _ in 0..300 {
                let result = shop.account(&unknown, deadline()).await;
                assert_eq!(
                    result.expect_err("does not exist").code(),
                    Code::AccountNotFound
                );
            }
        })
    });
    for reader in futures_util::future::join_all(readers).await {
        reader.expect("every read reported an absent account");
    }
}

#[tokio::test(start_paused = true)]
async fn late_command_times_out_and_is_not_executed() {
    let fixture = Fixture::new().await;
    let id = fixture.order().await.state.id.to_string();
    fixture.faults.load_ms.store(1_000, Ordering::SeqCst);
    let late = fixture.shop.order(&id, in_ms(300)).await;
    assert_eq!(late.expect_err("too slow").code(), Code::DeadlineExceeded);

    // The command waits in the mailbox behind the read above until its deadline has passed.
    let mut request = unkeyed();
    request.deadline = in_ms(200);
    let dropped = fixture
        .shop
        .command_order(&request, &id, OrderCommand::Confirm)
        .await;
    assert_eq!(
        dropped.expect_err("too late").code(),
        Code::DeadlineExceeded
    );
    let seen = fixture.shop.order(&id, deadline()).await.expect("exists");
    assert_eq!(seen.version, 1, "the late command was executed");
}
