//! The cost of a query: how large its response can become.

/// Rows of a list, multiplied over the lists around it: 1 000 accounts with a page of 100 orders
/// each. All are in memory together, with their response: some hundred megabytes in the worst case.
const ROWS_MAX: u64 = 100_000;
/// Fields of a response: 20 for each of those rows. Many lists, or many aliases, add up.
const FIELDS_MAX: u64 = 2_000_000;
/// Rows up to which a message has their number.
const SHOWN_ROWS_MAX: u64 = 1_000_000_000;

/// The greatest possible cost of a selection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost<'d> {
    pub(super) fields: u64,
    /// `None` without a list.
    pub(super) longest: Option<Longest<'d>>,
}

/// The longest list of a selection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Longest<'d> {
    /// Multiplied over the lists around it.
    pub(super) rows: u64,
    pub(super) list: &'d str,
}

pub(super) const NOTHING: Cost<'static> = Cost {
    fields: 0,
    longest: None,
};

impl Cost<'_> {
    /// A message for the client when the response could become too large.
    pub(crate) fn excess(&self) -> Option<String> {
        if let Some(Longest { rows, list }) = self.longest
            && rows > ROWS_MAX
        {
            let rows = if rows > SHOWN_ROWS_MAX {
                format!("more than {SHOWN_ROWS_MAX}")
            } else {
                format!("up to {rows}")
            };
            return Some(format!(
                "{list} with the lists around it has {rows} rows, and {ROWS_MAX} are allowed: take less at a time"
            ));
        }
        (self.fields > FIELDS_MAX).then(|| {
            let longest = self.longest.map_or_else(String::new, |longest| {
                format!(" (its longest list is {})", longest.list)
            });
            format!(
                "the response has more than {FIELDS_MAX} fields{longest}, counting the rows that its lists pass over: take \
                 less at a time"
            )
        })
    }

    /// The members of the extension `cost`, with their limits.
    pub(crate) fn members(&self) -> [(&'static str, u64); 4] {
        [
            ("fields", self.fields),
            ("fieldsMax", FIELDS_MAX),
            ("rows", self.rows().unwrap_or(0)),
            ("rowsMax", ROWS_MAX),
        ]
    }

    fn rows(&self) -> Option<u64> {
        self.longest.map(|longest| longest.rows)
    }

    /// Of two selections in one response.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            ..self.longer(other)
        }
    }

    /// Of two selections of which one is in the response.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            fields: self.fields.max(other.fields),
            ..self.longer(other)
        }
    }

    fn longer(self, other: Self) -> Self {
        if other.rows() > self.rows() {
            other
        } else {
            self
        }
    }
}
