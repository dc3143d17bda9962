//! How many client requests a node works on at once. A request that waits for another node is
//! parked: it releases its permit to requests that need no other node. Otherwise a shard without an
//! owner, or a silent node, would soon hold all permits, and no request would be served.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Permits for active requests, and as many again for parked ones.
#[derive(Debug)]
pub struct AdmissionControl {
    active: Arc<Semaphore>,
    parked: Arc<Semaphore>,
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
    /// Permits for `max` active requests.
    pub fn new(max: usize) -> Self {
        let permits = || Arc::new(Semaphore::new(max));
        Self {
            active: permits(),
            parked: permits(),
        }
    }

    /// Whether no further request can be admitted.
    pub fn is_full(&self) -> bool {
        self.active.available_permits() == 0
    }

    /// Admits a request; `None` when all permits are taken.
    pub fn admit(&self) -> Option<RequestPermit> {
        let _permit = self.active.clone().try_acquire_owned().ok()?;
        Some(RequestPermit {
            held: Mutex::new(Held::Active { _permit }),
            parked: self.parked.clone(),
        })
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
        let admission = AdmissionControl::new(1);
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
}
