//! The three entities behind one face: any command, any event, any state. The shells and the
//! journal speak in these; the rules are in `account`, `product` and `order`.

use serde::{Deserialize, Serialize};

use crate::{
    Account, AccountCommand, AccountEvent, DecisionContext, Entity, EntityId, Kind, Order,
    OrderCommand, OrderEvent, Product, ProductCommand, ProductEvent, Rejection, Version,
};

/// Any command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// To an account.
    Account(AccountCommand),
    /// To a product.
    Product(ProductCommand),
    /// To an order.
    Order(OrderCommand),
}

impl Command {
    /// The kind of entity it goes to.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Product(_) => Kind::Product,
            Self::Order(_) => Kind::Order,
        }
    }
}

/// Any event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of an account.
    Account(AccountEvent),
    /// Of a product.
    Product(ProductEvent),
    /// Of an order.
    Order(OrderEvent),
}

/// An event in the journal that this program cannot read; its entity is unavailable here. An event
/// is never skipped.
#[derive(Debug, thiserror::Error)]
pub enum EventDecodeError {
    /// Written by a newer program.
    #[error("event type `{0}` is unknown to this version")]
    UnknownType(String),
    /// Not the JSON of its type.
    #[error("event of type `{event_type}` cannot be read: {source}")]
    Payload {
        /// The event's type.
        event_type: String,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
}

impl Event {
    /// The name in the journal and outside, such as `order.created`.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Account(event) => event.event_type(),
            Self::Product(event) => event.event_type(),
            Self::Order(event) => event.event_type(),
        }
    }

    /// The JSON the journal keeps. Forms only ever gain optional fields.
    pub fn payload(&self) -> String {
        let json = match self {
            Self::Account(event) => serde_json::to_string(event),
            Self::Product(event) => serde_json::to_string(event),
            Self::Order(event) => serde_json::to_string(event),
        };
        json.expect("events hold only strings and integers")
    }

    /// Reads an event back from its type and JSON.
    ///
    /// # Errors
    /// [`EventDecodeError`], which makes the entity unavailable.
    pub fn decode(event_type: &str, payload: &str) -> Result<Self, EventDecodeError> {
        let decoded = match event_type {
            AccountEvent::CREATED => from_json(payload)
                .map(AccountEvent::Created)
                .map(Self::Account),
            ProductEvent::CREATED => from_json(payload)
                .map(ProductEvent::Created)
                .map(Self::Product),
            OrderEvent::CREATED => from_json(payload).map(OrderEvent::Created).map(Self::Order),
            OrderEvent::CONFIRMED => from_json(payload)
                .map(OrderEvent::Confirmed)
                .map(Self::Order),
            OrderEvent::COMPLETED => from_json(payload)
                .map(OrderEvent::Completed)
                .map(Self::Order),
            OrderEvent::CANCELLED => from_json(payload)
                .map(OrderEvent::Cancelled)
                .map(Self::Order),
            AccountEvent::RENAMED => from_json(payload)
                .map(AccountEvent::Renamed)
                .map(Self::Account),
            AccountEvent::CLOSED => from_json(payload)
                .map(AccountEvent::Closed)
                .map(Self::Account),
            ProductEvent::UPDATED => from_json(payload)
                .map(ProductEvent::Updated)
                .map(Self::Product),
            ProductEvent::REPRICED => from_json(payload)
                .map(ProductEvent::Repriced)
                .map(Self::Product),
            ProductEvent::WITHDRAWN => from_json(payload)
                .map(ProductEvent::Withdrawn)
                .map(Self::Product),
            unknown => return Err(EventDecodeError::UnknownType(unknown.to_owned())),
        };
        decoded.map_err(|source| EventDecodeError::Payload {
            event_type: event_type.to_owned(),
            source,
        })
    }
}

fn from_json<T: serde::de::DeserializeOwned>(payload: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(payload)
}

/// The state of any entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// An account.
    Account(Account),
    /// A product.
    Product(Product),
    /// An order.
    Order(Order),
}

impl State {
    /// Decides any command; a command to another kind of entity is a defect of the router and panics.
    ///
    /// # Errors
    /// The entity's [`Rejection`].
    pub fn decide(
        state: Option<&Self>,
        command: Command,
        env: &DecisionContext,
    ) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Account(command) => {
                let state = state.map(|state| match state {
                    Self::Account(account) => account,
                    other => panic!("account command for {}", other.id()),
                });
                Ok(wrap(Account::decide(state, command, env)?, Event::Account))
            }
            Command::Product(command) => {
                let state = state.map(|state| match state {
                    Self::Product(product) => product,
                    other => panic!("product command for {}", other.id()),
                });
                Ok(wrap(Product::decide(state, command, env)?, Event::Product))
            }
            Command::Order(command) => {
                let state = state.map(|state| match state {
                    Self::Order(order) => order,
                    other => panic!("order command for {}", other.id()),
                });
                Ok(wrap(Order::decide(state, command, env)?, Event::Order))
            }
        }
    }

    /// The state after any event. An event of another kind of entity leaves the state as it is.
    pub fn evolve(state: Option<Self>, event: &Event) -> Option<Self> {
        match (state, event) {
            (None, Event::Account(event)) => Account::evolve(None, event).map(Self::Account),
            (None, Event::Product(event)) => Product::evolve(None, event).map(Self::Product),
            (None, Event::Order(event)) => Order::evolve(None, event).map(Self::Order),
            (Some(Self::Account(state)), Event::Account(event)) => {
                Account::evolve(Some(state), event).map(Self::Account)
            }
            (Some(Self::Product(state)), Event::Product(event)) => {
                Product::evolve(Some(state), event).map(Self::Product)
            }
            (Some(Self::Order(state)), Event::Order(event)) => {
                Order::evolve(Some(state), event).map(Self::Order)
            }
            (state, _) => state,
        }
    }

    /// Whose state this is.
    pub const fn id(&self) -> EntityId {
        match self {
            Self::Account(account) => EntityId::Account(account.id),
            Self::Product(product) => EntityId::Product(product.id),
            Self::Order(order) => EntityId::Order(order.id),
        }
    }
}

fn wrap<E>(events: Vec<E>, any: fn(E) -> Event) -> Vec<Event> {
    events.into_iter().map(any).collect()
}

/// Refuses a command that was decided on by a client who saw another version.
///
/// # Errors
/// [`Rejection::VersionMismatch`]
pub fn check_version(expected: Option<Version>, found: Version) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != found => Err(Rejection::VersionMismatch { expected, found }),
        _ => Ok(()),
    }
}

/// The state that events lead to, from nothing.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<State> {
    events.into_iter().fold(None, State::evolve)
}
