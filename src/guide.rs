//! The guide, in chapters.

#[doc = include_str!("docs/filters.md")]
pub mod filters {}
