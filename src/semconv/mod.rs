//! Attribute names, and nothing else: each vocabulary's names stand in one place.

pub mod gen_ai;
pub mod own;
