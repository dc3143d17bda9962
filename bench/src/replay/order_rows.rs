//! The rows of a file of orders: strict CSV, each field checked separately, each error with its
//! line.

use std::io::Read;

use csv::StringRecord;

use super::orders_error::{FieldProblem, OrdersFileError};

/// Maximum of a file in bytes: it is held in memory.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Maximum of lines in a file: it is held in memory, and the sum of this many largest orders fits
/// in 64 bits.
const LINES_MAX: u64 = 1_000_000;

const COLUMNS: [&str; 7] = [
    "order_ref",
    "account_ref",
    "placed_on",
    "product_ref",
    "product_name",
    "quantity",
    "unit_price",
];
// Positions in `COLUMNS`.
pub(super) const ORDER: usize = 0;
pub(super) const ACCOUNT: usize = 1;
pub(super) const PLACED_ON: usize = 2;
pub(super) const PRODUCT: usize = 3;
pub(super) const NAME: usize = 4;
pub(super) const QUANTITY: usize = 5;
pub(super) const PRICE: usize = 6;

/// Passes every row to `take`, until one is invalid.
pub(super) fn each_row(
    input: impl Read,
    mut take: impl FnMut(&Row<'_>) -> Result<(), OrdersFileError>,
) -> Result<(), OrdersFileError> {
    let bytes = all_bytes(input)?;
    let mut lines = Lines::of(&bytes);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let columns = match reader.headers() {
        Ok(header) => columns(header)?,
        Err(error) => return Err(lines.malformed(&error)),
    };
    let mut record = StringRecord::new();
    let mut rows = 0;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(lines.malformed(&error)),
        }
        rows += 1;
        if rows > LINES_MAX {
            return Err(OrdersFileError::TooLong {
                limit: LINES_MAX,
                unit: "lines",
            });
        }
        take(&Row {
            line: lines.line_of(record.position()),
            fields: columns.map(|position| record.get(position).unwrap_or_default()),
        })?;
    }
}

fn all_bytes(input: impl Read) -> Result<Vec<u8>, OrdersFileError> {
    let mut bytes = Vec::new();
    let read = input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    if read.map_err(OrdersFileError::Read)? as u64 > FILE_BYTES_MAX {
        return Err(OrdersFileError::TooLong {
            limit: FILE_BYTES_MAX,
            unit: "bytes",
        });
    }
    Ok(bytes)
}

/// Counts lines as an editor does. The CSV reader's own count is too low after `\r\n` and empty
/// lines.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// The line on which the record at `position` begins. Positions must not decrease.
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let start = start.clamp(self.counted, self.bytes.len());
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let ends = self.bytes[start..]
            .iter()
            .take_while(|byte| is_end(byte))
            .count();
        let passed = &self.bytes[self.counted..start + ends];
        self.line += passed
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        self.counted = start + ends;
        self.line
    }

    fn malformed(&mut self, error: &csv::Error) -> OrdersFileError {
        let reason = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("{len} fields, but the header has {expected_len}")
            }
            csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        let line = self.line_of(error.position());
        OrdersFileError::Malformed { line, reason }
    }
}

/// One record, its fields in the order of [`COLUMNS`].
pub(super) struct Row<'a> {
    line: u64,
    fields: [&'a str; 7],
}

impl Row<'_> {
    pub(super) fn wrong(&self, column: usize, problem: impl Into<FieldProblem>) -> OrdersFileError {
        OrdersFileError::Field {
            line: self.line,
            column: COLUMNS[column],
            problem: problem.into(),
        }
    }

    pub(super) fn text(&self, column: usize) -> Result<&str, OrdersFileError> {
        match self.fields[column] {
            "" => Err(self.wrong(column, FieldProblem::Missing)),
            text => Ok(text),
        }
    }

    pub(super) fn day(&self, column: usize) -> Result<&str, OrdersFileError> {
        let text = self.text(column)?;
        if is_day(text) {
            return Ok(text);
        }
        Err(self.wrong(column, FieldProblem::NotADay(text.to_owned())))
    }

    pub(super) fn quantity(&self, column: usize) -> Result<u32, OrdersFileError> {
        let text = self.text(column)?;
        let quantity: i32 = text
            .parse()
            .map_err(|_| self.wrong(column, FieldProblem::NotAQuantity(text.to_owned())))?;
        match u32::try_from(quantity) {
            Ok(quantity) if quantity >= 1 => Ok(quantity),
            _ => Err(self.wrong(column, FieldProblem::QuantityBelowOne(quantity))),
        }
    }

    /// Rejects a ref that has another value in this column on an earlier line.
    pub(super) fn agrees(
        &self,
        column: usize,
        entry: &str,
        before: &str,
    ) -> Result<(), OrdersFileError> {
        let found = self.fields[column];
        if found == before {
            return Ok(());
        }
        let (entry, before) = (entry.to_owned(), before.to_owned());
        let found = found.to_owned();
        Err(self.wrong(
            column,
            FieldProblem::Contradiction {
                entry,
                before,
                found,
            },
        ))
    }
}

/// The position of each of [`COLUMNS`] in the header. Further columns are ignored.
fn columns(header: &StringRecord) -> Result<[usize; 7], OrdersFileError> {
    let mut positions = [0; 7];
    for (position, column) in positions.iter_mut().zip(COLUMNS) {
        let mut found = header
            .iter()
            .enumerate()
            .filter(|(_, name)| *name == column);
        *position = found
            .next()
            .ok_or(OrdersFileError::MissingColumn { column })?
            .0;
        if found.next().is_some() {
            return Err(OrdersFileError::RepeatedColumn { column });
        }
    }
    Ok(positions)
}

/// `YYYY-MM-DD` of the Gregorian calendar.
fn is_day(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if (year.len(), month.len(), day.len()) != (4, 2, 2)
        || ![year, month, day].into_iter().all(digits)
    {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (
        year.parse::<u32>(),
        month.parse::<u32>(),
        day.parse::<u32>(),
    ) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}
