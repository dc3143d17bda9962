//! Unused entities are passivated, and restored unchanged (B6).

use std::sync::atomic::Ordering;
use std::time::Duration;

use fritzy_actors::ShopConfig;
use fritzy_domain::{OrderCommand, OrderStatus};
use futures_util::future::join_all;

use crate::fixtures::{Fixture, deadline, unkeyed};

/// Shards of the fixture: the limit may be exceeded by one entity in each.
const SHARDS: usize = 8;

#[tokio::test(start_paused = true)]
async fn idle_entity_is_passivated_and_restored_unchanged() {
    let idle_after = Duration::from_secs(60);
    let fixture = Fixture::with(ShopConfig {
        idle_after,
        ..ShopConfig::default()
    })
    .await;
    let (idle, busy) = (
        fixture.order().await.state.id,
        fixture.order().await.state.id,
    );
    let (idle, busy) = (idle.to_string(), busy.to_string());
    let confirmed = fixture
        .shop
        .command_order(&unkeyed(), &idle, OrderCommand::Confirm)
        .await;
    assert!(confirmed.is_ok());
    for _ in 0..8 {
        fixture.shop.order(&busy, deadline()).await.expect("exists");
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    assert_eq!(
        fixture.shop.actor_counts().resident,
        1,
        "not only the busy order is in memory"
    );
    let loads = fixture.faults.loads.load(Ordering::SeqCst);
    fixture.shop.order(&busy, deadline()).await.expect("exists");
    assert_eq!(
        fixture.faults.loads.load(Ordering::SeqCst),
        loads,
        "the busy order was loaded again"
    );
    let restored = fixture.shop.order(&idle, deadline()).await.expect("exists");
    assert_eq!(
        (restored.version, restored.state.status),
        (2, OrderStatus::Confirmed)
    );
    assert_eq!(fixture.faults.loads.load(Ordering::SeqCst), loads + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_in_memory_stay_within_limit() {
    let fixture = Fixture::with(ShopConfig {
        entities_max: 50,
        ..ShopConfig::default()
    })
    .await;
    let mut accounts = Vec::new();
    for _ in 0..400 {
        accounts.push(fixture.account().await.id.to_string());
    }
    for wave in accounts.chunks(20) {
        let results = join_all(wave.iter().map(|id| fixture.shop.account(id, deadline()))).await;
        assert!(results.iter().all(Result::is_ok));
        let resident = fixture.shop.actor_counts().resident;
        // Entities that are stopping are counted until they have stopped.
        assert!(resident <= 50 + SHARDS + 20, "{resident} are resident");
    }
    assert!(fixture.shop.actor_counts().passivated >= 400 - 50 - SHARDS as u64);
}

/// The race that passivation must survive: commands arrive while the entity is stopping.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_during_passivation_execute_exactly_once() {
    let fixture = Fixture::with(ShopConfig {
        entities_max: 1,
        ..ShopConfig::default()
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..64 {
        ids.push(fixture.order().await.state.id.to_string());
    }
    let clients = ids.iter().map(|id| {
        let (shop, id) = (fixture.shop.clone(), id.clone());
        tokio::spawn(async move {
            for command in [OrderCommand::Confirm, OrderCommand::Complete] {
                shop.order(&id, deadline()).await.expect("exists");
                shop.command_order(&unkeyed(), &id, command)
                    .await
                    .expect("changed");
            }
        })
    });
    for client in join_all(clients).await {
        client.expect("every command succeeded");
    }
    for id in &ids {
        let order = fixture.shop.order(id, deadline()).await.expect("exists");
        assert_eq!(
            (order.version, order.state.status),
            (3, OrderStatus::Completed)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_activations_share_one_read() {
    let fixture = Fixture::new().await;
    let mut accounts = Vec::new();
    for _ in 0..100 {
        accounts.push(fixture.account().await.id.to_string());
    }
    fixture.faults.load_ms.store(100, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    let results = join_all(
        accounts
            .iter()
            .map(|id| fixture.shop.account(id, deadline())),
    )
    .await;
    assert!(results.iter().all(Result::is_ok));
    let took_ms = began.elapsed().as_millis();
    assert!(
        took_ms <= 300,
        "100 activations of 100 ms took {took_ms} ms"
    );
}
