//! Attribute names, and nothing else: each vocabulary's names stand in one place.

#[cfg(feature = "export")]
pub(crate) mod former;
pub mod gen_ai;
pub mod own;
pub mod posthog;
pub mod tracia;
#[cfg(feature = "export")]
pub(crate) mod types;
