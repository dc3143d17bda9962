//! The scenarios: one file for each, which sets up what it needs and sends the requests.
//!
//! A scenario over HTTP sends its requests to a server process through the generator of
//! [`crate::http`]; `node_process` starts the server and `http_system` puts load on it. A scenario
//! in this process calls the shop's methods; `shop_system` opens the shop. `database` creates and
//! fills a PostgreSQL database for both. Both choose accounts and baskets in the same way
//! (`shop_data`, `basket`).

mod actors_activate;
mod actors_ask;
mod actors_create_order;
mod allowed_settings;
mod bare_server;
mod baseline;
mod basket;
mod bench_topics;
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
mod list_orders;
mod node_process;
mod overload;
mod pgbench;
mod prepared;
mod ractor_call;
mod read;
mod remote_ask;
mod scenario;
mod settings;
mod shop;
mod shop_data;
mod shop_system;
mod templates;
mod two_nodes;
mod variant_spec;

pub use baseline::baseline_accounts;
pub use catalog::scenarios;
pub use durability::{Durability, Fsync};
pub(crate) use scenario::{Conditions, Reach, Scenario, SetUp, SystemUnderTest};
pub use settings::{AskedHost, LoopShape, Store, VariantFlags, VariantSettings};
pub(crate) use templates::Templates;
pub use two_nodes::{OtherNode, OtherNodeKind};
pub use variant_spec::VariantSpec;
pub(crate) use variant_spec::check_applicable;
