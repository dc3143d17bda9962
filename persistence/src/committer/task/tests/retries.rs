//! Stores that cannot write for a while, or whose results are lost.

use super::*;

fn retry() -> BatchError {
    BatchError::Retry {
        reason: "the server restarts".into(),
        after: Duration::from_millis(100),
    }
}

/// Enough failures for an outage longer than any deadline.
fn outage(attempts: usize) -> Vec<BatchError> {
    (0..attempts).map(|_| retry()).collect()
}

#[tokio::test]
async fn i2_positions_are_read_again_after_a_lost_commit_result() {
    let lost = BatchError::Failed {
        reason: "the result was lost".into(),
        certainly_not_written: false,
    };
    let fixture = fixture(CommitterConfig::default(), vec![lost], None);
    let unknown = fixture.committer.append(append(1));
    // Lets the task read the positions and wait in its commit, which takes effect all the same.
    tokio::task::yield_now().await;
    let took_effect = vec![(1, entity(1))];
    fixture.log.lock().expect("not poisoned").push(took_effect);
    fixture.permit_commits(AMPLE);
    let unknown = unknown.await;
    assert!(unknown.is_err_and(|failure| !failure.certainly_not_written()));
    let next = fixture.committer.append(append(2)).await;
    assert_eq!(
        next,
        Ok(AppendOutcome {
            first: 2,
            version: 1
        })
    );
}

#[tokio::test(start_paused = true)]
async fn short_outage_delays_appends_without_errors() {
    let fixture = fixture(CommitterConfig::default(), outage(10), None);
    fixture.permit_commits(AMPLE);
    let appends: Vec<_> = (1..=20)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    for (index, outcome) in appends.into_iter().enumerate() {
        let first = outcome.await.map(|positions| positions.first);
        assert_eq!(first, Ok(index as u64 + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn append_that_expires_during_an_outage_is_dropped() {
    let fixture = fixture(CommitterConfig::default(), outage(5), None);
    fixture.permit_commits(AMPLE);
    let mut expired = append(1);
    expired.deadline = Deadline::at(Instant::now());
    let other = append(2);
    let (expired, other) = tokio::join!(
        fixture.committer.append(expired),
        fixture.committer.append(other)
    );
    assert_eq!(expired, Err(AppendError::Expired));
    assert_eq!(other.map(|positions| positions.first), Ok(1));
}

/// Once an outage is known to be long, appends fail without waiting for it.
#[tokio::test(start_paused = true)]
async fn long_outage_fails_appends_at_once() {
    let fixture = fixture(CommitterConfig::default(), outage(1_000), None);
    fixture.permit_commits(10 * AMPLE);
    let began = tokio::time::Instant::now();
    let first = fixture.committer.append(append(1)).await;
    let waited = began.elapsed();
    assert!(
        (RETRY_BUDGET..2 * RETRY_BUDGET).contains(&waited),
        "{waited:?}"
    );
    for number in 2..=50 {
        let failed = fixture.committer.append(append(number)).await;
        assert_eq!(failed, first);
        let certain = failed.expect_err("fails").certainly_not_written();
        assert!(certain, "nothing was written");
    }
    assert_eq!(began.elapsed(), waited, "none of them waited");
}
