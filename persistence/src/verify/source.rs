//! Where the rows to check come from, whatever the store: rows as they stand, not as they should be.

use async_trait::async_trait;
use fritzy_domain::Kind;

/// A value of a state row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// No value.
    Null,
    /// A number.
    Int(i64),
    /// A text; what is not UTF-8 in it is replaced.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The column of an order that is not of its state: the command of a keyed creation.
pub(super) const CREATION_KEY: &str = "creation_key";
pub(super) const LINES: &str = "lines";

/// The columns of a kind's state rows besides id and version.
pub(crate) const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Account => &["created_at", "name", "closed"],
        Kind::Product => &[
            "created_at",
            "name",
            "description",
            "price_minor",
            "currency",
            "withdrawn",
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
        ],
    }
}

/// A row of the journal, without what only other parts of the check ask for.
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

/// The order in which entities are walked. `row` tells rows apart that have everything else in common.
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

/// A row of the table of shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardRow {
    pub(crate) shard: i64,
    pub(crate) epoch: i64,
}

/// An event whose id, or whose command, is not its alone.
#[derive(Clone, Debug)]
pub(crate) struct DuplicateRow {
    /// The id that is shared; rows come in its order, then by entity and version.
    pub(crate) key: Vec<u8>,
    pub(crate) entity: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) shard: i64,
    pub(crate) position: i64,
    pub(crate) event_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) fingerprint: Option<Vec<u8>>,
}

/// Something of the schema that is not as the migrations make it.
#[derive(Clone, Debug)]
pub(crate) struct SchemaDifference {
    /// Such as `index journal_version`.
    pub(crate) object: String,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// Whether rows can still be read.
    pub(crate) readable: bool,
}

/// Why rows did not come.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// What holds them is damaged: a violation, and other parts of the check go on.
    Damaged(String),
    /// They cannot be had now: nothing is known.
    Unavailable(String),
}

/// What a row is handed to.
pub(crate) type Each<'a, T> = &'a mut (dyn FnMut(T) + Send);

/// The rows of one database, all at one moment.
#[async_trait]
pub(crate) trait Source: Send {
    /// What is not as the migrations make it. Asked first: it prepares what the others read.
    async fn schema_differences(&mut self) -> Result<Vec<SchemaDifference>, SourceError>;

    /// What the store itself finds wrong with its file, at most `limit` of it.
    async fn damages(&mut self, limit: u32) -> Result<Vec<String>, SourceError>;

    /// The number of shards as it is written.
    async fn shard_count(&mut self) -> Result<Option<String>, SourceError>;

    /// Every row of the table of shards.
    async fn shards(&mut self, each: Each<'_, ShardRow>) -> Result<(), SourceError>;

    /// Shard and position of every event, in that order.
    async fn positions(&mut self, each: Each<'_, (i64, i64)>) -> Result<(), SourceError>;

    /// The next events behind `after`, by entity and version; none at the end.
    async fn events(&mut self, after: Option<&EventKey>) -> Result<Vec<EventRow>, SourceError>;

    /// The next state rows behind `after`, by id; none at the end.
    async fn states(
        &mut self,
        kind: Kind,
        after: Option<&[u8]>,
    ) -> Result<Vec<StateRow>, SourceError>;

    /// Every event with an id that another has too.
    async fn duplicate_event_ids(
        &mut self,
        each: Each<'_, DuplicateRow>,
    ) -> Result<(), SourceError>;

    /// Every event of a command that has several.
    async fn repeated_commands(&mut self, each: Each<'_, DuplicateRow>) -> Result<(), SourceError>;

    /// Id and account of every order whose account has no creation in the journal.
    async fn orders_without_account(
        &mut self,
        each: Each<'_, (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), SourceError>;
}
