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
//!
//! ```
//! use serde_json::{Value, json};
//! use std::io;
//! use tracing_genai::{
//!     record::FinishReason,
//!     span::{Agent, Feedback, Generation, SpanRef, Tool},
//! };
//!
//! async fn get_weather(place: &Value) -> io::Result<Value> {
//!     Ok(json!({"city": place["city"], "celsius": 18}))
//! }
//!
//! async fn answer() -> io::Result<(String, Option<SpanRef>)> {
//!     let weather = Tool::new("get_weather").call(&json!({"city": "Lisbon"}), get_weather).await?;
//!     let prompt = format!("How shall I travel? It is {weather}");
//!     let mut span = Generation::new("llama.cpp", "qwen3-8b").in_process().streamed().user(prompt).start();
//!     let mut text = String::new();
//!     for piece in ["Take the ", "night train."] {
//!         span.first_chunk().text(piece);
//!         text.push_str(piece);
//!     }
//!     span.tokens(41, 5).finish_reason(FinishReason::Stop);
//!     span.finish();
//!     Ok((text, SpanRef::current())) // of the agent, in whose span this runs
//! }
//!
//! # async fn run() -> io::Result<()> {
//! let (text, span) = Agent::invoke("travel guide").run(answer()).await?;
//! Feedback::thumbs_up().comment("I love trains.").record(span); // or SpanRef::from_hex(trace, span)?
//! # let _ = text;
//! # Ok(())
//! # }
//! ```

mod by_hand;
pub(crate) mod deferred;
pub(crate) mod in_flight;
pub(crate) mod joined;
mod live;
pub(crate) mod own_pipeline;
#[cfg(any(feature = "client", feature = "export"))]
pub(crate) mod place;
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
