//! Reads the columns of a SQLite row by name.

use fritzy_types::StorageError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};
use uuid::Uuid;

use crate::rows::{Columns, read_error};

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: &str,
) -> Result<T, StorageError> {
    row.try_get(column).map_err(read_error)
}

impl Columns for SqliteRow {
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
        get(self, column)
    }

    fn json_or_null(&self, column: &str) -> Result<Option<String>, StorageError> {
        get(self, column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, StorageError> {
        get(self, column)
    }

    fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>, StorageError> {
        get(self, column)
    }

    fn shard(&self) -> Result<u16, StorageError> {
        get(self, "shard")
    }

    fn shard_or_null(&self) -> Result<Option<u16>, StorageError> {
        get(self, "shard")
    }
}
