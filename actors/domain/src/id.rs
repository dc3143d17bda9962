//! Ids. Every id is a UUID whose last two bytes are its **slot**, the routing key. Accounts and
//! products have slots of their own. An order has the slot of its account, so that an account and
//! its orders are in one shard.

use std::fmt;

use fritzy_types::Slot;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Kind;

fn slot_of(id: Uuid) -> Slot {
    let bytes = id.as_bytes();
    Slot(u16::from_be_bytes([bytes[14], bytes[15]]))
}

fn with_slot(id: Uuid, slot: Slot) -> Uuid {
    let mut bytes = *id.as_bytes();
    bytes[14..].copy_from_slice(&slot.0.to_be_bytes());
    Uuid::from_bytes(bytes)
}

fn parse_hyphenated(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::parse_str(text).ok()
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 16 bytes.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The 16 bytes of the id.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

macro_rules! entity_id_type {
    ($(#[$doc:meta])* $name:ident) => {
        id_type!($(#[$doc])* $name);

        impl $name {
            /// Reads the one form in which ids are written: 36 characters with hyphens. `None` for
            /// the other forms of a UUID, so that one id has one spelling (but for case).
            pub fn from_hyphenated(text: &str) -> Option<Self> {
                parse_hyphenated(text).map(Self)
            }

            /// The routing key: the last two bytes of the id.
            pub fn slot(&self) -> Slot {
                slot_of(self.0)
            }
        }
    };
}

entity_id_type!(
    /// Identifies an account; its slot is in its last two bytes.
    AccountId
);
entity_id_type!(
    /// Identifies a product; its slot is in its last two bytes.
    ProductId
);
entity_id_type!(
    /// Identifies an order. Its slot is that of its account.
    OrderId
);
id_type!(
    /// Identifies an event. Random, stored with the event, and the same on every topic: consumers
    /// deduplicate by it.
    EventId
);
id_type!(
    /// Identifies a request for a change. Random, or derived from an idempotency key, so that a
    /// repeated request is the same command.
    CommandId
);

impl CommandId {
    /// The id of the account that this command creates. A repeated command has the same one.
    pub fn new_account(self) -> AccountId {
        AccountId(self.0)
    }

    /// The id of the product that this command creates.
    pub fn new_product(self) -> ProductId {
        ProductId(self.0)
    }

    /// The id of the order that this command creates, in the shard of its account.
    pub fn new_order(self, account: AccountId) -> OrderId {
        OrderId(with_slot(self.0, account.slot()))
    }
}

/// The id of an entity, with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EntityId {
    /// The id of an account.
    Account(AccountId),
    /// The id of a product.
    Product(ProductId),
    /// The id of an order.
    Order(OrderId),
}

impl EntityId {
    /// The kind of the entity.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Product(_) => Kind::Product,
            Self::Order(_) => Kind::Order,
        }
    }

    /// The id of an entity of `kind`.
    pub const fn from_uuid(kind: Kind, id: Uuid) -> Self {
        match kind {
            Kind::Account => Self::Account(AccountId(id)),
            Kind::Product => Self::Product(ProductId(id)),
            Kind::Order => Self::Order(OrderId(id)),
        }
    }

    /// The 16 bytes of the id, without the kind.
    pub const fn as_uuid(&self) -> &Uuid {
        match self {
            Self::Account(id) => &id.0,
            Self::Product(id) => &id.0,
            Self::Order(id) => &id.0,
        }
    }

    /// The routing key: the last two bytes of the id.
    pub fn slot(&self) -> Slot {
        slot_of(*self.as_uuid())
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.as_uuid().hyphenated())
    }
}

impl From<AccountId> for EntityId {
    fn from(id: AccountId) -> Self {
        Self::Account(id)
    }
}

impl From<ProductId> for EntityId {
    fn from(id: ProductId) -> Self {
        Self::Product(id)
    }
}

impl From<OrderId> for EntityId {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_has_the_slot_of_its_account() {
        let account = AccountId::from_uuid(Uuid::from_u128(0xABCD));
        let order = CommandId::from_uuid(Uuid::from_u128(7 << 64)).new_order(account);
        assert_eq!(order.slot(), account.slot());
        assert_eq!(order.slot(), Slot(0xABCD));
    }

    #[test]
    fn only_hyphenated_ids_are_parsed() {
        let id = "0192d3a0-1111-7222-8333-444455556666";
        let parsed = AccountId::from_hyphenated(id).expect("hyphenated");
        assert_eq!(parsed.to_string(), id);
        let braced = format!("{{{id}}}");
        let simple = id.replace('-', "");
        for other in ["", "account-id", &braced, &simple, &id[1..]] {
            assert_eq!(AccountId::from_hyphenated(other), None, "{other}");
        }
    }
}
