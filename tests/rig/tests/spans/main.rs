//! What rig's and genai's calls look like when their spans arrive.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod agents;
mod attempts;
mod calls;
mod content;
mod failures;
mod filters;
mod genais;
mod program;
mod recorded;
mod streams;
