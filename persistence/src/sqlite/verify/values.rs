//! Values as they are stored, whatever their type.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// Rows in a page: an order of 100 long lines is some 100 KB, so a page is at most some 50 MB, and
/// mostly 200 KB.
pub(super) const PAGE_ROWS: u32 = 500;

pub(super) fn int(row: &SqliteRow, column: usize) -> Result<i64, sqlx::Error> {
    row.try_get_unchecked(column)
}

pub(super) fn bytes(row: &SqliteRow, column: usize) -> Result<Vec<u8>, sqlx::Error> {
    row.try_get_unchecked(column)
}

pub(super) fn text(row: &SqliteRow, column: usize) -> Result<String, sqlx::Error> {
    bytes(row, column).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
