//! The wire format between nodes: frames, their encoding, and the trace context they carry.

pub mod codec;
pub(crate) mod envelope;
pub(crate) mod frame;
pub(crate) mod gate_message;
pub mod trace_context;
