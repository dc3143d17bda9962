//! The committer against a store that does what a real one cannot be made to do on demand.

mod defects;
mod retries;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountCreated, AccountEvent, AccountId, AccountPersonal, Append, AppendError,
    AppendOutcome, CommandId, CursorMove, EntityId, Event, EventId, Position, State,
};
use fritzy_types::{Deadline, Epoch, NodeId, ShardId, ShardLease, StorageError, Timestamp};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::RETRY_BUDGET;
use crate::committer::{BatchError, BatchStore, Committer, CommitterConfig, Sequenced};

/// Each entry: the positions and entities of one committed batch.
type Log = Arc<Mutex<Vec<Vec<(Position, EntityId)>>>>;

/// Commits one batch for each permit; fails as told.
struct Scripted {
    gate: Arc<Semaphore>,
    log: Log,
    /// What to answer to the next commits; then they succeed.
    script: Vec<BatchError>,
    /// An entity that this store refuses to hold.
    refuses: Option<EntityId>,
}

#[async_trait]
impl BatchStore for Scripted {
    async fn heads(
        &mut self,
        shards: &[ShardId],
    ) -> Result<HashMap<ShardId, Position>, BatchError> {
        let log = self.log.lock().expect("not poisoned");
        let head = log
            .iter()
            .flatten()
            .map(|(position, _)| *position)
            .max()
            .unwrap_or(0);
        Ok(shards.iter().map(|shard| (*shard, head)).collect())
    }

    async fn save_cursors(
        &mut self,
        _: &str,
        _: &[CursorMove],
    ) -> Result<Vec<ShardId>, StorageError> {
        Ok(Vec::new())
    }

    async fn close(self) {}

    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        self.gate.acquire().await.expect("open").forget();
        if !self.script.is_empty() {
            return Err(self.script.remove(0));
        }
        if batch
            .iter()
            .any(|sequenced| Some(sequenced.append.entity) == self.refuses)
        {
            return Err(BatchError::Rejected("no such thing here".into()));
        }
        let written = batch
            .iter()
            .map(|sequenced| (sequenced.first, sequenced.append.entity));
        self.log
            .lock()
            .expect("not poisoned")
            .push(written.collect());
        Ok(())
    }
}

struct Bench {
    committer: Committer,
    gate: Arc<Semaphore>,
    log: Log,
}

fn bench(config: CommitterConfig, script: Vec<BatchError>, refuses: Option<EntityId>) -> Bench {
    let gate = Arc::new(Semaphore::new(0));
    let log = Log::default();
    let store = Scripted {
        gate: gate.clone(),
        log: log.clone(),
        script,
        refuses,
    };
    Bench {
        committer: Committer::start(config, store),
        gate,
        log,
    }
}

fn entity(number: u128) -> EntityId {
    EntityId::Account(AccountId::from_uuid(Uuid::from_u128(number)))
}

fn append(number: u128) -> Append {
    let id = AccountId::from_uuid(Uuid::from_u128(number));
    let at = Timestamp::from_micros(0);
    let personal = AccountPersonal { name: "n".into() };
    let created = AccountCreated {
        account_id: id,
        personal: personal.clone(),
        at,
    };
    Append {
        lease: ShardLease {
            shard: ShardId(0),
            owner: NodeId::from_uuid(Uuid::nil()),
            epoch: Epoch(1),
        },
        entity: id.into(),
        after: 0,
        command: CommandId::from_uuid(Uuid::from_u128(number)),
        fingerprint: None,
        events: vec![(
            EventId::from_uuid(Uuid::nil()),
            Event::Account(AccountEvent::Created(created)),
        )],
        state: State::Account(Account {
            id,
            created_at: at,
            closed: false,
            personal,
        }),
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

impl Bench {
    fn commits(&self, number: usize) {
        self.gate.add_permits(number);
    }

    /// How many appends each committed batch had.
    fn batch_lens(&self) -> Vec<usize> {
        self.log
            .lock()
            .expect("not poisoned")
            .iter()
            .map(Vec::len)
            .collect()
    }
}

const AMPLE: usize = 1_000;

#[tokio::test]
async fn what_waits_behind_a_commit_goes_into_the_next_one_together() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    let first = bench.committer.append(append(1));
    // Lets the task take the first alone and wait in its commit.
    tokio::task::yield_now().await;
    let rest: Vec<_> = (2..=100)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    bench.commits(AMPLE);
    assert_eq!(
        first.await,
        Ok(AppendOutcome {
            first: 1,
            version: 1
        })
    );
    for (index, answer) in rest.into_iter().enumerate() {
        assert_eq!(
            answer.await,
            Ok(AppendOutcome {
                first: index as u64 + 2,
                version: 1
            })
        );
    }
    assert_eq!(bench.batch_lens(), [1, 99]);
}

#[tokio::test]
async fn a_batch_and_the_queue_are_bounded() {
    let config = CommitterConfig {
        queue_len_max: 8,
        batch_len_max: 3,
    };
    let bench = bench(config, vec![], None);
    let answers: Vec<_> = (0..10)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    bench.commits(AMPLE);
    let mut overloaded = 0;
    for answer in answers {
        match answer.await {
            Ok(_) => {}
            Err(AppendError::Overloaded) => overloaded += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(overloaded, 2);
    assert_eq!(bench.batch_lens(), [3, 3, 2]);
}

#[tokio::test]
async fn a_failed_batch_leaves_no_gap_in_the_positions() {
    let failed = BatchError::Failed {
        reason: "disk".into(),
        certainly_not_written: true,
    };
    let bench = bench(CommitterConfig::default(), vec![failed], None);
    bench.commits(AMPLE);
    let refused = bench.committer.append(append(1)).await;
    assert!(refused.is_err_and(|failure| failure.certainly_not_written()));
    let written = bench.committer.append(append(2)).await;
    assert_eq!(
        written,
        Ok(AppendOutcome {
            first: 1,
            version: 1
        })
    );
}

#[tokio::test]
async fn a_conflict_fails_alone_and_its_neighbours_close_ranks() {
    let bench = bench(
        CommitterConfig::default(),
        vec![BatchError::Conflicts(vec![1])],
        None,
    );
    let answers: Vec<_> = (1..=3)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    bench.commits(AMPLE);
    let mut seen = Vec::new();
    for answer in answers {
        seen.push(answer.await.map(|positions| positions.first));
    }
    assert_eq!(seen, [Ok(1), Err(AppendError::Conflict), Ok(2)]);
}

#[tokio::test]
async fn an_append_that_the_store_refuses_is_found_and_fails_alone() {
    let bench = bench(CommitterConfig::default(), vec![], Some(entity(5)));
    let answers: Vec<_> = (1..=8)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    bench.commits(AMPLE);
    for (index, answer) in answers.into_iter().enumerate() {
        let answer = answer.await;
        if index == 4 {
            assert!(answer.is_err_and(|failure| failure.certainly_not_written()));
        } else {
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
    let mut positions: Vec<Position> = Vec::new();
    for batch in bench.log.lock().expect("not poisoned").iter() {
        positions.extend(batch.iter().map(|(position, _)| *position));
    }
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn an_older_lease_is_refused_without_its_newer_neighbours() {
    let older = append(1);
    let mut newer = append(2);
    newer.lease.epoch = Epoch(2);
    let fenced = BatchError::Fenced(vec![older.lease]);
    let bench = bench(CommitterConfig::default(), vec![fenced], None);
    let (older, newer) = (bench.committer.append(older), bench.committer.append(newer));
    bench.commits(AMPLE);
    assert_eq!(older.await, Err(AppendError::Fenced(ShardId(0))));
    assert_eq!(
        newer.await,
        Ok(AppendOutcome {
            first: 1,
            version: 1
        })
    );
}

#[tokio::test]
async fn two_appends_of_one_entity_or_key_are_never_in_one_batch() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    let key = fritzy_domain::Fingerprint([0; 16]);
    let keyed = |number: u128| Append {
        command: CommandId::from_uuid(Uuid::from_u128(77)),
        fingerprint: Some(key),
        ..append(number)
    };
    let answers: Vec<_> = [append(1), append(1), keyed(2), keyed(3), append(4)]
        .map(|append| bench.committer.append(append))
        .into();
    bench.commits(AMPLE);
    for answer in answers {
        assert!(answer.await.is_ok());
    }
    assert_eq!(bench.batch_lens(), [1, 2, 2]);
}

#[tokio::test]
async fn what_is_late_is_dropped_before_it_is_written() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    bench.commits(AMPLE);
    let late = Append {
        deadline: Deadline::at(Instant::now()),
        ..append(1)
    };
    assert_eq!(
        bench.committer.append(late).await,
        Err(AppendError::Expired)
    );
    assert!(bench.batch_lens().is_empty());
}

#[tokio::test]
async fn what_becomes_late_behind_a_slow_commit_is_dropped() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    let slow = bench.committer.append(append(1));
    // Lets the task take the first alone and wait in its commit.
    tokio::task::yield_now().await;
    let moment = Instant::now() + Duration::from_millis(20);
    let late = bench.committer.append(Append {
        deadline: Deadline::at(moment),
        ..append(2)
    });
    let patient = bench.committer.append(append(3));
    while Instant::now() < moment {
        tokio::task::yield_now().await;
    }
    bench.commits(AMPLE);
    assert!(slow.await.is_ok(), "what was begun is finished");
    assert_eq!(late.await, Err(AppendError::Expired));
    assert_eq!(
        patient.await,
        Ok(AppendOutcome {
            first: 2,
            version: 1
        })
    );
    assert_eq!(bench.batch_lens(), [1, 1]);
}

#[tokio::test]
async fn a_barrier_passes_when_all_before_it_is_answered() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    // The second of one entity is left over for a batch of its own.
    let before = [append(1), append(1), append(2)].map(|append| bench.committer.append(append));
    let committer = bench.committer.clone();
    let barrier = tokio::spawn(async move { committer.barrier().await });
    bench.commits(1);
    tokio::time::timeout(Duration::from_millis(50), async {
        while !barrier.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect_err("the second batch is not written yet");
    bench.commits(AMPLE);
    barrier.await.expect("passes");
    assert_eq!(bench.batch_lens(), [1, 2]);
    for answer in before {
        assert!(answer.await.is_ok());
    }
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_what_comes_after() {
    let bench = bench(CommitterConfig::default(), vec![], None);
    let queued: Vec<_> = (1..=5)
        .map(|number| bench.committer.append(append(number)))
        .collect();
    bench.commits(AMPLE);
    bench.committer.close().await;
    assert_eq!(bench.batch_lens().iter().sum::<usize>(), 5);
    for answer in queued {
        assert!(answer.await.is_ok());
    }
    let late = bench.committer.append(append(6)).await;
    assert!(late.is_err_and(|failure| failure.certainly_not_written()));
}
