//! Sessions: calls that follow each other, in one trace of Tracia's and one conversation for others.

#![cfg(all(feature = "client", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod chains;
mod ids;
mod many;
mod spans;
mod streams;
mod world;
