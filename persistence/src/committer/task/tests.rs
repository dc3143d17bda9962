//! The committer on a scripted store, which fails in ways that a real one cannot be made to.

mod claims;
mod defects;
mod retries;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fritzy_domain::{
    Account, AccountCreated, AccountEvent, AccountId, AccountPersonal, Annotations, Append,
    AppendError, AppendOutcome, CommandId, CursorMove, EntityId, Event, EventId, Metadata,
    Position, State,
};
use fritzy_types::{Deadline, Epoch, NodeId, ShardId, ShardLease, StorageError, Timestamp};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::RETRY_BUDGET;
use crate::committer::{BatchError, BatchStore, Committer, CommitterConfig, Sequenced, StepClock};

/// Each entry: the positions and entities of one committed batch.
type Log = Arc<Mutex<Vec<Vec<(Position, EntityId)>>>>;

/// Commits one batch for each permit, after the scripted failures.
struct ScriptedStore {
    gate: Arc<Semaphore>,
    log: Log,
    /// The results of the next commits; later ones succeed.
    script: Vec<BatchError>,
    /// An entity whose appends this store rejects.
    rejects: Option<EntityId>,
    clock: StepClock,
}

#[async_trait]
impl BatchStore for ScriptedStore {
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

    fn clock(&self) -> StepClock {
        self.clock.clone()
    }

    async fn commit(&mut self, batch: &[Sequenced<'_>]) -> Result<(), BatchError> {
        self.gate.acquire().await.expect("open").forget();
        if !self.script.is_empty() {
            return Err(self.script.remove(0));
        }
        if batch
            .iter()
            .any(|sequenced| Some(sequenced.append.entity) == self.rejects)
        {
            return Err(BatchError::Rejected("not accepted by this store".into()));
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

struct Fixture {
    committer: Committer,
    gate: Arc<Semaphore>,
    log: Log,
}

fn fixture(config: CommitterConfig, script: Vec<BatchError>, rejects: Option<EntityId>) -> Fixture {
    let gate = Arc::new(Semaphore::new(0));
    let log = Log::default();
    let store = ScriptedStore {
        gate: gate.clone(),
        log: log.clone(),
        script,
        rejects,
        clock: StepClock::default(),
    };
    Fixture {
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
        external_reference: None,
        metadata: Metadata::default(),
        at,
    };
    Append {
        lease: ShardLease {
            shard: ShardId(0),
            owner: NodeId::from_uuid(Uuid::nil()),
            epoch: Epoch(1),
        },
        entity: id.into(),
        expected_version: 0,
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
            annotations: Annotations::default(),
        }),
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

impl Fixture {
    fn permit_commits(&self, number: usize) {
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
async fn appends_queued_during_a_commit_share_the_next_batch() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    let first = fixture.committer.append(append(1));
    // Lets the task take the first append alone and wait in its commit.
    tokio::task::yield_now().await;
    let rest: Vec<_> = (2..=100)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    fixture.permit_commits(AMPLE);
    assert_eq!(
        first.await,
        Ok(AppendOutcome {
            first: 1,
            version: 1
        })
    );
    for (index, outcome) in rest.into_iter().enumerate() {
        assert_eq!(
            outcome.await,
            Ok(AppendOutcome {
                first: index as u64 + 2,
                version: 1
            })
        );
    }
    assert_eq!(fixture.batch_lens(), [1, 99]);
}

#[tokio::test]
async fn batch_and_queue_lengths_are_bounded() {
    let config = CommitterConfig {
        queue_len_max: 8,
        batch_len_max: 3,
    };
    let fixture = fixture(config, vec![], None);
    let outcomes: Vec<_> = (0..10)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    fixture.permit_commits(AMPLE);
    let mut overloaded = 0;
    for outcome in outcomes {
        match outcome.await {
            Ok(_) => {}
            Err(AppendError::Overloaded) => overloaded += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(overloaded, 2);
    assert_eq!(fixture.batch_lens(), [3, 3, 2]);
}

#[tokio::test]
async fn i2_failed_batch_leaves_no_gap_in_positions() {
    let failed = BatchError::Failed {
        reason: "disk".into(),
        certainly_not_written: true,
    };
    let fixture = fixture(CommitterConfig::default(), vec![failed], None);
    fixture.permit_commits(AMPLE);
    let failed = fixture.committer.append(append(1)).await;
    assert!(failed.is_err_and(|failure| failure.certainly_not_written()));
    let written = fixture.committer.append(append(2)).await;
    assert_eq!(
        written,
        Ok(AppendOutcome {
            first: 1,
            version: 1
        })
    );
}

#[tokio::test]
async fn i2_conflicting_append_fails_alone_without_a_gap() {
    let fixture = fixture(
        CommitterConfig::default(),
        vec![BatchError::Conflicts(vec![1])],
        None,
    );
    let outcomes: Vec<_> = (1..=3)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    fixture.permit_commits(AMPLE);
    let mut seen = Vec::new();
    for outcome in outcomes {
        seen.push(outcome.await.map(|positions| positions.first));
    }
    assert_eq!(seen, [Ok(1), Err(AppendError::Conflict), Ok(2)]);
}

#[tokio::test]
async fn rejected_append_is_found_and_fails_alone() {
    let fixture = fixture(CommitterConfig::default(), vec![], Some(entity(5)));
    let outcomes: Vec<_> = (1..=8)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    fixture.permit_commits(AMPLE);
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let outcome = outcome.await;
        if index == 4 {
            assert!(outcome.is_err_and(|failure| failure.certainly_not_written()));
        } else {
            assert!(outcome.is_ok(), "{outcome:?}");
        }
    }
    let mut positions: Vec<Position> = Vec::new();
    for batch in fixture.log.lock().expect("not poisoned").iter() {
        positions.extend(batch.iter().map(|(position, _)| *position));
    }
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn i3_append_under_older_lease_is_fenced_alone() {
    let older = append(1);
    let mut newer = append(2);
    newer.lease.epoch = Epoch(2);
    let fenced = BatchError::Fenced(vec![older.lease]);
    let fixture = fixture(CommitterConfig::default(), vec![fenced], None);
    let (older, newer) = (
        fixture.committer.append(older),
        fixture.committer.append(newer),
    );
    fixture.permit_commits(AMPLE);
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
async fn expired_append_is_dropped_before_it_is_written() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    fixture.permit_commits(AMPLE);
    let expired = Append {
        deadline: Deadline::at(Instant::now()),
        ..append(1)
    };
    assert_eq!(
        fixture.committer.append(expired).await,
        Err(AppendError::Expired)
    );
    assert!(fixture.batch_lens().is_empty());
}

#[tokio::test]
async fn append_that_expires_during_a_slow_commit_is_dropped() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    let slow = fixture.committer.append(append(1));
    // Lets the task take the first append alone and wait in its commit.
    tokio::task::yield_now().await;
    let expiry = Instant::now() + Duration::from_millis(20);
    let expired = fixture.committer.append(Append {
        deadline: Deadline::at(expiry),
        ..append(2)
    });
    let other = fixture.committer.append(append(3));
    while Instant::now() < expiry {
        tokio::task::yield_now().await;
    }
    fixture.permit_commits(AMPLE);
    assert!(slow.await.is_ok(), "a commit in flight completes");
    assert_eq!(expired.await, Err(AppendError::Expired));
    assert_eq!(
        other.await,
        Ok(AppendOutcome {
            first: 2,
            version: 1
        })
    );
    assert_eq!(fixture.batch_lens(), [1, 1]);
}

#[tokio::test]
async fn barrier_completes_after_all_earlier_appends() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    // The second append of an entity is deferred to a batch of its own.
    let before = [append(1), append(1), append(2)].map(|append| fixture.committer.append(append));
    let committer = fixture.committer.clone();
    let barrier = tokio::spawn(async move { committer.barrier().await });
    fixture.permit_commits(1);
    tokio::time::timeout(Duration::from_millis(50), async {
        while !barrier.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect_err("the second batch is not written yet");
    fixture.permit_commits(AMPLE);
    barrier.await.expect("completes");
    assert_eq!(fixture.batch_lens(), [1, 2]);
    for outcome in before {
        assert!(outcome.await.is_ok());
    }
}

#[tokio::test]
async fn close_writes_queued_appends_and_rejects_later_ones() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    let queued: Vec<_> = (1..=5)
        .map(|number| fixture.committer.append(append(number)))
        .collect();
    fixture.permit_commits(AMPLE);
    fixture.committer.close().await;
    assert_eq!(fixture.batch_lens().iter().sum::<usize>(), 5);
    for outcome in queued {
        assert!(outcome.await.is_ok());
    }
    let expired = fixture.committer.append(append(6)).await;
    assert!(expired.is_err_and(|failure| failure.certainly_not_written()));
}
