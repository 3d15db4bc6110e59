//! A finished operation in the words that a destination expects.

pub mod gen_ai;
pub mod posthog;
pub mod tracia;
