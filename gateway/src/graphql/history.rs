//! What happened to something: its events, as the journal keeps them.

use async_graphql::{
    Context, InputValueError, InputValueResult, Object, Scalar, ScalarType, Value,
};
use fritzy_domain::{MemoryBudget, RecordedEvent};

use super::errors::{FieldResult, shop_error};
use super::request::room;
use super::scalars::Time;

/// One event.
pub(crate) struct HistoryEntryObject(pub(crate) RecordedEvent);

/// Something that happened to an account, a product or an order. It never changes.
#[Object(name = "HistoryEntry")]
impl HistoryEntryObject {
    /// The event's own id.
    async fn id(&self) -> String {
        self.0.event_id.to_string()
    }

    /// Its number among the events of its account, product or order: 1, 2, 3 … without a gap.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// What happened, such as order.created.
    async fn r#type(&self) -> &'static str {
        self.0.event.event_type()
    }

    /// The command that it came of: each request is one, however often it is repeated under its key.
    async fn command_id(&self) -> String {
        self.0.command.to_string()
    }

    /// When it was decided.
    async fn at(&self) -> Time {
        Time(self.0.event.at())
    }

    /// What it says, as the journal keeps it: ids, what changed, amounts in minor units, and `at` in microseconds
    /// since 1970. Its form only ever gains fields.
    async fn data(&self, context: &Context<'_>) -> FieldResult<Json> {
        let text = self.0.event.payload();
        // A value takes some ten times its text.
        let taken = room(context).take(text.len() * 10);
        taken.map_err(|no_room| shop_error(no_room.into()))?;
        let value = serde_json::from_str(&text).expect("events are JSON");
        Ok(Json(value))
    }
}

/// Any JSON.
pub(crate) struct Json(Value);

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}
