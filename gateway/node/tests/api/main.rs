//! The API of real nodes, over real HTTP: what clients of the seed hold, and what was added beside it.

#[path = "../client/mod.rs"]
mod client;

mod answer_room;
mod bad_input;
mod body_limits;
mod connections;
mod consistency;
mod cors;
mod error_codes;
mod history;
mod idempotency;
mod life;
mod lists;
mod media_types;
mod nested_lists;
mod node;
mod old_clients;
mod order_life;
mod overload;
mod pages;
mod partial_answers;
mod prices;
mod refused;
mod request_ids;
mod schema_snapshot;
mod seed_examples;
mod seed_shape;
mod shop;
mod slow_clients;
mod stop;
mod variables;
mod wire;
