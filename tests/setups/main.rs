//! What becomes of the spans of calls in each set-up of subscriber, filter and sampler, with and without a
//! pipeline of their own, and what the diagnosis says. The guide `filters` has the same as a table.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[cfg(feature = "tower")]
mod adapters;
mod layers;
mod lifecycle;
mod sampling;
mod spans;
mod world;
