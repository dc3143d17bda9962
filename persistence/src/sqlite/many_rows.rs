//! Statements over many rows, in a few fixed sizes, so that each is prepared once and kept.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// Rows in one statement, largest first. A batch is split greedily: 200 rows are 128, 32, 32 and 8.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// One statement in each of the sizes.
pub(super) struct ManyRows(Vec<(usize, Arc<str>)>);

impl ManyRows {
    /// `head`, then `row` once for each row with commas in between, then `tail`. All three are
    /// literals of this crate: no value ever becomes text.
    pub(super) fn new(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        let statement = |size: usize| format!("{head} {} {tail}", vec![row; size].join(", "));
        Self(SIZES.map(|size| (size, statement(size).into())).into())
    }

    /// Splits `items` into runs, each with the statement of its size.
    pub(super) fn cut<'a, T>(&self, items: &'a [T]) -> Vec<(AssertSqlSafe<Arc<str>>, &'a [T])> {
        let mut rest = items;
        let mut runs = Vec::new();
        for (size, statement) in &self.0 {
            while rest.len() >= *size {
                let (run, behind) = rest.split_at(*size);
                runs.push((AssertSqlSafe(statement.clone()), run));
                rest = behind;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_completely_and_in_order() {
        let many = ManyRows::new("INSERT INTO t VALUES", "(?)", "");
        for len in [0, 1, 7, 8, 200, 512] {
            let items: Vec<usize> = (0..len).collect();
            let runs = many.cut(&items);
            let together: Vec<usize> = runs.iter().flat_map(|(_, run)| run.to_vec()).collect();
            assert_eq!(together, items);
            for (statement, run) in runs {
                assert_eq!(statement.0.matches('?').count(), run.len());
            }
        }
    }
}
