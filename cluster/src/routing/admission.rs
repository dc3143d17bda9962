//! How many client requests a node works on at once. A request that waits for another node is
//! parked: it releases its permit to requests that need no other node. Otherwise a shard without an
//! owner, or a silent node, would soon hold all permits, and no request would be served. A request
//! that finds no permit may wait for one, for a short time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

/// Permits for active requests, as many again for parked ones, and places of those that wait.
#[derive(Debug)]
pub struct AdmissionControl {
    active: Arc<Semaphore>,
    parked: Arc<Semaphore>,
    queue: Semaphore,
}

/// The permit of one request, until it is dropped.
#[derive(Debug)]
pub struct RequestPermit {
    held: Mutex<Held>,
    parked: Arc<Semaphore>,
}

/// A request that was parked continues under its parked permit, so there are at most as many of
/// them as of active ones.
#[derive(Debug)]
enum Held {
    Active { _permit: OwnedSemaphorePermit },
    Parked { _permit: OwnedSemaphorePermit },
}

/// As many requests are parked as may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParkedFull;

tokio::task_local! {
    static CURRENT: RequestPermit;
}

impl AdmissionControl {
    /// Permits for `max` active requests; `queued_max` more may wait for one.
    pub fn new(max: usize, queued_max: usize) -> Self {
        let permits = || Arc::new(Semaphore::new(max));
        Self {
            active: permits(),
            parked: permits(),
            queue: Semaphore::new(queued_max),
        }
    }

    /// Whether no further request can be admitted, and none can wait.
    pub fn is_full(&self) -> bool {
        self.active.available_permits() == 0 && self.queue.available_permits() == 0
    }

    /// Admits a request; `None` when all permits are taken.
    pub fn admit(&self) -> Option<RequestPermit> {
        let permit = self.active.clone().try_acquire_owned().ok()?;
        Some(self.permit(permit))
    }

    /// Waits until a permit is returned, after all that have waited longer. `None` when as many
    /// wait as may, or after `wait_max`.
    pub async fn admit_within(&self, wait_max: Duration) -> Option<RequestPermit> {
        let _place = self.queue.try_acquire().ok()?;
        // The semaphore is fair: returned permits go to the first one that waits.
        let permit = timeout(wait_max, self.active.clone().acquire_owned()).await;
        Some(self.permit(permit.ok()?.ok()?))
    }

    fn permit(&self, permit: OwnedSemaphorePermit) -> RequestPermit {
        RequestPermit {
            held: Mutex::new(Held::Active { _permit: permit }),
            parked: self.parked.clone(),
        }
    }
}

/// Runs `work` for the request that holds this permit. Waiting for another node within it parks the
/// request.
pub async fn within<T>(permit: RequestPermit, work: impl Future<Output = T>) -> T {
    CURRENT.scope(permit, work).await
}

/// Parks the current task's request, which releases its active permit. Nothing happens outside of a
/// request, or when it is parked already.
pub(crate) fn park() -> Result<(), ParkedFull> {
    let parked = CURRENT.try_with(|permit| {
        let mut held = permit.held.lock().expect("no holder panics");
        if let Held::Active { .. } = *held {
            let permit = permit.parked.clone().try_acquire_owned();
            let _permit = permit.map_err(|_: TryAcquireError| ParkedFull)?;
            *held = Held::Parked { _permit };
        }
        Ok(())
    });
    parked.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parked_request_releases_its_permit_up_to_the_limit() {
        let admission = AdmissionControl::new(1, 0);
        let first = admission.admit().expect("free");
        assert!(admission.admit().is_none() && admission.is_full());
        within(first, async {
            assert_eq!(park(), Ok(()));
            assert_eq!(park(), Ok(()), "it is parked already");
            let second = admission.admit().expect("free again");
            within(second, async {
                assert_eq!(park(), Err(ParkedFull));
                assert!(admission.is_full(), "it keeps its permit");
            })
            .await;
            assert!(!admission.is_full());
        })
        .await;
        within(admission.admit().expect("free"), async {
            assert_eq!(park(), Ok(()), "the first has ended");
        })
        .await;
        assert_eq!(park(), Ok(()), "outside of a request");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_admitted_in_order_of_arrival() {
        let admission = Arc::new(AdmissionControl::new(1, 3));
        let mut held = admission.admit();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..3 {
            assert!(!admission.is_full());
            let (admission, order) = (admission.clone(), order.clone());
            waiting.push(tokio::spawn(async move {
                let permit = admission.admit_within(Duration::from_secs(1)).await;
                order.lock().expect("no panic").push(number);
                permit
            }));
            tokio::task::yield_now().await;
        }
        assert!(admission.is_full());
        assert!(admission.admit_within(Duration::MAX).await.is_none());
        for number in 0..3 {
            drop(held.take());
            assert!(admission.admit().is_none(), "the queue comes first");
            held = waiting.remove(0).await.expect("no panic");
            assert!(held.is_some());
            assert_eq!(order.lock().expect("no panic").last(), Some(&number));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_request_is_refused_after_its_time() {
        let admission = AdmissionControl::new(1, 1);
        let held = admission.admit().expect("free");
        let began = tokio::time::Instant::now();
        let wait_max = Duration::from_millis(100);
        assert!(admission.admit_within(wait_max).await.is_none());
        assert!((wait_max..2 * wait_max).contains(&began.elapsed()));
        assert!(!admission.is_full(), "its place in the queue is free");
        drop(held);
        assert!(admission.admit_within(wait_max).await.is_some());
    }
}
