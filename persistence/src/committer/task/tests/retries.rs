//! Stores that cannot write for a while, or that lose their answers.

use super::*;

fn again() -> BatchError {
    BatchError::Retry {
        reason: "the server restarts".into(),
        after: Duration::from_millis(100),
    }
}

/// So often that it is longer than anybody waits.
fn outage(tries: usize) -> Vec<BatchError> {
    (0..tries).map(|_| again()).collect()
}

#[tokio::test]
async fn positions_are_read_again_after_a_commit_whose_answer_was_lost() {
    let lost = BatchError::Failed {
        reason: "the answer was lost".into(),
        certainly_not_written: false,
    };
    let bench = bench(CommitterConfig::default(), vec![lost], None);
    let unknown = bench.committer.append(append(1));
    // Lets the task read the positions and wait in its commit, which takes effect all the same.
    tokio::task::yield_now().await;
    let took_effect = vec![(1, entity(1))];
    bench.log.lock().expect("not poisoned").push(took_effect);
    bench.commits(AMPLE);
    let unknown = unknown.await;
    assert!(unknown.is_err_and(|failure| !failure.certainly_not_written()));
    let next = bench.committer.append(append(2)).await;
    assert_eq!(
        next,
        Ok(AppendOutcome {
            first: 2,
            version: 1
        })
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_now_is_written_later_and_nobody_hears_of_it() {
    let bench = bench(CommitterConfig::default(), outage(10), None);
    bench.commits(AMPLE);
    let appends: Vec<_> = (1..=20)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    for (index, answer) in appends.into_iter().enumerate() {
        let first = answer.await.map(|positions| positions.first);
        assert_eq!(first, Ok(index as u64 + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_while_the_store_cannot_write_is_dropped() {
    let bench = bench(CommitterConfig::default(), outage(5), None);
    bench.commits(AMPLE);
    let mut late = append(1);
    late.deadline = Deadline::at(Instant::now());
    let patient = append(2);
    let (late, patient) = tokio::join!(
        bench.committer.append(late),
        bench.committer.append(patient)
    );
    assert_eq!(late, Err(AppendError::Expired));
    assert_eq!(patient.map(|positions| positions.first), Ok(1));
}

/// Not every append of a long outage waits for it: once it is known, they are refused as they come.
#[tokio::test(start_paused = true)]
async fn a_long_outage_is_told_at_once() {
    let bench = bench(CommitterConfig::default(), outage(1_000), None);
    bench.commits(10 * AMPLE);
    let began = tokio::time::Instant::now();
    let first = bench.committer.append(append(1)).await;
    let patience = began.elapsed();
    assert!(
        (RETRY_BUDGET..2 * RETRY_BUDGET).contains(&patience),
        "{patience:?}"
    );
    for number in 2..=50 {
        let refused = bench.committer.append(append(number)).await;
        assert_eq!(refused, first);
        let certain = refused.expect_err("refused").certainly_not_written();
        assert!(certain, "nothing was written");
    }
    assert_eq!(began.elapsed(), patience, "none of them waited");
}
