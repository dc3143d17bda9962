//! Room in memory: what a read may take, and what it has taken.

use fritzy_types::BudgetExceeded;

/// How much memory a read may fill. Whoever reads takes room for each row before the next one is
/// fetched, so that a read which is too large ends after one row too many.
pub trait MemoryBudget: Send + Sync {
    /// Takes room for so many more bytes; they are given back with the room itself.
    ///
    /// # Errors
    /// [`BudgetExceeded`]: the read must end.
    fn take(&self, bytes: usize) -> Result<(), BudgetExceeded>;
}

/// Room without an end, for reads that are bounded by other means.
#[derive(Clone, Copy, Debug)]
pub struct UnlimitedBudget;

impl MemoryBudget for UnlimitedBudget {
    fn take(&self, _bytes: usize) -> Result<(), BudgetExceeded> {
        Ok(())
    }
}
