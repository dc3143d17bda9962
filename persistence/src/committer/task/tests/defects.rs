//! A committer that has died.

use super::*;

#[tokio::test]
async fn a_defect_in_the_store_is_told_to_whoever_keeps_it() {
    let bench = bench(CommitterConfig::default(), Vec::new(), None);
    let dying = {
        let committer = bench.committer.clone();
        tokio::spawn(async move { committer.panicked().await })
    };
    tokio::task::yield_now().await;
    assert!(!dying.is_finished());
    // It panics over this.
    bench.gate.close();
    let lost = bench.committer.append(append(1)).await;
    assert!(lost.is_err_and(|failure| !failure.certainly_not_written()));
    dying.await.expect("told");
    bench.committer.panicked().await;
}
