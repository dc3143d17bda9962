//! What readers of the journal need to know of an event: its entity, the time of its decision, and
//! whether it is valid after the events before it.

use fritzy_types::Timestamp;

use crate::{AccountEvent, EntityId, Event, Kind, OrderEvent, OrderStatus, ProductEvent, State};

impl Event {
    /// The kind of its entity.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Product(_) => Kind::Product,
            Self::Order(_) => Kind::Order,
        }
    }

    /// The entity that the content names.
    pub const fn entity(&self) -> EntityId {
        match self {
            Self::Account(event) => EntityId::Account(match event {
                AccountEvent::Created(event) => event.account_id,
                AccountEvent::Renamed(event) => event.account_id,
                AccountEvent::Closed(event) => event.account_id,
                AccountEvent::Annotated(event) => event.account_id,
            }),
            Self::Product(event) => EntityId::Product(match event {
                ProductEvent::Created(event) => event.product_id,
                ProductEvent::Updated(event) => event.product_id,
                ProductEvent::Repriced(event) => event.product_id,
                ProductEvent::Withdrawn(event) => event.product_id,
                ProductEvent::Annotated(event) => event.product_id,
            }),
            Self::Order(event) => EntityId::Order(match event {
                OrderEvent::Created(event) => event.order_id,
                OrderEvent::Confirmed(event) => event.order_id,
                OrderEvent::Completed(event) => event.order_id,
                OrderEvent::Cancelled(event) => event.order_id,
                OrderEvent::Annotated(event) => event.order_id,
            }),
        }
    }

    /// When it was decided. The events of a command have the same timestamp.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Account(AccountEvent::Created(event)) => event.at,
            Self::Account(AccountEvent::Renamed(event)) => event.at,
            Self::Account(AccountEvent::Closed(event)) => event.at,
            Self::Account(AccountEvent::Annotated(event)) => event.at,
            Self::Product(ProductEvent::Created(event)) => event.at,
            Self::Product(ProductEvent::Updated(event)) => event.at,
            Self::Product(ProductEvent::Repriced(event)) => event.at,
            Self::Product(ProductEvent::Withdrawn(event)) => event.at,
            Self::Product(ProductEvent::Annotated(event)) => event.at,
            Self::Order(OrderEvent::Created(event)) => event.at,
            Self::Order(OrderEvent::Confirmed(event)) => event.at,
            Self::Order(OrderEvent::Completed(event)) => event.at,
            Self::Order(OrderEvent::Cancelled(event)) => event.at,
            Self::Order(OrderEvent::Annotated(event)) => event.at,
        }
    }
}

impl State {
    /// Whether `decide` can return `event` for this state (`None`: the entity does not exist).
    /// `evolve` accepts any event; a journal with one that is not allowed breaks the rules of the
    /// domain.
    pub fn allows(state: Option<&Self>, event: &Event) -> bool {
        let creates = matches!(
            event,
            Event::Account(AccountEvent::Created(_))
                | Event::Product(ProductEvent::Created(_))
                | Event::Order(OrderEvent::Created(_))
        );
        let Some(state) = state else { return creates };
        if creates {
            return false;
        }
        match (state, event) {
            (Self::Account(account), Event::Account(_)) => !account.closed,
            (Self::Product(product), Event::Product(_)) => !product.withdrawn,
            (Self::Order(order), Event::Order(event)) => {
                status_after(event).is_none_or(|status| order.status.can_become(status))
            }
            _ => false,
        }
    }
}

/// The status that an event leads to; `None` if it changes none.
const fn status_after(event: &OrderEvent) -> Option<OrderStatus> {
    match event {
        OrderEvent::Created(_) => Some(OrderStatus::Created),
        OrderEvent::Confirmed(_) => Some(OrderStatus::Confirmed),
        OrderEvent::Completed(_) => Some(OrderStatus::Completed),
        OrderEvent::Cancelled(_) => Some(OrderStatus::Cancelled),
        OrderEvent::Annotated(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        Account, AccountCommand, Annotations, Command, CommandId, DecisionContext, ProductCommand,
    };

    const CONTEXT: DecisionContext = DecisionContext {
        now: Timestamp::from_micros(5),
        command: CommandId::from_uuid(Uuid::from_u128(0xB)),
    };

    fn decided(state: Option<&State>, command: Command) -> Event {
        let mut events = State::decide(state, command, &CONTEXT).expect("accepted");
        events.remove(0)
    }

    fn account() -> (Event, State) {
        let name = "Ada".into();
        let created = decided(
            None,
            Command::Account(AccountCommand::Create {
                name,
                annotations: Annotations::default(),
            }),
        );
        let state = State::evolve(None, &created).expect("exists");
        (created, state)
    }

    #[test]
    fn event_names_its_entity_and_timestamp() {
        let (created, state) = account();
        assert_eq!(
            (created.kind(), created.entity()),
            (Kind::Account, state.id())
        );
        assert_eq!(created.at(), CONTEXT.now);
    }

    #[test]
    fn only_events_that_decide_returns_are_allowed() {
        let (created, state) = account();
        let close = decided(Some(&state), Command::Account(AccountCommand::Close));
        assert!(State::allows(None, &created));
        assert!(State::allows(Some(&state), &close));
        assert!(!State::allows(None, &close), "nothing to close");
        assert!(!State::allows(Some(&state), &created), "created twice");
        let closed = State::evolve(Some(state.clone()), &close).expect("exists");
        assert!(!State::allows(Some(&closed), &close), "closed twice");
        let product = decided(
            None,
            Command::Product(ProductCommand::Create {
                name: "Lamp".into(),
                description: String::new(),
                price: crate::Money::zero(crate::Currency::USD),
                annotations: Annotations::default(),
            }),
        );
        let State::Account(Account { .. }) = state else {
            panic!("an account")
        };
        let product = State::evolve(None, &product).expect("exists");
        assert!(
            !State::allows(Some(&product), &close),
            "another kind of entity"
        );
    }
}
