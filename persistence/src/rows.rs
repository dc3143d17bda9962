//! Converts rows to values and back, for every database. Rows that this crate has not written are
//! unreadable.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fritzy_domain::{
    Account, AccountId, AccountPersonal, Annotations, CommandId, CommandRecord, Currency, Cursor,
    EntityId, Event, EventId, ExternalReference, Fingerprint, Generation, GenerationStart,
    Generations, HeapSize, Kind, MemoryBudget, Money, Order, OrderId, OrderLine, OrderStatus,
    Position, Product, ProductId, RecordedEvent, State, Stored, TopicBinding,
};
use fritzy_types::{ShardId, StorageError, Timestamp};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use tokio::task::coop::consume_budget;
use uuid::Uuid;

use crate::committer::Sequenced;

/// Reads the columns of a row by name. Fails with [`StorageError::Unreadable`].
pub(crate) trait Columns {
    fn int(&self, column: &str) -> Result<i64, StorageError>;
    fn int_or_null(&self, column: &str) -> Result<Option<i64>, StorageError>;
    fn flag(&self, column: &str) -> Result<bool, StorageError>;
    fn text(&self, column: &str) -> Result<String, StorageError>;
    fn text_or_null(&self, column: &str) -> Result<Option<String>, StorageError>;
    /// JSON, as its text.
    fn json(&self, column: &str) -> Result<String, StorageError>;
    fn json_or_null(&self, column: &str) -> Result<Option<String>, StorageError>;
    fn uuid(&self, column: &str) -> Result<Uuid, StorageError>;
    fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>, StorageError>;
    fn shard(&self) -> Result<u16, StorageError>;
    fn shard_or_null(&self) -> Result<Option<u16>, StorageError>;
}

/// Databases have signed integers only; counters here start at 0 and will not reach 2^63.
pub(crate) fn signed(counter: u64) -> i64 {
    i64::try_from(counter).expect("counters stay below 2^63")
}

/// The version of the entity after an append.
pub(crate) fn version(sequenced: &Sequenced<'_>) -> i64 {
    signed(sequenced.append.expected_version + sequenced.append.events.len() as u64)
}

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_micros()
}

pub(crate) fn lines_json(order: &Order) -> String {
    serde_json::to_string(&order.lines).expect("lines hold only strings and integers")
}

/// The text of an external reference, as rows have it.
pub(crate) fn reference_text(annotations: &Annotations) -> Option<&str> {
    let reference = annotations.external_reference.as_ref();
    reference.map(ExternalReference::as_str)
}

/// Metadata as JSON; `None` where there is none.
pub(crate) fn metadata_json(annotations: &Annotations) -> Option<String> {
    let metadata = &annotations.metadata;
    (!metadata.is_empty()).then(|| metadata.json())
}

fn annotations(row: &impl Columns) -> Result<Annotations, StorageError> {
    let metadata = row.json_or_null("metadata")?;
    let metadata = metadata.map(|json| serde_json::from_str(&json));
    let metadata = metadata.transpose();
    let reference = row.text_or_null("external_reference")?;
    Ok(Annotations {
        external_reference: reference.map(ExternalReference::from_stored),
        metadata: metadata
            .map_err(|failure| StorageError::Unreadable(format!("metadata: {failure}")))?
            .unwrap_or_default(),
    })
}

fn counter(row: &impl Columns, column: &str) -> Result<u64, StorageError> {
    row.int(column).map(i64::cast_unsigned)
}

fn timestamp(row: &impl Columns, column: &str) -> Result<Timestamp, StorageError> {
    row.int(column).map(Timestamp::from_micros)
}

fn money(row: &impl Columns, minor_units: &str) -> Result<Money, StorageError> {
    let currency = row.text("currency")?;
    Currency::from_code(&currency)
        .and_then(|currency| Money::from_minor_units(row.int(minor_units).ok()?, currency))
        .ok_or_else(|| {
            StorageError::Unreadable(format!("{minor_units} is not an amount of {currency}"))
        })
}

fn fingerprint(row: &impl Columns) -> Result<Option<Fingerprint>, StorageError> {
    row.bytes_or_null("fingerprint")?
        .map(|bytes| {
            <[u8; 16]>::try_from(bytes).map(Fingerprint).map_err(|_| {
                StorageError::Unreadable("a fingerprint does not have 16 bytes".into())
            })
        })
        .transpose()
}

pub(crate) fn account(row: &impl Columns) -> Result<Stored<Account>, StorageError> {
    let state = Account {
        id: AccountId::from_uuid(row.uuid("id")?),
        created_at: timestamp(row, "created_at")?,
        closed: row.flag("closed")?,
        personal: AccountPersonal {
            name: row.text("name")?,
        },
        annotations: annotations(row)?,
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

pub(crate) fn product(row: &impl Columns) -> Result<Stored<Product>, StorageError> {
    let state = Product {
        id: ProductId::from_uuid(row.uuid("id")?),
        created_at: timestamp(row, "created_at")?,
        name: row.text("name")?,
        description: row.text("description")?,
        price: money(row, "price_minor")?,
        withdrawn: row.flag("withdrawn")?,
        annotations: annotations(row)?,
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

pub(crate) fn order(row: &impl Columns) -> Result<Stored<Order>, StorageError> {
    let status = row.text("status")?;
    let lines = row.json("lines")?;
    let state = Order {
        id: OrderId::from_uuid(row.uuid("id")?),
        account_id: AccountId::from_uuid(row.uuid("account_id")?),
        created_at: timestamp(row, "created_at")?,
        status: OrderStatus::from_name(&status).ok_or_else(|| {
            StorageError::Unreadable(format!("order status `{status}` is unknown"))
        })?,
        lines: serde_json::from_str::<Vec<OrderLine>>(&lines)
            .map_err(|failure| StorageError::Unreadable(format!("lines of an order: {failure}")))?,
        total: money(row, "total_minor")?,
        cancel_reason: row.text_or_null("cancel_reason")?,
        annotations: annotations(row)?,
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

/// The row of an entity of any kind.
pub(crate) fn state(kind: Kind, row: &impl Columns) -> Result<Stored<State>, StorageError> {
    fn any<T>(stored: Stored<T>, state: fn(T) -> State) -> Stored<State> {
        Stored {
            version: stored.version,
            state: state(stored.state),
        }
    }
    match kind {
        Kind::Account => account(row).map(|account| any(account, State::Account)),
        Kind::Product => product(row).map(|product| any(product, State::Product)),
        Kind::Order => order(row).map(|order| any(order, State::Order)),
    }
}

fn kind_of(event_type: &str) -> Result<Kind, StorageError> {
    match event_type.split_once('.').map(|(kind, _)| kind) {
        Some("account") => Ok(Kind::Account),
        Some("product") => Ok(Kind::Product),
        Some("order") => Ok(Kind::Order),
        _ => Err(StorageError::Unreadable(format!(
            "event type `{event_type}` is unknown"
        ))),
    }
}

pub(crate) fn recorded(row: &impl Columns) -> Result<RecordedEvent, StorageError> {
    let event_type = row.text("event_type")?;
    let payload = row.json("payload")?;
    let event = Event::decode(&event_type, &payload)
        .map_err(|failure| StorageError::Unreadable(failure.to_string()))?;
    Ok(RecordedEvent {
        shard: ShardId(row.shard()?),
        position: counter(row, "position")?,
        entity: EntityId::from_uuid(kind_of(&event_type)?, row.uuid("entity_id")?),
        version: counter(row, "version")?,
        event_id: EventId::from_uuid(row.uuid("event_id")?),
        command: CommandId::from_uuid(row.uuid("command_id")?),
        fingerprint: fingerprint(row)?,
        event,
    })
}

/// The log line of a cursor that was set back by itself.
pub(crate) const STEPPED_BACK: &str = "the event of a cursor is not in the journal, which has another history there; the cursor was set back to \
     what both have in common, and events behind it are repeated";

pub(crate) fn cursor(row: &impl Columns) -> Result<Cursor, StorageError> {
    Ok(Cursor {
        shard: ShardId(row.shard()?),
        position: counter(row, "position")?,
        resets: counter(row, "resets")?,
        stopped: row.text_or_null("stopped")?,
    })
}

/// The generations, from rows of each with each of its shards, in the order of their numbers.
pub(crate) fn generations<R: Columns>(rows: &[R]) -> Result<Generations, StorageError> {
    let mut generations: Vec<Generation> = Vec::new();
    for row in rows {
        let number = counter(row, "number")?;
        if generations.last().is_none_or(|last| last.number != number) {
            generations.push(Generation {
                number,
                id: row.uuid("id")?,
                began: timestamp(row, "began")?,
                in_place: row.flag("in_place")?,
                shards: BTreeMap::new(),
            });
        }
        if let (Some(shard), Some(last)) = (row.shard_or_null()?, generations.last_mut()) {
            let start = GenerationStart {
                kept: counter(row, "kept")?,
                lost: counter(row, "lost")?,
            };
            last.shards.insert(ShardId(shard), start);
        }
    }
    Generations::new(generations)
        .ok_or_else(|| StorageError::Unreadable("the table of generations is empty".into()))
}

/// A binding, from the row of its tokens, its age in microseconds, and whether it is the latest.
pub(crate) fn topic_binding(row: &impl Columns) -> Result<TopicBinding, StorageError> {
    let text = row.text("tokens")?;
    let tokens = text.split(',').map(|token| {
        Uuid::parse_str(token)
            .map_err(|_| StorageError::Unreadable(format!("`{token}` is no token of topics")))
    });
    Ok(TopicBinding {
        tokens: tokens.collect::<Result<_, _>>()?,
        // Negative when the clock of the store was set back.
        age: Duration::from_micros(row.int("age")?.try_into().unwrap_or_default()),
        is_latest: row.flag("is_latest")?,
    })
}

/// Tokens as the column has them.
pub(crate) fn tokens_text(tokens: &[Uuid]) -> String {
    let tokens: Vec<String> = tokens.iter().map(Uuid::to_string).collect();
    tokens.join(",")
}

/// The last position of each shard that has events, from rows of shard and position.
pub(crate) fn heads<R: Columns>(rows: &[R]) -> Result<BTreeMap<ShardId, Position>, StorageError> {
    let heads = rows.iter().map(place);
    heads.filter(|head| !matches!(head, Ok((_, 0)))).collect()
}

pub(crate) fn place<R: Columns>(row: &R) -> Result<(ShardId, Position), StorageError> {
    Ok((ShardId(row.shard()?), counter(row, "position")?))
}

pub(crate) fn command_record(row: &impl Columns) -> Result<CommandRecord, StorageError> {
    let event_type = row.text("event_type")?;
    Ok(CommandRecord {
        entity: EntityId::from_uuid(kind_of(&event_type)?, row.uuid("entity_id")?),
        version: counter(row, "version")?,
        fingerprint: fingerprint(row)?,
    })
}

/// Reads rows one by one: each takes its size from the budget before the next is fetched.
pub(crate) async fn collect_rows<R: Send, T: HeapSize>(
    list: &mut Vec<T>,
    mut rows: BoxStream<'_, Result<R, sqlx::Error>>,
    read: fn(&R) -> Result<T, StorageError>,
    budget: &dyn MemoryBudget,
) -> Result<(), CollectError> {
    while let Some(row) = rows.try_next().await? {
        let read = read(&row)?;
        budget.take(read.bytes()).map_err(StorageError::from)?;
        list.push(read);
        // Rows that were received already are read without waiting; this lets other tasks run in
        // between.
        consume_budget().await;
    }
    Ok(())
}

/// Why rows were not collected.
pub(crate) enum CollectError {
    /// The database has failed the read.
    Store(sqlx::Error),
    /// A row is unreadable, or exceeds the budget.
    Rows(StorageError),
}

impl From<sqlx::Error> for CollectError {
    fn from(failure: sqlx::Error) -> Self {
        Self::Store(failure)
    }
}

impl From<StorageError> for CollectError {
    fn from(failure: StorageError) -> Self {
        Self::Rows(failure)
    }
}

impl From<CollectError> for StorageError {
    fn from(failure: CollectError) -> Self {
        match failure {
            CollectError::Store(failure) => read_error(failure),
            CollectError::Rows(failure) => failure,
        }
    }
}

/// A failed read as an error of the ports.
pub(crate) fn read_error(failure: sqlx::Error) -> StorageError {
    match failure {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StorageError::Unreadable(failure.to_string())
        }
        _ => StorageError::Unavailable(failure.to_string()),
    }
}

/// The ids of one kind.
pub(crate) fn of_kind(ids: &[EntityId], kind: Kind) -> Vec<Uuid> {
    ids.iter()
        .filter(|id| id.kind() == kind)
        .map(|id| *id.as_uuid())
        .collect()
}

/// The orders of each of `accounts`, in the order of the accounts, each list by (created at, id).
pub(crate) fn orders_by_account(
    accounts: &[AccountId],
    orders: Vec<Stored<Order>>,
) -> Vec<Vec<Stored<Order>>> {
    let mut lists: HashMap<AccountId, Vec<Stored<Order>>> = HashMap::new();
    for order in orders {
        lists.entry(order.state.account_id).or_default().push(order);
    }
    let mut take = |account: &AccountId| {
        let mut orders = lists.remove(account).unwrap_or_default();
        orders.sort_unstable_by_key(|order| (order.state.created_at, order.state.id));
        orders
    };
    accounts.iter().map(&mut take).collect()
}
