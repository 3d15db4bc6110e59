//! Calls that another client makes, seen through the `tower` layer and the middleware of `reqwest`.

#![cfg(all(feature = "tower", feature = "reqwest-middleware"))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod ends;
mod ends_over_the_network;
mod later;
mod slow_streams;
mod untouched;
mod untouched_by_middleware;
mod words;
mod world;
