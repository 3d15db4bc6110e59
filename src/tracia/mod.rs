//! Tracia's own API: its prompts, and the spans and evaluations that it has.
//!
//! [`Api`] is what the client of Tracia's SDKs is there: [`prompts`](Api::prompts) to list, get, create, update, delete
//! and run, [`spans`](Api::spans) to create, get, list and evaluate. Spans of the calls that this program makes need none
//! of it: `Destination::tracia` (feature `export`) sends them, their evaluations after them.
//!
//! ```
//! use tracing_genai::tracia::{Api, NewPrompt};
//!
//! # async fn run(base_url: String) -> Result<(), tracing_genai::Error> {
//! let tracia = Api::builder("tr_the_key").base_url(base_url).build()?; // or `Api::from_env()?`
//! let prompt = tracia.prompts().create(NewPrompt::new("Greeting").user("Say hello to {{name}}.")).await?;
//! let answer = tracia.prompts().run(&prompt.slug).variable("name", "Ann").send().await?;
//! println!("{}", answer.text.unwrap_or_default());
//! # Ok(())
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "testing")]
//! # {
//! #     let tracia = tracing_genai::testing::FakeTracia::start()?;
//! #     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(tracia.url()))?;
//! #     assert_eq!(tracia.requests().len(), 2);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # What of Tracia's SDKs is what here
//!
//! | SDK | here |
//! |---|---|
//! | `Tracia(api_key)`, `base_url` | [`Api::new`], [`ApiBuilder::base_url`] |
//! | `prompts.list`, `.get`, `.create`, `.update`, `.delete` | the same of [`Prompts`] |
//! | `prompts.run(slug, variables, ...)` | [`Prompts::run`], a builder whose [`send`](RunPrompt::send) runs it |
//! | `spans.create`, `.get`, `.evaluate` | the same of [`Spans`] |
//! | `spans.list(...)`, its cursor | [`Spans::list`], a builder; [`ListSpans::pages`] walks all pages |
//! | `Eval.POSITIVE`, `Eval.NEGATIVE` | [`Eval::POSITIVE`], [`Eval::NEGATIVE`] |
//! | `TraciaError.code`, `.status_code` | [`Error::tracia_code`], [`Error::http_status`] |
//! | `run_local`, `run_embedding`, `flush`, `on_span_error` | `Client`, `Telemetry` and `Destination::tracia` |
//!
//! # What comes back
//!
//! Tracia's two SDKs and its documentation disagree about what it answers, so an answer is read as leniently as it can
//! be: what is absent, null or of another type is `None` or empty, what is not known is passed over. Times are texts
//! in RFC 3339, as they came.
//!
//! # Errors
//!
//! One type, [`Error`]: [`Error::tracia_code`] has Tracia's code, [`Error::http_status`] the status,
//! [`retry_after`](crate::record::ErrorInfo::retry_after) the wait that was asked for, and no message holds the key. A
//! wrong argument (a blank slug, a limit over 100, a value that is no number) is an error of
//! [`ErrorKind::Configuration`](crate::record::ErrorKind::Configuration), and nothing is sent.
//!
//! An answer of success that cannot be read is [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) with its
//! status, and its message says that the request was carried out: what was created is there, so do not create it again.
//!
//! # Further tries
//!
//! Twice unless told otherwise ([`ApiBuilder::max_retries`]), with growing waits or the one that `Retry-After` asks for:
//!
//! | what failed | tried again |
//! |---|---|
//! | no connection came about, `429`, `503` with `Retry-After`: nothing was taken | every request |
//! | the connection broke, `408`, another `5xx` | those that only read, and `prompts().update` |
//! | anything else, and whatever is over the [time](ApiBuilder::timeout) | none |

mod address;
mod builder;
mod evaluate;
mod exchange;
mod message;
mod new_span;
mod prompt;
mod prompts;
mod read;
mod refusal;
mod run;
mod span;
mod spans;
#[cfg(test)]
mod tests;

pub use crate::vocabulary::tracia::ErrorCode;
pub use builder::ApiBuilder;
pub use evaluate::{Eval, Evaluate, EvaluationResult};
pub use message::{Message, TokenUsage, ToolCall};
pub use new_span::{CreatedSpan, NewSpan};
pub use prompt::{NewPrompt, Prompt, PromptSummary, PromptUpdate, PromptVersion};
pub use prompts::Prompts;
/// The crate whose client [`ApiBuilder::http_client`] takes, in the version that it takes.
pub use reqwest;
pub use run::{RunPrompt, RunResult};
pub use span::{Span, SpanStatus, SpanSummary};
pub use spans::{ListSpans, SpanPage, SpanPages, Spans};

use crate::Error;
use exchange::Inner;
use std::sync::Arc;

/// Tracia's API. Cheap to clone; clones share their connections.
///
/// Requests are sent within a tokio runtime with time and I/O enabled, as `reqwest` wants it.
///
/// ```no_run
/// # async fn run() -> Result<(), tracing_genai::Error> {
/// let tracia = tracing_genai::tracia::Api::from_env()?;
/// for prompt in tracia.prompts().list().await? {
///     println!("{} has version {:?}", prompt.slug, prompt.current_version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

impl Api {
    /// The API at `https://app.tracia.io` with this key.
    ///
    /// # Errors
    /// A key that is empty, has blanks, or cannot be one; nothing is sent.
    pub fn new(api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder(api_key).build()
    }

    /// The API as the environment has it: the key `TRACIA_API_KEY`, and the base address `TRACIA_BASE_URL`,
    /// `https://app.tracia.io` by default.
    ///
    /// # Errors
    /// No key, or an unusable value, by the variable's name; nothing is sent.
    pub fn from_env() -> Result<Self, Error> {
        ApiBuilder::from_env()?.build()
    }

    /// The API with this key and settings of your own.
    pub fn builder(api_key: impl Into<String>) -> ApiBuilder {
        ApiBuilder::new(api_key.into(), "the key given to tracia::Api")
    }

    /// The prompts that Tracia keeps.
    pub fn prompts(&self) -> Prompts {
        Prompts::new(self.clone())
    }

    /// The spans that Tracia keeps.
    pub fn spans(&self) -> Spans {
        Spans::new(self.clone())
    }
}
