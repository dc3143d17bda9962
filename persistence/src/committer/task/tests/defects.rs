//! A committer that has panicked.

use super::*;

#[tokio::test]
async fn panic_in_the_store_is_reported_to_its_owner() {
    let fixture = fixture(CommitterConfig::default(), Vec::new(), None);
    let panicked = {
        let committer = fixture.committer.clone();
        tokio::spawn(async move { committer.panicked().await })
    };
    tokio::task::yield_now().await;
    assert!(!panicked.is_finished());
    // The store panics when it acquires from a closed semaphore.
    fixture.gate.close();
    let failed = fixture.committer.append(append(1)).await;
    assert!(failed.is_err_and(|failure| !failure.certainly_not_written()));
    panicked.await.expect("reported");
    fixture.committer.panicked().await;
}
