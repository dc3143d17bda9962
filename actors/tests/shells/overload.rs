//! Requests beyond the limits are refused at once; no queue grows without bound (B7).

use std::sync::atomic::Ordering;
use std::time::Duration;

use fritzy_actors::ShopConfig;
use fritzy_domain::Code;
use futures_util::future::join_all;

use crate::fixtures::{Fixture, deadline, in_ms};

fn limits() -> ShopConfig {
    ShopConfig {
        requests_max: 64,
        entity_queue_max: 8,
        ..ShopConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn full_entity_queue_refuses_without_delaying_others() {
    let fixture = Fixture::with(limits()).await;
    let (slow, other) = (fixture.account().await.id, fixture.account().await.id);
    fixture.faults.load_ms.store(1_000, Ordering::SeqCst);
    let (slow, other) = (slow.to_string(), other.to_string());
    let reads = (0..20).map(|_| fixture.shop.account(&slow, deadline()));
    let flood = async {
        let began = tokio::time::Instant::now();
        let results =
            join_all(reads.map(|read| async move { (read.await, began.elapsed()) })).await;
        let (served, refused): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|(result, _)| result.is_ok());
        assert_eq!((served.len(), refused.len()), (8, 12));
        for (result, took) in refused {
            assert_eq!(
                result.expect_err("must be refused").code(),
                Code::Overloaded
            );
            assert!(took < Duration::from_millis(10), "a refusal took {took:?}");
        }
    };
    let (flooded, neighbour) = tokio::join!(flood, fixture.shop.account(&other, deadline()));
    let () = flooded;
    assert!(neighbour.is_ok());
    // The permits are free again.
    let retried = join_all((0..8).map(|_| fixture.shop.account(&slow, deadline()))).await;
    assert!(retried.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn node_request_limit_refuses_excess_as_overload() {
    let fixture = Fixture::with(limits()).await;
    let mut accounts = Vec::new();
    for _ in 0..100 {
        accounts.push(fixture.account().await.id.to_string());
    }
    fixture.faults.load_ms.store(1_000, Ordering::SeqCst);
    let results = join_all(
        accounts
            .iter()
            .map(|id| fixture.shop.account(id, deadline())),
    )
    .await;
    let refused: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 36);
    assert!(
        refused
            .iter()
            .all(|refused| refused.code() == Code::Overloaded)
    );
}

#[tokio::test(start_paused = true)]
async fn abandoned_request_keeps_its_permit_until_done() {
    let fixture = Fixture::with(limits()).await;
    let id = fixture.account().await.id.to_string();
    fixture.faults.load_ms.store(1_000, Ordering::SeqCst);
    let abandoned = join_all((0..8).map(|_| fixture.shop.account(&id, in_ms(100)))).await;
    assert!(abandoned.iter().all(|result| {
        result
            .as_ref()
            .is_err_and(|failure| failure.code() == Code::DeadlineExceeded)
    }));
    // Otherwise clients that retry would fill the mailbox without bound.
    let next = fixture.shop.account(&id, in_ms(100)).await;
    assert_eq!(next.expect_err("must be refused").code(), Code::Overloaded);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(fixture.shop.account(&id, deadline()).await.is_ok());
}
