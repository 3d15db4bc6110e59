//! Streams whose end is always known: read to it, aborted, dropped, failed or out of time.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod aborting;
mod ends;
mod panics;
mod results;
mod storm;
mod texts;
mod time_outs;
mod world;
