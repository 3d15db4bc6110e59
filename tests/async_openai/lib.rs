//! Tests and an example that need what is too heavy for the crate's own.
