//! The requests of a replay: their concurrency and their retries.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use backon::Retryable;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::difference::Kind;
use super::outcome::{ReplayError, ReplayOptions};
use super::progress::{Phase, ReplayProgress};
use super::retry::{retries_for, retry_delays};
use crate::{CallError, GraphqlClient};

/// The connection of one replay to the node.
pub(super) struct Session<'a> {
    pub(super) client: GraphqlClient,
    pub(super) options: &'a ReplayOptions,
    pub(super) progress: &'a ReplayProgress,
}

/// The entry of a request; errors name it.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) phase: Phase,
    pub(super) kind: Kind,
    pub(super) reference: &'a str,
}

impl Session<'_> {
    /// Sends one request, and retries it after temporary failures. Creations have an idempotency
    /// key and reads change nothing, so a retry is safe whether or not the failed attempt was
    /// executed.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        item: Item<'_>,
        document: &str,
        variables: &RawValue,
    ) -> Result<T, ReplayError> {
        let attempts = AtomicU32::new(0);
        let began = Instant::now();
        let called = (|| {
            attempts.fetch_add(1, Relaxed);
            self.attempt(document, variables)
        })
        .retry(retry_delays())
        .when(CallError::is_transient)
        .adjust(retries_for(self.options.retry_for))
        .notify(|_, _| self.progress.retry(item.phase))
        .await;
        called.map_err(|error| {
            if error.is_transient() {
                item.gave_up(attempts.into_inner(), began.elapsed(), error)
            } else {
                item.rejected(error)
            }
        })
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: &RawValue,
    ) -> Result<T, CallError> {
        let deadline = Instant::now() + self.options.request_time_limit;
        let response = self.client.execute(document, variables, deadline).await?;
        response.decode()
    }

    /// Runs `task` for 0 to `total`, at most `concurrency` at once, and passes each result to
    /// `take`. The first error ends the phase; requests in flight are cancelled, which is harmless
    /// because of the keys.
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
    /// The error for a call that is not worth a retry.
    pub(super) fn rejected(self, source: CallError) -> ReplayError {
        ReplayError::Rejected {
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
