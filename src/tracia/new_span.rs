//! A span to be stored at Tracia.

use super::{Message, ToolCall};
use crate::{Error, vocabulary::tracia::provider_word};
use serde_json::{Map, Value, json};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// The span of a call that was made elsewhere, for [`Spans::create`](super::Spans::create).
///
/// Tracia stamps it with the time at which it comes; it takes no start and no end.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::tracia::{Message, NewSpan};
///
/// let call = NewSpan::llm("anthropic", "claude-sonnet-4-5")
///     .messages([Message::user("Hi")])
///     .output("Hello.")
///     .latency(Duration::from_millis(840))
///     .tokens(8, 2)
///     .tag("import");
/// let failed = NewSpan::llm("openai", "gpt-4o").error("429 Too Many Requests");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a span is stored by `Spans::create`"]
pub struct NewSpan {
    fields: Map<String, Value>,
    tags: Vec<String>,
    /// What is not as it has to be, by its key.
    not_finite: Option<&'static str>,
}

impl NewSpan {
    /// A call of a language model, by Tracia's word for the provider: `openai`, `anthropic`, `google`, `amazon_bedrock`
    /// or `voyage`.
    pub fn llm(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self::new(provider.into(), model.into(), json!({"messages": []}))
    }

    /// A call of an embedding model with these texts.
    pub fn embedding<T: Into<String>>(
        provider: impl Into<String>,
        model: impl Into<String>,
        texts: impl IntoIterator<Item = T>,
    ) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let span = Self::new(provider.into(), model.into(), json!({"text": texts}));
        span.with("spanKind", "EMBEDDING")
    }

    fn new(provider: String, model: String, input: Value) -> Self {
        let mut fields = Map::new();
        let mut put = |key: &str, value: Value| _ = fields.insert(key.to_owned(), value);
        put("spanId", format!("sp_{:016x}", random_id()).into());
        put("traceId", format!("tr_{:016x}", random_id()).into());
        put("provider", provider.into());
        put("model", model.into());
        put("input", input);
        put("status", "SUCCESS".into());
        // Node's SDK sends these where there is nothing too.
        ["variables", "output", "error"].into_iter().for_each(|key| put(key, Value::Null));
        ["latencyMs", "inputTokens", "outputTokens", "totalTokens"]
            .into_iter()
            .for_each(|key| put(key, 0.into()));
        Self { fields, tags: Vec::new(), not_finite: None }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    fn with_number(mut self, key: &'static str, number: f64) -> Self {
        if !number.is_finite() {
            self.not_finite = Some(key);
        }
        self.with(key, number)
    }

    /// Its id: `sp_` (or, of old, `tr_`) and 16 hex digits; a random one by default.
    pub fn span_id(self, id: impl Into<String>) -> Self {
        self.with("spanId", id.into())
    }

    /// Its trace: `tr_` and 16 hex digits; a random one by default.
    pub fn trace_id(self, id: impl Into<String>) -> Self {
        self.with("traceId", id.into())
    }

    /// The span before it.
    pub fn parent_span_id(self, id: impl Into<String>) -> Self {
        self.with("parentSpanId", id.into())
    }

    /// What went in.
    pub fn messages(self, messages: impl IntoIterator<Item = Message>) -> Self {
        let messages: Vec<_> = messages.into_iter().map(|message| message.to_json()).collect();
        self.with("input", json!({ "messages": messages }))
    }

    /// What came out.
    pub fn output(self, text: impl Into<String>) -> Self {
        self.with("output", text.into())
    }

    /// The tools that the model asked for.
    pub fn tool_calls(self, calls: impl IntoIterator<Item = ToolCall>) -> Self {
        let calls: Vec<Value> = calls.into_iter().map(|call| call.to_json().into()).collect();
        self.with("toolCalls", calls)
    }

    /// The tools on offer, each `{"name", "description", "parameters"}`.
    pub fn tools(self, tools: impl IntoIterator<Item = Value>) -> Self {
        self.with("tools", tools.into_iter().collect::<Vec<_>>())
    }

    /// The call failed, with these words: the status is `ERROR`.
    pub fn error(self, message: impl Into<String>) -> Self {
        self.with("error", message.into()).with("status", "ERROR")
    }

    /// How long it took; whole milliseconds are kept.
    pub fn latency(self, latency: Duration) -> Self {
        self.with("latencyMs", u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
    }

    /// The tokens that went in, cached ones included, and came out, reasoning included. The total is their sum, unless
    /// [`total_tokens`](Self::total_tokens) says otherwise after it.
    pub fn tokens(self, input: u64, output: u64) -> Self {
        self.with("inputTokens", input)
            .with("outputTokens", output)
            .with("totalTokens", input.saturating_add(output))
    }

    /// The provider's own total.
    pub fn total_tokens(self, total: u64) -> Self {
        self.with("totalTokens", total)
    }

    /// The values of the variables of a prompt. They are stored as they are.
    pub fn variables<N, V>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), Value::String(value.into())));
        self.with("variables", variables.collect::<Map<_, _>>())
    }

    /// One more tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Its user.
    pub fn user_id(self, id: impl Into<String>) -> Self {
        self.with("userId", id.into())
    }

    /// Its session.
    pub fn session_id(self, id: impl Into<String>) -> Self {
        self.with("sessionId", id.into())
    }

    /// The temperature that was asked for.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with_number("temperature", temperature)
    }

    /// The top-p that was asked for.
    pub fn top_p(self, top_p: f64) -> Self {
        self.with_number("topP", top_p)
    }

    /// The most tokens that were asked for.
    pub fn max_output_tokens(self, tokens: u64) -> Self {
        self.with("maxOutputTokens", tokens)
    }

    /// The ids of the span and its trace, and what is posted.
    pub(super) fn body(self) -> Result<(String, String, Value), Error> {
        let Self { mut fields, tags, not_finite } = self;
        let wrong = |what: String| Err(Error::configuration(what));
        if let Some(key) = not_finite {
            return wrong(format!("{key} of the span is infinite or no number"));
        }
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("model").trim().is_empty() {
            return wrong("the model of the span is empty or blank".to_owned());
        }
        let provider = text("provider");
        let Some(word) = provider_word(&provider.to_ascii_lowercase()) else {
            return wrong(format!(
                "{provider:?} is none of the providers of Tracia: openai, anthropic, google, amazon_bedrock, voyage"
            ));
        };
        for (key, prefixes) in
            [("spanId", &["sp", "tr"][..]), ("traceId", &["tr"]), ("parentSpanId", &["sp", "tr"])]
        {
            let id = text(key);
            if fields.contains_key(key) && !is_id(&id, prefixes) {
                return wrong(format!("{key} {id:?} is not {}_ and 16 hex digits", prefixes.join("_ or ")));
            }
        }
        let (span_id, trace_id) = (text("spanId"), text("traceId"));
        fields.insert("provider".to_owned(), word.into());
        if !tags.is_empty() {
            fields.insert("tags".to_owned(), tags.into());
        }
        Ok((span_id, trace_id, fields.into()))
    }
}

/// A prefix, `_` and 16 hex digits, in any case.
fn is_id(text: &str, prefixes: &[&str]) -> bool {
    text.split_once('_').is_some_and(|(prefix, digits)| {
        prefixes.iter().any(|known| known.eq_ignore_ascii_case(prefix))
            && digits.len() == 16
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// 64 bits that are as random as the keys of a hash map, and never all 0.
fn random_id() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

/// What Tracia says of a span that it took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CreatedSpan {
    /// Tracia's own id, if it tells.
    pub id: Option<String>,
    /// The id, as it was sent if Tracia does not repeat it.
    pub span_id: String,
    /// The trace, as it was sent if Tracia does not repeat it.
    pub trace_id: String,
    /// What it cost, in US dollars, by Tracia's prices.
    pub cost: Option<f64>,
}
