//! Keeps the topics bound to the database whose events fill them, and notices when they are not: a
//! copy of a database must not publish beside the original (docs/concepts/generations.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fritzy_domain::{Generations, TopicBindings};
use fritzy_types::StorageError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::binding_record::{BindingRecord, Standing, renewed};
use crate::binding_topic::BindingTopic;

/// Between two looks of a running bridge: so long a database may publish beside another one that
/// has adopted its topics.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After so long a running node replaces the newest token.
const RENEW_AFTER: Duration = Duration::from_secs(3);
/// A token that was not replaced for so long belongs to no running node: twice what a renewal
/// takes. Before that, a database with this token may be a young copy beside the running original.
const ABANDONED_AFTER: Duration = Duration::from_secs(8);
/// For the topics to show what was written to them, once nothing else has to be waited for.
const READ_BACK_MAX: Duration = Duration::from_secs(10);
/// Failures within this time after the start may pass by themselves: a topic that was just created
/// has no leader for some tenths of a second.
const TRANSIENT_MAX: Duration = Duration::from_secs(2);
/// Between two looks at the start.
const START_INTERVAL: Duration = Duration::from_millis(100);

/// Why topics are not filled, or are not known to be ours.
pub(super) enum BindingError {
    /// Another database fills them: for the log, with what to do.
    Others(String),
    /// Kafka or the database does not respond, or rejects the binding.
    Unavailable(String),
}

impl From<StorageError> for BindingError {
    fn from(failure: StorageError) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

impl From<String> for BindingError {
    fn from(failure: String) -> Self {
        Self::Unavailable(failure)
    }
}

/// Whether a bridge of this process has been bound: then its database is no copy. Clones share it.
#[derive(Clone, Default)]
pub(super) struct WasBound(Arc<AtomicBool>);

/// The binding as one bridge sees it.
pub(super) struct Binding {
    topic: BindingTopic,
    bindings: Arc<dyn TopicBindings>,
    generations: Generations,
    was_bound: WasBound,
}

/// What a look has found.
enum Found {
    /// The topics say what they should.
    Bound,
    /// Something was written, and the topics do not show it yet.
    Written,
    /// This may be a young copy beside the running original.
    Doubtful,
}

impl Binding {
    pub(super) fn new(
        topic: BindingTopic,
        bindings: Arc<dyn TopicBindings>,
        generations: Generations,
        was_bound: WasBound,
    ) -> Self {
        Self {
            topic,
            bindings,
            generations,
            was_bound,
        }
    }

    /// Binds the topics, and returns once they say so.
    ///
    /// # Errors
    /// When another database fills them, and when the binding cannot be read or written.
    pub(super) async fn bind(&self) -> Result<(), BindingError> {
        let began = Instant::now();
        let mut waiting_since = began;
        let mut first_token = None;
        loop {
            match self.look(&mut first_token).await {
                Ok(Found::Bound) => break,
                Ok(Found::Doubtful) => waiting_since = Instant::now(),
                Ok(Found::Written) if waiting_since.elapsed() > READ_BACK_MAX => {
                    let reason = "the topics cannot be bound: fritzy.binding does not show what was written to it";
                    return Err(BindingError::Unavailable(reason.to_owned()));
                }
                Ok(Found::Written) => {}
                Err(BindingError::Unavailable(failure)) if began.elapsed() < TRANSIENT_MAX => {
                    debug!(failure, "the topics cannot be bound yet");
                }
                Err(failure) => return Err(failure),
            }
            sleep(START_INTERVAL).await;
        }
        self.was_bound.0.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Looks whose topics they are, and writes what is missing. `first_token` is the newest token
    /// of the first look, whose successor proves that another node of this database runs.
    async fn look(&self, first_token: &mut Option<Uuid>) -> Result<Found, BindingError> {
        // Before the row: what the topics have was in the database by then.
        let Some(record) = self.topic.read().await? else {
            return self.bind_new().await;
        };
        let topics = record.topics();
        let row = self.bindings.topic_binding(topics).await?;
        let standing = record.standing(row.as_ref(), &self.generations);
        let row = match (standing, row) {
            (Standing::Ours, Some(row)) => row,
            (Standing::WentBackwards, Some(row)) => {
                warn!("the database has lost the newest token of the topics; binding them again");
                let tokens = record.taken_over();
                let replacing = self.bindings.bind_topics(topics, &row.tokens, &tokens);
                replacing.await?;
                // The next look finds what this node or another one has replaced it by.
                return Ok(Found::Written);
            }
            _ => return Err(BindingError::Others(self.refusal(&record, standing))),
        };
        let location = self.bindings.location().await?;
        let first_token = *first_token.get_or_insert(row.tokens[0]);
        let is_ours = self.was_bound.0.load(Ordering::Relaxed)
            || row.age >= ABANDONED_AFTER
            || row.tokens[0] != first_token
            || record.is_at(&location)
            || record.precedes(&self.generations);
        if !is_ours {
            return Ok(Found::Doubtful);
        }
        let mut tokens = row.tokens;
        if row.age >= RENEW_AFTER {
            let next = renewed(&tokens);
            if !self.bindings.bind_topics(topics, &tokens, &next).await? {
                // Another node was first, and writes it.
                return Ok(Found::Bound);
            }
            tokens = next;
        }
        let is_current = record.is_current(&tokens, &self.generations, &location);
        if is_current || record.is_newer(&self.generations) {
            return Ok(Found::Bound);
        }
        let next = BindingRecord::new(topics, tokens, &self.generations, location);
        self.topic.write(&next).await?;
        Ok(Found::Written)
    }

    async fn bind_new(&self) -> Result<Found, BindingError> {
        let topics = self.topic.id_for(self.generations.all()[0].id).await?;
        let Some(row) = self.bindings.topic_binding(topics).await? else {
            let tokens = [Uuid::new_v4()];
            if self.bindings.bind_topics(topics, &[], &tokens).await? {
                info!(%topics, "the topics are bound to this database");
            }
            // The next look finds these, or those of another node that was first.
            return Ok(Found::Written);
        };
        let location = self.bindings.location().await?;
        let record = BindingRecord::new(topics, row.tokens, &self.generations, location);
        self.topic.write(&record).await?;
        Ok(Found::Written)
    }

    /// Why nothing is published, and what to do.
    fn refusal(&self, record: &BindingRecord, standing: Standing) -> String {
        let ours = self.generations.current().number;
        let theirs = record.generation();
        match standing {
            Standing::AnotherShop => {
                "the topics are filled by another shop: give this one others with \
                --kafka-topic-prefix, or other brokers"
                    .to_owned()
            }
            Standing::LeftBehind => "this database has filled other topics since it filled these, so these lack \
                events. If it is to fill these from now on, run `fritzy projections adopt kafka`, which publishes all \
                events here again"
                .to_owned(),
            _ => format!(
                "the topics are filled by another copy of this database (its generation is {theirs}, this one's is \
                 {ours}). If this one is to fill them from now on, run `fritzy projections adopt kafka`; otherwise give \
                 it others with --kafka-topic-prefix"
            ),
        }
    }

    /// Looks regularly from now on, and keeps the token young.
    pub(super) fn watch(self) -> BindingWatch {
        let (sender, lost) = watch::channel(None);
        let looking = tokio::spawn(async move {
            loop {
                sleep(LOOK_INTERVAL).await;
                match self.look(&mut None).await {
                    Ok(_) => {}
                    Err(BindingError::Others(reason)) => {
                        sender.send_replace(Some(reason));
                        return;
                    }
                    Err(BindingError::Unavailable(failure)) => {
                        debug!(failure, "the binding of the topics cannot be read");
                    }
                }
            }
        });
        BindingWatch {
            lost,
            _looking: AbortOnDropHandle::new(looking),
        }
    }
}

/// The regular looks, until this is dropped.
pub(super) struct BindingWatch {
    lost: watch::Receiver<Option<String>>,
    _looking: AbortOnDropHandle<()>,
}

impl BindingWatch {
    /// Why nothing may be published any more; `None` if it may.
    pub(super) fn objection(&self) -> Option<String> {
        self.lost.borrow().clone()
    }

    /// Returns when nothing may be published any more.
    pub(super) async fn lost(&mut self) -> String {
        let found = self.lost.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|reason| reason.clone());
        match found {
            Some(reason) => reason,
            // The looks have ended without one.
            None => std::future::pending().await,
        }
    }

    /// One that never objects.
    #[cfg(test)]
    pub(super) fn unwatched() -> Self {
        Self {
            lost: watch::channel(None).1,
            _looking: AbortOnDropHandle::new(tokio::spawn(async {})),
        }
    }
}
