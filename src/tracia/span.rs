//! Spans as Tracia gives them back.

use super::read;
use serde_json::{Map, Value};
use std::fmt;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanStatus {
    /// `SUCCESS`.
    Success,
    /// `ERROR`.
    Error,
    /// Another word of Tracia's.
    Other(String),
}

impl SpanStatus {
    /// Tracia's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "SUCCESS",
            Self::Error => "ERROR",
            Self::Other(word) => word,
        }
    }

    fn read(sent: &Value) -> Self {
        match sent["status"].as_str().unwrap_or_default() {
            "SUCCESS" => Self::Success,
            "ERROR" => Self::Error,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<SpanStatus> for String {
    fn from(status: SpanStatus) -> Self {
        match status {
            SpanStatus::Other(word) => word,
            status => status.as_str().to_owned(),
        }
    }
}

impl fmt::Display for SpanStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A span in a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanSummary {
    /// Tracia's own id.
    pub id: Option<String>,
    /// `sp_` (of old `tr_`) and 16 hex digits.
    pub span_id: String,
    /// `tr_` and 16 hex digits.
    pub trace_id: Option<String>,
    /// The span before it.
    pub parent_span_id: Option<String>,
    /// The prompt that was run, if one was.
    pub prompt_slug: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// How it ended.
    pub status: SpanStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// The tokens that went in.
    pub input_tokens: Option<u64>,
    /// The tokens that came out.
    pub output_tokens: Option<u64>,
    /// Both.
    pub total_tokens: Option<u64>,
    /// What it cost, in US dollars, by Tracia's prices.
    pub cost: Option<f64>,
    /// When it came, in RFC 3339.
    pub created_at: Option<String>,
}

impl SpanSummary {
    pub(super) fn read(sent: &Value) -> Self {
        Self {
            id: read::text(sent, "id"),
            span_id: read::text_of(sent, &["spanId", "id"]).unwrap_or_default(),
            trace_id: read::text(sent, "traceId"),
            parent_span_id: read::text(sent, "parentSpanId"),
            prompt_slug: read::text(sent, "promptSlug"),
            model: read::text(sent, "model"),
            status: SpanStatus::read(sent),
            latency_ms: read::count(sent, "latencyMs"),
            input_tokens: read::count(sent, "inputTokens"),
            output_tokens: read::count(sent, "outputTokens"),
            total_tokens: read::count(sent, "totalTokens"),
            cost: read::number(sent, "cost"),
            created_at: read::text(sent, "createdAt"),
        }
    }
}

/// A span whole. Of what was sent Tracia does not give back the tools, the tool calls, the parameters and the kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// What a list has of it too.
    pub summary: SpanSummary,
    /// The version of the prompt that was run.
    pub prompt_version: Option<u64>,
    /// Whose model it is: `openai`, `anthropic`, `google`, `amazon_bedrock`, `voyage`.
    pub provider: Option<String>,
    /// What went in: `{"messages": [..]}`, of an embedding `{"text": [..]}`.
    pub input: Value,
    /// The values of the prompt's variables.
    pub variables: Map<String, Value>,
    /// What came out.
    pub output: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its user.
    pub user_id: Option<String>,
    /// Its session.
    pub session_id: Option<String>,
}

impl Span {
    pub(super) fn read(sent: &Value) -> Self {
        Self {
            summary: SpanSummary::read(sent),
            prompt_version: read::count(sent, "promptVersion"),
            provider: read::text(sent, "provider").map(|provider| provider.to_ascii_lowercase()),
            input: sent["input"].clone(),
            variables: read::pairs(sent, "variables"),
            output: read::text(sent, "output"),
            error: read::text(sent, "error"),
            tags: read::texts(sent, "tags"),
            user_id: read::text(sent, "userId"),
            session_id: read::text(sent, "sessionId"),
        }
    }
}
