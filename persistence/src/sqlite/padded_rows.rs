//! Statements over a list, in a few fixed sizes, so that each stays prepared. Unlike
//! [`ManyRows`](super::many_rows::ManyRows), a short list takes one statement: it is padded.

use sqlx::AssertSqlSafe;

/// Rows in one statement.
const SIZES: [usize; 3] = [1, 10, 100];

/// The parts of a statement: `head`, then `row` for each row with commas in between, then `tail`.
/// All are literals of this crate.
pub(super) struct PaddedRows {
    pub(super) head: &'static str,
    pub(super) row: &'static str,
    pub(super) tail: &'static str,
}

impl PaddedRows {
    /// Splits `items` into runs, each with its statement and the rows that it has: those behind the
    /// run are to be bound as NULL.
    pub(super) fn cut<'a, T>(
        &self,
        items: &'a [T],
    ) -> Vec<(AssertSqlSafe<String>, Vec<Option<&'a T>>)> {
        let [.., largest] = SIZES;
        let runs = items.chunks(largest).map(|run| {
            let size = SIZES.into_iter().find(|size| *size >= run.len());
            let size = size.unwrap_or(largest);
            let rows = vec![self.row; size].join(", ");
            let statement = format!("{} {rows} {}", self.head, self.tail);
            let padded = (0..size).map(|index| run.get(index)).collect();
            (AssertSqlSafe(statement), padded)
        });
        runs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_list_takes_one_padded_statement() {
        let rows = PaddedRows {
            head: "VALUES",
            row: "(?)",
            tail: "",
        };
        for (len, sizes) in [
            (0, &[][..]),
            (1, &[1]),
            (2, &[10]),
            (100, &[100]),
            (250, &[100, 100, 100]),
            (203, &[100, 100, 10]),
        ] {
            let items: Vec<usize> = (0..len).collect();
            let runs = rows.cut(&items);
            let found: Vec<usize> = runs.iter().map(|(_, run)| run.len()).collect();
            assert_eq!(found, sizes);
            let kept: Vec<usize> = runs
                .iter()
                .flat_map(|(_, run)| run.iter().flatten().copied().copied())
                .collect();
            assert_eq!(kept, items);
            for (statement, run) in runs {
                assert_eq!(statement.0.matches('?').count(), run.len());
            }
        }
    }
}
