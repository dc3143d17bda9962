//! Committers that have panicked, or stand still.

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

/// A step that does not end within its own limit: something hangs, and it is not the database.
#[tokio::test]
async fn step_beyond_its_limit_is_reported_as_stalled() {
    let fixture = fixture(CommitterConfig::default(), Vec::new(), None);
    // Without a permit the store waits for ever; it has said that it takes no time.
    let _hanging = fixture.committer.append(append(1));
    tokio::task::yield_now().await;
    assert_eq!(fixture.committer.stalled(), None, "it has just begun");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let stalled = fixture.committer.stalled().expect("it stands still");
    assert!(
        stalled.contains("committer 0 has not ended its step"),
        "{stalled}"
    );
    fixture.permit_commits(1);
    fixture.committer.barrier().await;
    assert_eq!(fixture.committer.stalled(), None, "it works again");
}
