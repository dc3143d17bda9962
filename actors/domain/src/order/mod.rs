//! Orders: what was bought, by whom, at the price of that moment, and how far it has come.

mod command;
mod decide;
mod event;
mod evolve;
mod state;

pub use command::{OrderCommand, PlaceOrder, QuotedLine, RequestedLine};
pub use decide::{LINES_MAX, QUANTITY_MAX, check_lines};
pub use event::{OrderCancelled, OrderCompleted, OrderConfirmed, OrderCreated, OrderEvent};
pub use state::{Order, OrderLine, OrderStatus};
