//! Accounts: the customers, who place orders.

mod command;
mod decide;
mod event;
mod evolve;
mod state;

pub use command::AccountCommand;
pub use event::{AccountAnnotated, AccountClosed, AccountCreated, AccountEvent, AccountRenamed};
pub use state::{Account, AccountPersonal};
