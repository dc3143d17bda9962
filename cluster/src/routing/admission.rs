//! Requests that wait for another node park parked: their admission go to others, which need nothing of it. Otherwise a shard
//! without an owner, or a node that is silent, would soon have all admission of this one, and nobody would be served.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// AdmissionControl for requests, and as many again for such that park parked.
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

/// A request that has parking parked goes on from there: there are no more of these than of the others.
#[derive(Debug)]
enum Held {
    Active { _permit: OwnedSemaphorePermit },
    Parked { _permit: OwnedSemaphorePermit },
}

/// So many park parked already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParkedFull;

tokio::task_local! {
    static CURRENT: RequestPermit;
}

impl AdmissionControl {
    /// AdmissionControl for so many.
    pub fn new(max: usize) -> Self {
        let admission = || Arc::new(Semaphore::new(max));
        Self {
            active: admission(),
            parked: admission(),
        }
    }

    /// Whether every permit is taken.
    pub fn is_full(&self) -> bool {
        self.active.available_permits() == 0
    }

    /// A permit, if one is free.
    pub fn admit(&self) -> Option<RequestPermit> {
        let _permit = self.active.clone().try_acquire_owned().ok()?;
        Some(RequestPermit {
            held: Mutex::new(Held::Active { _permit }),
            parked: self.parked.clone(),
        })
    }
}

/// Does `work` for the request that has this permit.
pub async fn within<T>(permit: RequestPermit, work: impl Future<Output = T>) -> T {
    CURRENT.scope(permit, work).await
}

/// From now on the current task's request, if it has a permit, takes it from nobody.
pub(crate) fn park() -> Result<(), ParkedFull> {
    let parking = CURRENT.try_with(|permit| {
        let mut held = permit.held.lock().expect("no holder panics");
        if let Held::Active { .. } = *held {
            let permit = permit.parked.clone().try_acquire_owned();
            let _permit = permit.map_err(|_: TryAcquireError| ParkedFull)?;
            *held = Held::Parked { _permit };
        }
        Ok(())
    });
    parking.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_stands_aside_gives_its_place_to_another_and_only_so_many_do() {
        let admission = AdmissionControl::new(1);
        let first = admission.admit().expect("free");
        assert!(admission.admit().is_none() && admission.is_full());
        within(first, async {
            assert_eq!(park(), Ok(()));
            assert_eq!(park(), Ok(()), "it stands there already");
            let second = admission.admit().expect("free again");
            within(second, async {
                assert_eq!(park(), Err(ParkedFull));
                assert!(admission.is_full(), "it keeps its own");
            })
            .await;
            assert!(!admission.is_full());
        })
        .await;
        within(admission.admit().expect("free"), async {
            assert_eq!(park(), Ok(()), "the first has gone");
        })
        .await;
        assert_eq!(park(), Ok(()), "whoever has no permit takes none");
    }
}
