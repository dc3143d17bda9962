//! The shop's topics as consumers see them, compared with the journal.

mod brokers;
mod console;
mod consumed;
mod valid;

pub use brokers::{client_config, leaderships, set_topic, start_brokers};
pub use console::consume_in_java;
pub use consumed::{
    Consumed, ConsumedMessage, TOPICS, message_counts, partitions, read_all, read_prefixed,
    topics_of,
};
pub use valid::valid;
