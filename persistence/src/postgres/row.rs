//! Reads the columns of a PostgreSQL row by name.

use fritzy_types::StorageError;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};
use uuid::Uuid;

use crate::rows::{Columns, read_error};

fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: &str,
) -> Result<T, StorageError> {
    row.try_get(column).map_err(read_error)
}

impl Columns for PgRow {
    fn int(&self, column: &str) -> Result<i64, StorageError> {
        get(self, column)
    }

    fn int_or_null(&self, column: &str) -> Result<Option<i64>, StorageError> {
        get(self, column)
    }

    fn flag(&self, column: &str) -> Result<bool, StorageError> {
        get(self, column)
    }

    fn text(&self, column: &str) -> Result<String, StorageError> {
        get(self, column)
    }

    fn text_or_null(&self, column: &str) -> Result<Option<String>, StorageError> {
        get(self, column)
    }

    fn json(&self, column: &str) -> Result<String, StorageError> {
        // The type json is sent as its text; sqlx would parse it, which is done elsewhere.
        self.try_get_unchecked(column).map_err(read_error)
    }

    fn json_or_null(&self, column: &str) -> Result<Option<String>, StorageError> {
        self.try_get_unchecked(column).map_err(read_error)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, StorageError> {
        get(self, column)
    }

    fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>, StorageError> {
        get(self, column)
    }

    fn shard(&self) -> Result<u16, StorageError> {
        get::<i16>(self, "shard").map(i16::cast_unsigned)
    }

    fn shard_or_null(&self) -> Result<Option<u16>, StorageError> {
        let shard = get::<Option<i16>>(self, "shard")?;
        Ok(shard.map(i16::cast_unsigned))
    }
}
