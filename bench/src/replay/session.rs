//! How requests of a replay are made: so many at a time, and each again while that may help.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::difference::Kind;
use super::outcome::{ReplayError, ReplayOptions};
use super::progress::{Phase, ReplayProgress};
use super::retry::Backoff;
use crate::{CallError, GraphqlClient};

/// One replay's connection to the node.
pub(super) struct Session<'a> {
    pub(super) client: GraphqlClient,
    pub(super) options: &'a ReplayOptions,
    pub(super) progress: &'a ReplayProgress,
}

/// What a request is made for; errors name it.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) phase: Phase,
    pub(super) kind: Kind,
    pub(super) reference: &'a str,
}

impl Session<'_> {
    /// Sends one request, and again after every failure that may pass. Creations carry an idempotency key and reads
    /// change nothing, so repeating is safe whether or not the failed attempt was executed.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        item: Item<'_>,
        document: &str,
        variables: &RawValue,
    ) -> Result<T, ReplayError> {
        let mut backoff = Backoff::new(self.options.retry_for);
        let mut attempts = 0;
        let began = Instant::now();
        loop {
            attempts += 1;
            let error = match self.attempt(document, variables).await {
                Ok(data) => return Ok(data),
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(item.refused(error));
            }
            let Some(wait) = backoff.after_failure(Instant::now()) else {
                return Err(item.gave_up(attempts, began.elapsed(), error));
            };
            self.progress.retry(item.phase);
            sleep(wait).await;
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: &RawValue,
    ) -> Result<T, CallError> {
        let deadline = Instant::now() + self.options.request_time_limit;
        let answer = self.client.execute(document, variables, deadline).await?;
        answer.decode()
    }

    /// Runs `task` for 0 to `total`, at most `concurrency` at once, and hands each result to `take` as it comes. The
    /// first error ends the phase; requests under way are dropped, which the keys make harmless.
    pub(super) async fn each<T, Task: Future<Output = Result<T, ReplayError>>>(
        &self,
        phase: Phase,
        total: usize,
        task: impl Fn(usize) -> Task,
        mut take: impl FnMut(usize, T),
    ) -> Result<(), ReplayError> {
        self.progress.begin(phase, total);
        let numbered = (0..total).map(|number| {
            let result = task(number);
            async move { result.await.map(|result| (number, result)) }
        });
        let mut results = stream::iter(numbered).buffer_unordered(self.options.concurrency.get());
        while let Some((number, result)) = results.try_next().await? {
            take(number, result);
            self.progress.advance(phase);
        }
        self.progress.end(phase);
        Ok(())
    }
}

impl Item<'_> {
    /// An error that repeating does not cure.
    pub(super) fn refused(self, source: CallError) -> ReplayError {
        ReplayError::Refused {
            kind: self.kind,
            reference: self.reference.to_owned(),
            source,
        }
    }

    fn gave_up(self, attempts: u32, lasted: Duration, source: CallError) -> ReplayError {
        ReplayError::GaveUp {
            kind: self.kind,
            reference: self.reference.to_owned(),
            attempts,
            lasted,
            source,
        }
    }
}
