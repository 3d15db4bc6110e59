//! PostHog's properties on the spans themselves, as a program's own exporter brings them there.

#![cfg(feature = "export")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod by_hand;
#[cfg(feature = "client")]
mod called;
#[cfg(feature = "reqwest-middleware")]
#[allow(dead_code, reason = "the recordings are read for other tests too")]
#[path = "../recorded/exchange.rs"]
mod exchange;
#[cfg(feature = "reqwest-middleware")]
mod recorded;
mod world;

/// A provider whose exchanges were recorded.
#[cfg(feature = "reqwest-middleware")]
#[derive(Debug)]
pub(crate) struct Provider {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// `gen_ai.provider.name` of its hosts.
    pub(crate) name: &'static str,
}

/// Prints past the capture of tests.
#[cfg(feature = "reqwest-middleware")]
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
