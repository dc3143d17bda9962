//! Databases for a measurement leave nothing behind, whenever somebody stops waiting for them.

use std::time::{Duration, Instant};

use fritzy_bench_support::ScratchDatabase;
use fritzy_testbed::{shared_postgres, skipped};
use tokio::time::{sleep, timeout};

/// So many are given up sooner or later, up to twice as long as making one takes.
const MADE: u32 = 24;
/// A server that goes on making one is done by then.
const LATER: Duration = Duration::from_secs(2);

#[tokio::test]
async fn one_that_is_given_up_while_it_is_made_is_gone() {
    let test = "one_that_is_given_up_while_it_is_made_is_gone";
    let server = match shared_postgres() {
        Ok(server) => server,
        Err(missing) if missing.is_missing() => return skipped(test, &missing.to_string()),
        Err(failure) => panic!("{failure}"),
    };
    let began = Instant::now();
    let whole = ScratchDatabase::create(server.url()).await.expect("made");
    let takes = began.elapsed();
    whole.remove().await.expect("removed");
    let mut given_up = 0;
    for nth in 0..MADE {
        let limit = takes * 2 * nth / MADE;
        match timeout(limit, ScratchDatabase::create(server.url())).await {
            Ok(fresh) => drop(fresh.expect("made")),
            Err(_) => given_up += 1,
        }
    }
    sleep(LATER).await;
    let left = server.databases("fritzy_bench_").expect("asked");
    assert_eq!(left, [""; 0], "{given_up} of {MADE} were given up");
    assert!(given_up > 2, "{given_up} of {MADE}");
}
