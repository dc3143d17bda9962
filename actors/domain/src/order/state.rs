//! What an order is, and the table of the moves it can make.

use std::fmt;

use fritzy_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Money, OrderId, ProductId};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id; its slot is the account's.
    pub id: OrderId,
    /// Whose it is.
    pub account_id: AccountId,
    /// When it was placed.
    pub created_at: Timestamp,
    /// How far it has come.
    pub status: OrderStatus,
    /// What was ordered, at the prices of that moment; at least one line.
    pub lines: Vec<OrderLine>,
    /// The sum over the lines (invariant I4).
    pub total: Money,
    /// Why it was cancelled, if it was and somebody said why.
    pub cancel_reason: Option<String>,
}

/// One line of an order: a product as it was at the moment of ordering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The product.
    pub product_id: ProductId,
    /// Which state of the product was quoted.
    pub product_version: u64,
    /// Its name then.
    pub name: String,
    /// The price of one unit then, in minor units of the order's currency.
    pub unit_price_minor: i64,
    /// How many; at least 1.
    pub quantity: u32,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Placed.
    Created,
    /// Accepted.
    Confirmed,
    /// Delivered; final.
    Completed,
    /// Called off; final.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Created,
        Self::Confirmed,
        Self::Completed,
        Self::Cancelled,
    ];

    /// The moves that exist; there are no others.
    pub const TRANSITIONS: [(Self, Self); 4] = [
        (Self::Created, Self::Confirmed),
        (Self::Confirmed, Self::Completed),
        (Self::Created, Self::Cancelled),
        (Self::Confirmed, Self::Cancelled),
    ];

    /// Whether the table has the move.
    pub fn can_become(self, to: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, to))
    }

    /// The name stores keep.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
