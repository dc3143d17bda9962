//! Rows as parameters: one array for each column, so that one text serves any number of rows.

use sqlx::{Encode, Postgres, QueryBuilder, Type};

/// Adds the columns of `rows` to a statement that ends with `unnest(`.
pub(super) struct Unnest<'s, 'r, R> {
    statement: &'s mut QueryBuilder<Postgres>,
    rows: &'r [R],
    begun: bool,
}

impl<'s, 'r, R> Unnest<'s, 'r, R> {
    pub(super) const fn new(statement: &'s mut QueryBuilder<Postgres>, rows: &'r [R]) -> Self {
        Self {
            statement,
            rows,
            begun: false,
        }
    }

    /// Adds a column of the type `array`, such as `int8[]`.
    pub(super) fn column<'q, T>(mut self, array: &'static str, value: impl Fn(&'r R) -> T) -> Self
    where
        Vec<T>: Encode<'q, Postgres> + Type<Postgres>,
    {
        if self.begun {
            self.statement.push(", ");
        }
        self.begun = true;
        let values: Vec<T> = self.rows.iter().map(value).collect();
        self.statement.push_bind(values).push("::").push(array);
        self
    }
}
