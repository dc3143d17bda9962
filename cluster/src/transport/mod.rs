//! Authenticated connections between nodes, and the requests and replies on them.

pub(crate) mod acceptor;
pub(crate) mod closable_stream;
pub(crate) mod connection;
pub(crate) mod connection_manager;
pub(crate) mod dialer;
pub(crate) mod dispatcher;
pub(crate) mod event;
pub(crate) mod graceful_close;
pub(crate) mod handshake;
pub(crate) mod peers;
pub(crate) mod shared;
pub(crate) mod tcp;
