//! The memory budget of responses: what one may take, and what large ones may take together.

use std::sync::{Arc, Mutex, MutexGuard};

use fritzy_domain::MemoryBudget;
use fritzy_types::BudgetExceeded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that each response has for itself: most need less (a page of 100 rows some 100 KB), and
/// large ones cannot starve them. The limit on concurrent requests limits their sum.
const OWN_BYTES_MAX: usize = 256 * 1_024;
/// Bytes taken at once from the shared budget, because each reservation takes a lock.
const STEP_BYTES: usize = 1_024 * 1_024;

/// The budget that all responses share.
#[derive(Clone, Debug)]
pub(crate) struct ResponseBudgets {
    bytes_max: usize,
    /// Bytes beyond those that each response has for itself.
    shared: Arc<Semaphore>,
}

impl ResponseBudgets {
    /// Each response up to `bytes_max`; the shared parts of all together up to `total_max`, but at
    /// least one of the largest.
    pub(crate) fn new(bytes_max: usize, total_max: usize) -> Self {
        let largest = bytes_max.saturating_add(STEP_BYTES);
        let shared = total_max.max(largest).min(Semaphore::MAX_PERMITS);
        Self {
            bytes_max,
            shared: Arc::new(Semaphore::new(shared)),
        }
    }

    /// The budget of one response.
    pub(crate) fn for_response(&self) -> ResponseBudget {
        ResponseBudget {
            budgets: self.clone(),
            held: Mutex::default(),
        }
    }
}

/// The budget of one response, for its rows, its values and its text. Released when dropped.
#[derive(Debug)]
pub(crate) struct ResponseBudget {
    budgets: ResponseBudgets,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// Of the shared budget.
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn reserved(&self) -> usize {
        let permit = self.permit.as_ref();
        permit.map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl ResponseBudget {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no holder panics")
    }

    /// Whether nothing is taken from the shared budget.
    pub(crate) fn is_small(&self) -> bool {
        self.held().permit.is_none()
    }

    /// The bytes taken so far, and the most that one response may take.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.held().bytes, self.budgets.bytes_max)
    }

    /// Releases everything beyond `bytes`.
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

impl MemoryBudget for ResponseBudget {
    fn take(&self, bytes: usize) -> Result<(), BudgetExceeded> {
        let mut held = self.held();
        let bytes = held.bytes.saturating_add(bytes);
        let bytes_max = self.budgets.bytes_max;
        if bytes > bytes_max {
            return Err(BudgetExceeded::PerResponse { bytes_max });
        }
        let wanted = bytes.saturating_sub(OWN_BYTES_MAX);
        let missing = wanted.saturating_sub(held.reserved());
        if missing > 0 {
            let step = u32::try_from(missing.next_multiple_of(STEP_BYTES));
            let step = step.map_err(|_| BudgetExceeded::Shared)?;
            let more = self.budgets.shared.clone().try_acquire_many_owned(step);
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
    fn response_beyond_its_budget_is_refused() {
        let budgets = ResponseBudgets::new(4 * MIB, 100 * MIB);
        let budget = budgets.for_response();
        for _ in 0..4 {
            assert_eq!(budget.take(MIB), Ok(()));
        }
        let bytes_max = 4 * MIB;
        assert_eq!(
            budget.take(1),
            Err(BudgetExceeded::PerResponse { bytes_max })
        );
        assert_eq!(
            budget.take(usize::MAX),
            Err(BudgetExceeded::PerResponse { bytes_max })
        );
        assert_eq!(
            budgets.for_response().take(4 * MIB),
            Ok(()),
            "each has its own"
        );
    }

    #[test]
    fn large_responses_share_and_small_ones_always_fit() {
        let budgets = ResponseBudgets::new(4 * MIB, 8 * MIB);
        let (first, second) = (budgets.for_response(), budgets.for_response());
        assert_eq!(first.take(4 * MIB), Ok(()));
        assert_eq!(second.take(4 * MIB), Ok(()));
        let third = budgets.for_response();
        assert_eq!(third.take(OWN_BYTES_MAX), Ok(()));
        assert!(third.is_small());
        assert_eq!(third.take(1), Err(BudgetExceeded::Shared));
        drop(second);
        assert_eq!(third.take(1), Ok(()));
        assert!(!third.is_small());
    }

    #[test]
    fn released_bytes_are_available_to_others() {
        let budgets = ResponseBudgets::new(4 * MIB, 4 * MIB);
        let (first, second) = (budgets.for_response(), budgets.for_response());
        assert_eq!(first.take(4 * MIB), Ok(()));
        assert_eq!(second.take(3 * MIB), Err(BudgetExceeded::Shared));
        first.shrink_to(MIB);
        assert_eq!(second.take(3 * MIB), Ok(()));
        first.shrink_to(usize::MAX);
        assert_eq!(
            budgets.shared.available_permits(),
            5 * MIB - 3 * MIB - (MIB - OWN_BYTES_MAX)
        );
        drop((first, second));
        assert_eq!(budgets.shared.available_permits(), 5 * MIB);
    }

    #[test]
    fn largest_response_always_fits() {
        let budgets = ResponseBudgets::new(4 * MIB + 1, MIB);
        assert_eq!(budgets.for_response().take(4 * MIB + 1), Ok(()));
        let unlimited = ResponseBudgets::new(usize::MAX, usize::MAX);
        assert_eq!(unlimited.for_response().take(MIB), Ok(()));
    }
}
