//! Push decoders for what comes in over the wire: bounded, and they never fail the caller.
pub mod sse;
