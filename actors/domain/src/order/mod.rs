//! Orders: what an account has bought, at the prices of that time, and its status.

mod command;
mod decide;
mod event;
mod evolve;
mod state;
mod status;

pub use command::{OrderCommand, PlaceOrder, QuotedLine, RequestedLine};
pub use decide::{LINES_MAX, QUANTITY_MAX, check_lines};
pub use event::{
    OrderAnnotated, OrderCancelled, OrderCompleted, OrderConfirmed, OrderCreated, OrderEvent,
};
pub use state::{Order, OrderLine};
pub use status::OrderStatus;
