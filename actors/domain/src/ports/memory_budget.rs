//! Memory budgets: how many bytes a read may load.

use fritzy_types::BudgetExceeded;

/// How much memory a read may use. Each row is charged before the next one is fetched, so that a
/// read that is too large ends after one row too many.
pub trait MemoryBudget: Send + Sync {
    /// Takes bytes from the budget. They are released when the budget is dropped.
    ///
    /// # Errors
    /// When the budget is exceeded: the read must end.
    fn take(&self, bytes: usize) -> Result<(), BudgetExceeded>;
}

/// A budget without a limit, for reads that are bounded by other means.
#[derive(Clone, Copy, Debug)]
pub struct UnlimitedBudget;

impl MemoryBudget for UnlimitedBudget {
    fn take(&self, _bytes: usize) -> Result<(), BudgetExceeded> {
        Ok(())
    }
}
