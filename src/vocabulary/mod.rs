//! A finished operation in the words that a destination expects.

#[cfg(feature = "export")]
mod content;
pub mod gen_ai;
pub mod posthog;
pub mod tracia;

#[cfg(feature = "export")]
pub(crate) use content::is_content;
