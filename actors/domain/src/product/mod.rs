//! Products: what accounts order.

mod command;
mod decide;
mod event;
mod evolve;
mod state;

pub use command::ProductCommand;
pub use event::{
    ProductAnnotated, ProductCreated, ProductEvent, ProductRepriced, ProductUpdated,
    ProductWithdrawn,
};
pub use state::{Product, Quote};
