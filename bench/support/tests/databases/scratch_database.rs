//! Databases for measurements are dropped whenever their creation is cancelled.

use std::time::{Duration, Instant};

use fritzy_bench_support::ScratchDatabase;
use fritzy_testbed::{shared_postgres, skip_unless};
use tokio::time::{sleep, timeout};

/// Attempts, each cancelled after another delay, up to twice the time of a creation.
const ATTEMPTS: u32 = 24;
/// A server that still creates a database would have finished by then.
const SETTLE_TIME: Duration = Duration::from_secs(2);

#[tokio::test]
async fn cancelled_creation_leaves_no_database() {
    let server = skip_unless!(shared_postgres());
    let began = Instant::now();
    let whole = ScratchDatabase::create(server.url())
        .await
        .expect("created");
    let takes = began.elapsed();
    whole.remove().await.expect("removed");
    let mut cancelled = 0;
    for nth in 0..ATTEMPTS {
        let limit = takes * 2 * nth / ATTEMPTS;
        match timeout(limit, ScratchDatabase::create(server.url())).await {
            Ok(fresh) => drop(fresh.expect("created")),
            Err(_) => cancelled += 1,
        }
    }
    sleep(SETTLE_TIME).await;
    let left = server.databases("fritzy_bench_").expect("listed");
    assert_eq!(left, [""; 0], "{cancelled} of {ATTEMPTS} were cancelled");
    assert!(cancelled > 2, "{cancelled} of {ATTEMPTS}");
}
