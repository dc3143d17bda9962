//! Room for answers: how much memory one may take, and how much the large ones may take together.

use std::sync::{Arc, Mutex, MutexGuard};

use fritzy_domain::MemoryBudget;
use fritzy_types::BudgetExceeded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that each answer may take of its own: most take less (a page of 100 rows some 100 KB), and large
/// ones cannot shut them out. The places for requests bound how many there are.
const OWN_BYTES_MAX: usize = 256 * 1_024;
/// Bytes reserved at once of what answers share, for each reservation costs a lock.
const STEP_BYTES: usize = 1_024 * 1_024;

/// What answers may take.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    bytes_max: usize,
    /// Bytes beyond each answer's own.
    shared: Arc<Semaphore>,
}

impl Answers {
    /// Each up to `bytes_max`, the shared parts of all together up to `total_max`, but at least one of the
    /// largest.
    pub(crate) fn new(bytes_max: usize, total_max: usize) -> Self {
        let largest = bytes_max.saturating_add(STEP_BYTES);
        let shared = total_max.max(largest).min(Semaphore::MAX_PERMITS);
        Self {
            bytes_max,
            shared: Arc::new(Semaphore::new(shared)),
        }
    }

    /// Room for one answer.
    pub(crate) fn room(&self) -> AnswerRoom {
        AnswerRoom {
            answers: self.clone(),
            held: Mutex::default(),
        }
    }
}

/// Room for one answer: the rows it is made of, its values, its text. Given back when dropped.
#[derive(Debug)]
pub(crate) struct AnswerRoom {
    answers: Answers,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// Of what answers share.
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn reserved(&self) -> usize {
        let permit = self.permit.as_ref();
        permit.map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl AnswerRoom {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no holder panics")
    }

    /// Whether it takes nothing of what answers share.
    pub(crate) fn is_small(&self) -> bool {
        self.held().permit.is_none()
    }

    /// Gives back what is beyond `bytes`.
    pub(crate) fn shrink_to(&self, bytes: usize) {
        let mut held = self.held();
        held.bytes = held.bytes.min(bytes);
        let excess = held
            .reserved()
            .saturating_sub(bytes.saturating_sub(OWN_BYTES_MAX));
        if let Some(permit) = &mut held.permit {
            drop(permit.split(excess));
        }
    }
}

impl MemoryBudget for AnswerRoom {
    fn take(&self, bytes: usize) -> Result<(), BudgetExceeded> {
        let mut held = self.held();
        let bytes = held.bytes.saturating_add(bytes);
        let bytes_max = self.answers.bytes_max;
        if bytes > bytes_max {
            return Err(BudgetExceeded::PerResponse { bytes_max });
        }
        let wanted = bytes.saturating_sub(OWN_BYTES_MAX);
        let missing = wanted.saturating_sub(held.reserved());
        if missing > 0 {
            let step = u32::try_from(missing.next_multiple_of(STEP_BYTES));
            let step = step.map_err(|_| BudgetExceeded::Shared)?;
            let more = self.answers.shared.clone().try_acquire_many_owned(step);
            let more = more.map_err(|_| BudgetExceeded::Shared)?;
            match &mut held.permit {
                Some(permit) => permit.merge(more),
                none => *none = Some(more),
            }
        }
        held.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = STEP_BYTES;

    #[test]
    fn an_answer_may_take_so_much_and_no_more() {
        let answers = Answers::new(4 * MIB, 100 * MIB);
        let room = answers.room();
        for _ in 0..4 {
            assert_eq!(room.take(MIB), Ok(()));
        }
        let bytes_max = 4 * MIB;
        assert_eq!(room.take(1), Err(BudgetExceeded::PerResponse { bytes_max }));
        assert_eq!(
            room.take(usize::MAX),
            Err(BudgetExceeded::PerResponse { bytes_max })
        );
        assert_eq!(answers.room().take(4 * MIB), Ok(()), "one of its own");
    }

    #[test]
    fn large_answers_share_and_small_ones_are_always_taken() {
        let answers = Answers::new(4 * MIB, 8 * MIB);
        let (first, second) = (answers.room(), answers.room());
        assert_eq!(first.take(4 * MIB), Ok(()));
        assert_eq!(second.take(4 * MIB), Ok(()));
        let third = answers.room();
        assert_eq!(third.take(OWN_BYTES_MAX), Ok(()));
        assert!(third.is_small());
        assert_eq!(third.take(1), Err(BudgetExceeded::Shared));
        drop(second);
        assert_eq!(third.take(1), Ok(()));
        assert!(!third.is_small());
    }

    #[test]
    fn what_is_given_back_others_can_have() {
        let answers = Answers::new(4 * MIB, 4 * MIB);
        let (first, second) = (answers.room(), answers.room());
        assert_eq!(first.take(4 * MIB), Ok(()));
        assert_eq!(second.take(3 * MIB), Err(BudgetExceeded::Shared));
        first.shrink_to(MIB);
        assert_eq!(second.take(3 * MIB), Ok(()));
        first.shrink_to(usize::MAX);
        assert_eq!(
            answers.shared.available_permits(),
            5 * MIB - 3 * MIB - (MIB - OWN_BYTES_MAX)
        );
        drop((first, second));
        assert_eq!(answers.shared.available_permits(), 5 * MIB);
    }

    #[test]
    fn one_of_the_largest_always_fits() {
        let answers = Answers::new(4 * MIB + 1, MIB);
        assert_eq!(answers.room().take(4 * MIB + 1), Ok(()));
        let unlimited = Answers::new(usize::MAX, usize::MAX);
        assert_eq!(unlimited.room().take(MIB), Ok(()));
    }
}
