//! Rows to values and back. What a row holds was written here; anything else is unreadable.

use fritzy_domain::{
    Account, AccountId, AccountPersonal, CommandId, CommandRecord, Currency, EntityId, Event,
    EventId, Fingerprint, Kind, Money, Order, OrderId, OrderLine, OrderStatus, Product, ProductId,
    ReadError, Recorded, ShardId, Stored, Timestamp,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::read_error;

/// SQLite's integers are signed; counters here start at 0 and will not reach 2^63.
pub(super) fn signed(counter: u64) -> i64 {
    i64::try_from(counter).expect("counters stay below 2^63")
}

pub(super) fn micros(moment: Timestamp) -> i64 {
    moment.as_micros()
}

pub(super) fn lines_json(order: &Order) -> String {
    serde_json::to_string(&order.lines).expect("lines hold only strings and integers")
}

fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T, ReadError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(read_error)
}

fn counter(row: &SqliteRow, column: &str) -> Result<u64, ReadError> {
    get::<i64>(row, column).map(i64::cast_unsigned)
}

fn moment(row: &SqliteRow, column: &str) -> Result<Timestamp, ReadError> {
    get(row, column).map(Timestamp::from_micros)
}

fn money(row: &SqliteRow, minor_units: &str) -> Result<Money, ReadError> {
    let currency: String = get(row, "currency")?;
    Currency::from_code(&currency)
        .and_then(|currency| Money::from_minor_units(get(row, minor_units).ok()?, currency))
        .ok_or_else(|| {
            ReadError::Unreadable(format!("{minor_units} is not an amount of {currency}"))
        })
}

fn fingerprint(row: &SqliteRow) -> Result<Option<Fingerprint>, ReadError> {
    let bytes: Option<Vec<u8>> = get(row, "fingerprint")?;
    bytes
        .map(|bytes| {
            <[u8; 16]>::try_from(bytes)
                .map(Fingerprint)
                .map_err(|_| ReadError::Unreadable("a fingerprint has not 16 bytes".into()))
        })
        .transpose()
}

pub(super) fn account(row: &SqliteRow) -> Result<Stored<Account>, ReadError> {
    let state = Account {
        id: AccountId::from_uuid(get(row, "id")?),
        created_at: moment(row, "created_at")?,
        closed: get(row, "closed")?,
        personal: AccountPersonal {
            name: get(row, "name")?,
        },
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

pub(super) fn product(row: &SqliteRow) -> Result<Stored<Product>, ReadError> {
    let state = Product {
        id: ProductId::from_uuid(get(row, "id")?),
        created_at: moment(row, "created_at")?,
        name: get(row, "name")?,
        description: get(row, "description")?,
        price: money(row, "price_minor")?,
        withdrawn: get(row, "withdrawn")?,
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

pub(super) fn order(row: &SqliteRow) -> Result<Stored<Order>, ReadError> {
    let status: String = get(row, "status")?;
    let lines: String = get(row, "lines")?;
    let state = Order {
        id: OrderId::from_uuid(get(row, "id")?),
        account_id: AccountId::from_uuid(get(row, "account_id")?),
        created_at: moment(row, "created_at")?,
        status: OrderStatus::from_name(&status)
            .ok_or_else(|| ReadError::Unreadable(format!("order status `{status}` is unknown")))?,
        lines: serde_json::from_str::<Vec<OrderLine>>(&lines)
            .map_err(|failure| ReadError::Unreadable(format!("lines of an order: {failure}")))?,
        total: money(row, "total_minor")?,
        cancel_reason: get(row, "cancel_reason")?,
    };
    Ok(Stored {
        version: counter(row, "version")?,
        state,
    })
}

fn kind_of(event_type: &str) -> Result<Kind, ReadError> {
    match event_type.split_once('.').map(|(kind, _)| kind) {
        Some("account") => Ok(Kind::Account),
        Some("product") => Ok(Kind::Product),
        Some("order") => Ok(Kind::Order),
        _ => Err(ReadError::Unreadable(format!(
            "event type `{event_type}` is unknown"
        ))),
    }
}

pub(super) fn recorded(row: &SqliteRow) -> Result<Recorded, ReadError> {
    let event_type: String = get(row, "event_type")?;
    let payload: String = get(row, "payload")?;
    let event = Event::decode(&event_type, &payload)
        .map_err(|failure| ReadError::Unreadable(failure.to_string()))?;
    Ok(Recorded {
        shard: ShardId(get(row, "shard")?),
        position: counter(row, "position")?,
        entity: EntityId::from_uuid(kind_of(&event_type)?, get::<Uuid>(row, "entity_id")?),
        version: counter(row, "version")?,
        event_id: EventId::from_uuid(get(row, "event_id")?),
        command: CommandId::from_uuid(get(row, "command_id")?),
        fingerprint: fingerprint(row)?,
        event,
    })
}

pub(super) fn command_record(row: &SqliteRow) -> Result<CommandRecord, ReadError> {
    let event_type: String = get(row, "event_type")?;
    Ok(CommandRecord {
        entity: EntityId::from_uuid(kind_of(&event_type)?, get::<Uuid>(row, "entity_id")?),
        version: counter(row, "version")?,
        fingerprint: fingerprint(row)?,
    })
}
