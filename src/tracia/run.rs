//! Running a prompt at Tracia.

use super::{Api, Message, TokenUsage, ToolCall, exchange::Request, prompts::of_prompt, read};
use crate::Error;
use reqwest::Method;
use serde_json::{Map, Value};

/// A run of a prompt, of [`Prompts::run`](super::Prompts::run).
///
/// ```
/// # async fn run(tracia: tracing_genai::tracia::Api) -> Result<(), tracing_genai::Error> {
/// use tracing_genai::tracia::ErrorCode;
///
/// let run = tracia.prompts().run("greeting").variable("name", "Ann").tag("onboarding").user_id("u_17");
/// match run.send().await {
///     Ok(answer) => println!("{}", answer.text.unwrap_or_default()),
///     Err(error) if error.tracia_code() == ErrorCode::MissingVariables => eprintln!("{error}"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a prompt is run by `send`"]
pub struct RunPrompt {
    api: Api,
    slug: String,
    fields: Map<String, Value>,
    variables: Map<String, Value>,
    tags: Vec<String>,
}

impl RunPrompt {
    pub(super) fn new(api: Api, slug: String) -> Self {
        Self { api, slug, fields: Map::new(), variables: Map::new(), tags: Vec::new() }
    }

    /// The value that stands for `{{name}}`.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into().into());
        self
    }

    /// Values of several variables.
    pub fn variables<N, V>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        variables.into_iter().fold(self, |run, (name, value)| run.variable(name, value))
    }

    /// Another model than the prompt's.
    pub fn model(self, model: impl Into<String>) -> Self {
        self.field("model", model.into())
    }

    /// Another version than the current one.
    pub fn version(self, version: u32) -> Self {
        self.field("version", version)
    }

    /// One more tag of the span.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The user of the span.
    pub fn user_id(self, id: impl Into<String>) -> Self {
        self.field("userId", id.into())
    }

    /// The session of the span.
    pub fn session_id(self, id: impl Into<String>) -> Self {
        self.field("sessionId", id.into())
    }

    /// The trace of the span, `tr_` and 16 hex digits; Tracia makes one by default.
    pub fn trace_id(self, id: impl Into<String>) -> Self {
        self.field("traceId", id.into())
    }

    /// The span before it. Without a [trace](Self::trace_id) its trace is that span's.
    pub fn parent_span_id(self, id: impl Into<String>) -> Self {
        self.field("parentSpanId", id.into())
    }

    /// The whole conversation in place of the prompt's messages, which are not rendered then.
    pub fn messages(self, messages: impl IntoIterator<Item = Message>) -> Self {
        let messages: Vec<_> = messages.into_iter().map(|message| message.to_json()).collect();
        self.field("messages", messages)
    }

    fn field(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// Runs it. It is never sent twice once it may have come: it costs money.
    ///
    /// # Errors
    /// A blank slug or model, version 0, no messages where some were to be given; `MISSING_VARIABLES`,
    /// `MISSING_PROVIDER_KEY`, `PROVIDER_ERROR`, `NOT_FOUND`, or what else Tracia or the network says.
    pub async fn send(self) -> Result<RunResult, Error> {
        let Self { api, slug, mut fields, variables, tags } = self;
        let path = format!("{}/run", of_prompt(&slug)?);
        for (key, value) in &fields {
            let why = match value {
                Value::String(text) if text.trim().is_empty() => "is empty or blank",
                Value::Array(messages) if messages.is_empty() => "has nothing in it",
                Value::Number(version) if version.as_u64() == Some(0) => "is 0, and versions begin at 1",
                _ => continue,
            };
            return Err(Error::configuration(format!("{key} of the prompt's run {why}")));
        }
        if !variables.is_empty() {
            fields.insert("variables".to_owned(), variables.into());
        }
        if !tags.is_empty() {
            fields.insert("tags".to_owned(), tags.into());
        }
        let answered = api.exchange(Request::with_body(Method::POST, path, fields)).await?;
        Ok(RunResult::read(&answered.object("the result of the run")?))
    }
}

/// What a run of a prompt gave.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RunResult {
    /// What the model said; `None` where it only asked for tools.
    pub text: Option<String>,
    /// The span that Tracia keeps of it, `sp_` and 16 hex digits.
    pub span_id: Option<String>,
    /// Its trace.
    pub trace_id: Option<String>,
    /// The version of the prompt that was run.
    pub prompt_version: Option<u64>,
    /// How long the model took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// The tokens.
    pub usage: TokenUsage,
    /// What it cost, in US dollars, by Tracia's prices.
    pub cost: Option<f64>,
    /// Why the model stopped: `stop`, `tool_calls`, `max_tokens`.
    pub finish_reason: Option<String>,
    /// The tools that it asks for.
    pub tool_calls: Vec<ToolCall>,
    /// What it said, where the prompt asks for JSON.
    pub structured_output: Option<Value>,
    /// The whole conversation, for the next [turn](RunPrompt::messages).
    pub messages: Vec<Message>,
}

impl RunResult {
    fn read(sent: &Value) -> Self {
        Self {
            text: read::text(sent, "text"),
            span_id: read::text(sent, "spanId"),
            trace_id: read::text(sent, "traceId"),
            prompt_version: read::count(sent, "promptVersion"),
            latency_ms: read::count(sent, "latencyMs"),
            usage: TokenUsage::read(&sent["usage"]),
            cost: read::number(sent, "cost"),
            finish_reason: read::text(sent, "finishReason"),
            tool_calls: read::list(sent, "toolCalls").iter().map(ToolCall::read).collect(),
            structured_output: read::any(sent, "structuredOutput"),
            messages: read::list(sent, "messages").iter().map(Message::read).collect(),
        }
    }
}
