//! One span for each operation, ended once, at the true time.
//!
//! The client and the adapters make these spans by themselves. What only the program can see, a
//! tool it runs or a search it makes, it wraps by hand: [`Tool`], [`Retrieval`].

mod by_hand;
pub(crate) mod deferred;
pub(crate) mod in_flight;
pub(crate) mod joined;
mod live;

#[cfg(feature = "instrument")]
pub(crate) use by_hand::render;
pub use by_hand::{Retrieval, Tool};
