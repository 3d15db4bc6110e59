//! Push decoders for what comes in over the wire: bounded, and they never fail the caller.
pub mod event_stream;
pub mod events;
mod json_objects;
pub mod sse;
