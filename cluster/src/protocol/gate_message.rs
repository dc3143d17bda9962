//! The message between the actors of two nodes.

use ractor_cluster::RactorClusterMessage;

/// A message to a dispatcher of another node.
#[derive(RactorClusterMessage)]
pub(crate) enum GateMessage {
    /// A [`Frame`](crate::protocol::frame::Frame) as encoded bytes.
    Frame(Vec<u8>),
}
