//! One span for each operation, ended once, at the true time.
//!
//! The client and the adapters make these spans by themselves. What only the program can see it wraps by
//! hand:
//!
//! | what happens | the span |
//! |---|---|
//! | a model is called whose client nobody can see, such as one in this process | [`Generation`], [`Embedding`] |
//! | a tool runs | [`Tool`] |
//! | documents are searched | [`Retrieval`] |
//! | an agent runs, or is made at a service; it plans | [`Agent`], [`Plan`] |
//! | several agents or steps run as one | [`Workflow`] |
//! | an agent's memory is read or written | [`Memory`] |
//! | somebody judges what came, then or later | [`Evaluation`], [`Feedback`], of a [`SpanRef`] |
//!
//! Each is a builder that knows the conventions' names, kinds and rules. `run` and `run_with` wrap a future;
//! where there is none, or the answer comes in pieces, `start` gives an [`OpenSpan`] to set on what comes.
//! How a span ends is told for all of them [on the front page](crate#when-spans-open-and-close).

mod by_hand;
pub(crate) mod deferred;
pub(crate) mod in_flight;
pub(crate) mod joined;
mod live;
pub(crate) mod own_pipeline;
#[cfg(feature = "instrument")]
mod theirs;
mod unseen;

pub use by_hand::{
    Agent, Embedding, Evaluation, Feedback, Generation, Memory, OpenSpan, Plan, Retrieval, SpanRef, Tool,
    Workflow,
};
#[cfg(feature = "export")]
pub(crate) use live::TARGET;
#[cfg(feature = "instrument")]
pub(crate) use {by_hand::render, unseen::is_ruled_out};
