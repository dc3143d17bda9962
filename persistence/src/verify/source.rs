//! The rows to check, whichever store they are in: as they are stored, not as they should be.

use async_trait::async_trait;
use fritzy_domain::Kind;

/// What damage is called that shows in the order of rows.
pub(super) const OUT_OF_ORDER: &str = "rows are not in the order of their index";

/// A value of a state row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    /// A text; bytes that are not UTF-8 are replaced.
    Text(String),
    Bytes(Vec<u8>),
}

/// The column of an order that is not part of its state: the command of a keyed creation.
pub(super) const CREATION_KEY: &str = "creation_key";
pub(super) const LINES: &str = "lines";

/// The columns of a kind's state rows besides id and version.
pub(crate) const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Account => &[
            "created_at",
            "name",
            "closed",
            "external_reference",
            "metadata",
        ],
        Kind::Product => &[
            "created_at",
            "name",
            "description",
            "price_minor",
            "currency",
            "withdrawn",
            "external_reference",
            "metadata",
        ],
        Kind::Order => &[
            "created_at",
            "account_id",
            "total_minor",
            "currency",
            LINES,
            CREATION_KEY,
            "status",
            "cancel_reason",
            "external_reference",
            "metadata",
        ],
    }
}

/// A row of the journal, without the columns that only other parts of the check read.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) key: EventKey,
    pub(crate) shard: i64,
    pub(crate) position: i64,
    pub(crate) event_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) command: Vec<u8>,
    pub(crate) fingerprint: Option<Vec<u8>>,
}

/// The order of the merge. `row` distinguishes rows that are equal otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventKey {
    pub(crate) entity: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) row: i64,
}

/// A state row. `columns` are those of [`columns`] of its kind, in that order.
#[derive(Clone, Debug)]
pub(crate) struct StateRow {
    pub(crate) id: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) columns: Vec<Value>,
}

/// A row of the table of orders by product. Rows are ordered as the fields are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineRow {
    pub(crate) order: Vec<u8>,
    pub(crate) product: Vec<u8>,
    pub(crate) created_at: i64,
    /// Distinguishes rows that are equal otherwise.
    pub(crate) row: i64,
}

impl LineRow {
    pub(crate) fn order_id(&self) -> &[u8] {
        &self.order
    }
}

/// A row of the table of orders by total. Rows are ordered as the fields are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TotalRow {
    pub(crate) order: Vec<u8>,
    pub(crate) currency: String,
    pub(crate) total_minor: i64,
}

impl TotalRow {
    pub(crate) fn order_id(&self) -> &[u8] {
        &self.order
    }
}

/// Up to where the tables of orders are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListedTo {
    /// The last row of the journal whose order the tables must have; `None` if it is not there.
    pub(crate) listed_to: Option<i64>,
    /// The last row of the journal; 0 if it has none.
    pub(crate) end: i64,
}

/// A row of the table of shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardRow {
    pub(crate) shard: i64,
    pub(crate) epoch: i64,
}

/// An event whose id, or whose command, another event has too.
#[derive(Clone, Debug)]
pub(crate) struct DuplicateRow {
    /// The common id; rows are ordered by it, then by entity and version.
    pub(crate) key: Vec<u8>,
    pub(crate) entity: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) shard: i64,
    pub(crate) position: i64,
    pub(crate) event_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) fingerprint: Option<Vec<u8>>,
}

/// An entity whose external reference another one of its kind has, too.
#[derive(Clone, Debug)]
pub(crate) struct SharedReferenceRow {
    /// The common reference; rows are ordered by it, then by id.
    pub(crate) reference: String,
    pub(crate) id: Vec<u8>,
    pub(crate) version: i64,
}

/// An object of the schema that differs from the migrations.
#[derive(Clone, Debug)]
pub(crate) struct SchemaDifference {
    /// Such as `index journal_version`.
    pub(crate) object: String,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// Whether rows can still be read.
    pub(crate) readable: bool,
}

/// Why rows were not read.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The data is damaged: a violation, and other parts of the check continue.
    Damaged(String),
    /// The data cannot be read now: nothing is known.
    Unavailable(String),
}

/// Called with each row.
pub(crate) type Each<'a, T> = &'a mut (dyn FnMut(T) + Send);

/// The rows of one database, all of one snapshot.
#[async_trait]
pub(crate) trait Source: Send {
    /// The objects that differ from the migrations. Called first: it prepares the order of the
    /// others.
    async fn schema_differences(&mut self) -> Result<Vec<SchemaDifference>, SourceError>;

    /// What the store itself reports about its file, at most `limit` findings.
    async fn damages(&mut self, limit: u32) -> Result<Vec<String>, SourceError>;

    /// The stored number of shards.
    async fn shard_count(&mut self) -> Result<Option<String>, SourceError>;

    /// Every row of the table of shards.
    async fn shards(&mut self, each: Each<'_, ShardRow>) -> Result<(), SourceError>;

    /// Shard and position of every event, in that order.
    async fn positions(&mut self, each: Each<'_, (i64, i64)>) -> Result<(), SourceError>;

    /// The next events after `after`, by entity and version; none at the end.
    async fn events(&mut self, after: Option<&EventKey>) -> Result<Vec<EventRow>, SourceError>;

    /// The next state rows after `after`, by id; none at the end.
    async fn states(
        &mut self,
        kind: Kind,
        after: Option<&[u8]>,
    ) -> Result<Vec<StateRow>, SourceError>;

    /// The next rows of orders by product after `after`; none at the end.
    async fn lines(&mut self, after: Option<&LineRow>) -> Result<Vec<LineRow>, SourceError>;

    /// Up to where the tables of orders are filled; `None` if they always have all orders.
    async fn listed_to(&mut self) -> Result<Option<ListedTo>, SourceError> {
        Ok(None)
    }

    /// The next ids, behind `after`, of orders that the tables of orders need not have yet; none at
    /// the end.
    async fn unlisted(&mut self, _after: Option<&[u8]>) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(Vec::new())
    }

    /// Whether there is a table of orders by total. Otherwise an index has them.
    fn has_totals(&self) -> bool {
        false
    }

    /// The next rows of orders by total after `after`; none at the end.
    async fn totals(&mut self, _after: Option<&TotalRow>) -> Result<Vec<TotalRow>, SourceError> {
        Ok(Vec::new())
    }

    /// Every event whose id another event has too.
    async fn duplicate_event_ids(
        &mut self,
        each: Each<'_, DuplicateRow>,
    ) -> Result<(), SourceError>;

    /// Every event of a command that has several events.
    async fn repeated_commands(&mut self, each: Each<'_, DuplicateRow>) -> Result<(), SourceError>;

    /// Every entity of a kind, neither closed nor withdrawn, whose external reference another such
    /// entity has, too.
    async fn shared_references(
        &mut self,
        kind: Kind,
        each: Each<'_, SharedReferenceRow>,
    ) -> Result<(), SourceError>;

    /// Id and account of every order whose account has no creation in the journal.
    async fn orders_without_account(
        &mut self,
        each: Each<'_, (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), SourceError>;
}
