//! The three kinds of entities as one: any command, any event, any state. The shells and the
//! journal use these types; the rules are in `account`, `product` and `order`.

use serde::{Deserialize, Serialize};

use crate::{
    Account, AccountCommand, AccountEvent, Annotations, DecisionContext, Entity, EntityId,
    ExternalReference, Kind, Order, OrderCommand, OrderEvent, PlaceOrder, Product, ProductCommand,
    ProductEvent, Rejection, Version,
};

/// A command to any entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A command to an account.
    Account(AccountCommand),
    /// A command to a product.
    Product(ProductCommand),
    /// A command to an order.
    Order(OrderCommand),
}

impl Command {
    /// The kind of entity that decides it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Product(_) => Kind::Product,
            Self::Order(_) => Kind::Order,
        }
    }

    /// The annotations of the entity that it creates; `None` if it creates none.
    pub const fn annotations(&self) -> Option<&Annotations> {
        match self {
            Self::Account(AccountCommand::Create { annotations, .. })
            | Self::Product(ProductCommand::Create { annotations, .. })
            | Self::Order(OrderCommand::Place(PlaceOrder { annotations, .. })) => Some(annotations),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub const fn annotations_mut(&mut self) -> Option<&mut Annotations> {
        match self {
            Self::Account(AccountCommand::Create { annotations, .. })
            | Self::Product(ProductCommand::Create { annotations, .. })
            | Self::Order(OrderCommand::Place(PlaceOrder { annotations, .. })) => Some(annotations),
            _ => None,
        }
    }

    /// Whether it changes the annotations of an entity that exists.
    pub const fn is_annotation(&self) -> bool {
        matches!(
            self,
            Self::Account(AccountCommand::Annotate(_))
                | Self::Product(ProductCommand::Annotate(_))
                | Self::Order(OrderCommand::Annotate(_))
        )
    }
}

/// An event of any entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An event of an account.
    Account(AccountEvent),
    /// An event of a product.
    Product(ProductEvent),
    /// An event of an order.
    Order(OrderEvent),
}

/// An event of the journal that this version cannot decode. Its entity is then unavailable on this
/// node: events are never skipped.
#[derive(Debug, thiserror::Error)]
pub enum EventDecodeError {
    /// The event type is unknown: a newer version has written it.
    #[error("event type `{0}` is unknown to this version")]
    UnknownType(String),
    /// The JSON does not match the event type.
    #[error("event of type `{event_type}` cannot be decoded: {source}")]
    Payload {
        /// The event type, such as `order.created`.
        event_type: String,
        /// The error of the JSON parser.
        source: serde_json::Error,
    },
}

impl Event {
    /// The event type in the journal and on Kafka, such as `order.created`.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Account(event) => event.event_type(),
            Self::Product(event) => event.event_type(),
            Self::Order(event) => event.event_type(),
        }
    }

    /// Whether the annotations after it may differ from those before it.
    pub fn annotates(&self) -> bool {
        match self {
            Self::Account(AccountEvent::Created(created)) => {
                created.external_reference.is_some() || !created.metadata.is_empty()
            }
            Self::Product(ProductEvent::Created(created)) => {
                created.external_reference.is_some() || !created.metadata.is_empty()
            }
            Self::Order(OrderEvent::Created(created)) => {
                created.external_reference.is_some() || !created.metadata.is_empty()
            }
            Self::Account(event) => matches!(event, AccountEvent::Annotated(_)),
            Self::Product(event) => matches!(event, ProductEvent::Annotated(_)),
            Self::Order(event) => matches!(event, OrderEvent::Annotated(_)),
        }
    }

    /// The JSON in the journal. Its forms only ever gain optional fields.
    pub fn payload(&self) -> String {
        let json = match self {
            Self::Account(event) => serde_json::to_string(event),
            Self::Product(event) => serde_json::to_string(event),
            Self::Order(event) => serde_json::to_string(event),
        };
        json.expect("events hold only strings and integers")
    }

    /// Decodes an event from its type and JSON.
    ///
    /// # Errors
    /// When the type is unknown, or the JSON does not match it.
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
            AccountEvent::ANNOTATED => from_json(payload)
                .map(AccountEvent::Annotated)
                .map(Self::Account),
            ProductEvent::ANNOTATED => from_json(payload)
                .map(ProductEvent::Annotated)
                .map(Self::Product),
            OrderEvent::ANNOTATED => from_json(payload)
                .map(OrderEvent::Annotated)
                .map(Self::Order),
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
    /// The state of an account.
    Account(Account),
    /// The state of a product.
    Product(Product),
    /// The state of an order.
    Order(Order),
}

impl State {
    /// Decides any command. Panics if the command is for another kind of entity: that is a defect
    /// of the router.
    ///
    /// # Errors
    /// When a rule of the entity forbids the command.
    pub fn decide(
        state: Option<&Self>,
        command: Command,
        context: &DecisionContext,
    ) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Account(command) => {
                let state = state.map(|state| match state {
                    Self::Account(account) => account,
                    other => panic!("account command for {}", other.id()),
                });
                Ok(wrap(
                    Account::decide(state, command, context)?,
                    Event::Account,
                ))
            }
            Command::Product(command) => {
                let state = state.map(|state| match state {
                    Self::Product(product) => product,
                    other => panic!("product command for {}", other.id()),
                });
                Ok(wrap(
                    Product::decide(state, command, context)?,
                    Event::Product,
                ))
            }
            Command::Order(command) => {
                let state = state.map(|state| match state {
                    Self::Order(order) => order,
                    other => panic!("order command for {}", other.id()),
                });
                Ok(wrap(Order::decide(state, command, context)?, Event::Order))
            }
        }
    }

    /// The state after any event. An event of another kind of entity leaves the state unchanged.
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

    /// The id of the entity.
    pub const fn id(&self) -> EntityId {
        match self {
            Self::Account(account) => EntityId::Account(account.id),
            Self::Product(product) => EntityId::Product(product.id),
            Self::Order(order) => EntityId::Order(order.id),
        }
    }

    /// The external reference and the metadata.
    pub const fn annotations(&self) -> &Annotations {
        match self {
            Self::Account(account) => &account.annotations,
            Self::Product(product) => &product.annotations,
            Self::Order(order) => &order.annotations,
        }
    }

    /// The same, to be changed.
    pub const fn annotations_mut(&mut self) -> &mut Annotations {
        match self {
            Self::Account(account) => &mut account.annotations,
            Self::Product(product) => &mut product.annotations,
            Self::Order(order) => &mut order.annotations,
        }
    }

    /// The external reference that no other entity of the kind may have at the same time. Closed
    /// accounts and withdrawn products free theirs.
    pub fn held_reference(&self) -> Option<&ExternalReference> {
        let is_freed = match self {
            Self::Account(account) => account.closed,
            Self::Product(product) => product.withdrawn,
            Self::Order(_) => false,
        };
        let reference = self.annotations().external_reference.as_ref();
        reference.filter(|_| !is_freed)
    }
}

fn wrap<E>(events: Vec<E>, any: fn(E) -> Event) -> Vec<Event> {
    events.into_iter().map(any).collect()
}

/// Checks the version that a client expects: optimistic locking.
///
/// # Errors
/// When a version is expected and the entity is at another one.
pub fn check_version(expected: Option<Version>, found: Version) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != found => Err(Rejection::VersionMismatch { expected, found }),
        _ => Ok(()),
    }
}

/// The state after all events of an entity; `None` if there are none.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<State> {
    events.into_iter().fold(None, State::evolve)
}
