//! Requests that wait for another node stand aside: their places go to others, which need nothing of it. Otherwise a shard
//! without an owner, or a node that is silent, would soon have all places of this one, and nobody would be served.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Places for requests, and as many again for such that stand aside.
#[derive(Debug)]
pub struct Places {
    worked_on: Arc<Semaphore>,
    aside: Arc<Semaphore>,
}

/// The place of one request, until it is dropped.
#[derive(Debug)]
pub struct Place {
    held: Mutex<Held>,
    aside: Arc<Semaphore>,
}

/// A request that has stood aside goes on from there: there are no more of these than of the others.
#[derive(Debug)]
enum Held {
    WorkedOn { _permit: OwnedSemaphorePermit },
    Aside { _permit: OwnedSemaphorePermit },
}

/// So many stand aside already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParkedFull;

tokio::task_local! {
    static CURRENT: Place;
}

impl Places {
    /// Places for so many.
    pub fn new(max: usize) -> Self {
        let places = || Arc::new(Semaphore::new(max));
        Self {
            worked_on: places(),
            aside: places(),
        }
    }

    /// Whether every place is taken.
    pub fn are_taken(&self) -> bool {
        self.worked_on.available_permits() == 0
    }

    /// A place, if one is free.
    pub fn take(&self) -> Option<Place> {
        let _permit = self.worked_on.clone().try_acquire_owned().ok()?;
        Some(Place {
            held: Mutex::new(Held::WorkedOn { _permit }),
            aside: self.aside.clone(),
        })
    }
}

/// Does `work` for the request that has this place.
pub async fn within<T>(place: Place, work: impl Future<Output = T>) -> T {
    CURRENT.scope(place, work).await
}

/// From now on the current task's request, if it has a place, takes it from nobody.
pub(crate) fn stand() -> Result<(), ParkedFull> {
    let stood = CURRENT.try_with(|place| {
        let mut held = place.held.lock().expect("no holder panics");
        if let Held::WorkedOn { .. } = *held {
            let permit = place.aside.clone().try_acquire_owned();
            let _permit = permit.map_err(|_: TryAcquireError| ParkedFull)?;
            *held = Held::Aside { _permit };
        }
        Ok(())
    });
    stood.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_stands_aside_gives_its_place_to_another_and_only_so_many_do() {
        let places = Places::new(1);
        let first = places.take().expect("free");
        assert!(places.take().is_none() && places.are_taken());
        within(first, async {
            assert_eq!(stand(), Ok(()));
            assert_eq!(stand(), Ok(()), "it stands there already");
            let second = places.take().expect("free again");
            within(second, async {
                assert_eq!(stand(), Err(ParkedFull));
                assert!(places.are_taken(), "it keeps its own");
            })
            .await;
            assert!(!places.are_taken());
        })
        .await;
        within(places.take().expect("free"), async {
            assert_eq!(stand(), Ok(()), "the first has gone");
        })
        .await;
        assert_eq!(stand(), Ok(()), "whoever has no place takes none");
    }
}
