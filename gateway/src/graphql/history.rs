//! The type `HistoryEntry`: an event as the journal stores it.

use async_graphql::{
    Context, InputValueError, InputValueResult, Object, Scalar, ScalarType, Value,
};
use fritzy_domain::{MemoryBudget, RecordedEvent};

use super::errors::{FieldResult, shop_error};
use super::request::budget;
use super::scalars::Time;

/// An event of the journal.
pub(crate) struct HistoryEntryObject(pub(crate) RecordedEvent);

/// An event of an account, a product or an order. Events never change.
#[Object(name = "HistoryEntry")]
impl HistoryEntryObject {
    /// Id of the event.
    async fn id(&self) -> String {
        self.0.event_id.to_string()
    }

    /// Number among the events of its account, product or order: 1, 2, 3 … without gaps.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// Type of the event, such as order.created.
    async fn r#type(&self) -> &'static str {
        self.0.event.event_type()
    }

    /// Command that caused the event. Retries under the same idempotency key are one command.
    async fn command_id(&self) -> String {
        self.0.command.to_string()
    }

    /// When the command was decided.
    async fn at(&self) -> Time {
        Time(self.0.event.at())
    }

    /// Payload as stored in the journal: ids, changed values, amounts in minor units, and `at` in
    /// microseconds since 1970. Later versions only add fields.
    async fn data(&self, context: &Context<'_>) -> FieldResult<Json> {
        let text = self.0.event.payload();
        // A parsed value takes some ten times the memory of its text.
        let taken = budget(context).take(text.len() * 10);
        taken.map_err(|exceeded| shop_error(exceeded.into()))?;
        let value = serde_json::from_str(&text).expect("events are JSON");
        Ok(Json(value))
    }
}

pub(crate) struct Json(Value);

/// Any JSON value; only fields of responses have this type.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}
