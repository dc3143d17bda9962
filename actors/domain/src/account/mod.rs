//! Accounts: who orders.

mod command;
mod decide;
mod event;
mod evolve;
mod state;

pub use command::AccountCommand;
pub use event::{AccountCreated, AccountEvent};
pub use state::{Account, AccountPersonal};
