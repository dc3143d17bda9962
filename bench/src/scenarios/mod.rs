//! What is measured: one file for each scenario, which says how everything it needs is made and what is asked.
//!
//! A scenario over HTTP talks to a server process through the generator of [`crate::http`]; `node_process` starts one,
//! `http_subject` asks it. A scenario in this process calls the shop's own methods; `shop_subject` opens one. `database`
//! makes and fills one on PostgreSQL for either. Both choose accounts and baskets in the same way, by `shop_data` and `basket`.

mod actors_activate;
mod actors_ask;
mod actors_create_order;
mod allowed_settings;
mod bare_server;
mod baseline;
mod basket;
mod catalog;
mod create_order;
mod database;
mod dataset;
mod durability;
mod echo_host;
mod hello;
mod http_system;
mod in_process;
mod kafka_catch_up;
mod kafka_publish;
mod node_process;
mod overload;
mod pgbench;
mod ractor_call;
mod read;
mod remote_ask;
mod scenario;
mod settings;
mod shop;
mod shop_data;
mod shop_system;
mod two_nodes;
mod variant_spec;

pub use baseline::ceiling_accounts;
pub use catalog::scenarios;
pub(crate) use database::Templates;
pub use durability::{Durability, Fsync};
pub(crate) use scenario::{Conditions, Reach, Scenario, SetUp, Subject};
pub use settings::{AskedHost, LoopShape, SideFlags, SideSettings, Store};
pub use two_nodes::{Answers, OtherNode};
pub use variant_spec::SideSpec;
pub(crate) use variant_spec::check_use;
