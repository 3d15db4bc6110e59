use super::{Message, Part, RawJson, Role, ToolCall, Usage};
use serde::{Deserialize, Serialize};

/// What a language model answered, as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Response {
    /// The response's id.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The generations, by index.
    pub choices: Vec<Choice>,
    /// What it used.
    pub usage: Usage,
    /// Where the response stands (OpenAI Responses).
    pub status: Option<ResponseStatus>,
    /// Why it is incomplete (OpenAI Responses).
    pub incomplete_reason: Option<String>,
    /// Why the prompt was refused, so that there is no generation (Google `blockReason`).
    pub block_reason: Option<String>,
    /// The kinds of what came, in order: output items (OpenAI Responses), content blocks (Anthropic) or
    /// parts (Google).
    pub output_item_types: Vec<String>,
    /// The service tier that answered (OpenAI).
    pub service_tier: Option<String>,
    /// The configuration of the back end that answered (OpenAI).
    pub system_fingerprint: Option<String>,
    /// What the guardrail did (Amazon Bedrock): `INTERVENED` or `NONE`.
    pub guardrail_action: Option<String>,
    /// How long the provider says that it took, in milliseconds (Amazon Bedrock).
    pub latency_ms: Option<u64>,
    /// Amazon Bedrock's own counts of an `InvokeModel` stream, which may differ from the model's.
    pub invocation_metrics: Option<RawJson>,
    /// How the stream went, if it was one.
    pub stream: Option<StreamEnd>,
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Choice {
    /// Its place.
    pub index: u32,
    /// What the model said.
    pub message: Message,
    /// Why it stopped; `None` when the provider did not say.
    pub finish_reason: Option<FinishReason>,
    /// The provider's own word for it; Google's may be a number.
    pub raw_finish_reason: Option<String>,
    /// The stop sequence that was hit (Anthropic).
    pub stop_sequence: Option<String>,
    /// The provider's sentence about why it stopped (Google).
    pub finish_message: Option<String>,
}

/// Why a generation stopped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// A natural end or a stop sequence.
    Stop,
    /// The token limit.
    Length,
    /// A content filter.
    ContentFilter,
    /// The model asks for tools.
    ToolCall,
    /// It failed, or never came.
    Error,
    /// The provider's word.
    #[serde(untagged)]
    Other(String),
}

/// Where a stored or streamed response stands (`gen_ai.response.status`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResponseStatus {
    /// It waits.
    Queued,
    /// It runs.
    InProgress,
    /// It is done.
    Completed,
    /// It stopped early.
    Incomplete,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// The provider's word.
    #[serde(untagged)]
    Other(String),
}

/// How a stream went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamEnd {
    /// How many events were read.
    pub events: u64,
    /// Whether the `[DONE]` sentinel came (OpenAI).
    pub done: bool,
    /// The name of the event that ended it (OpenAI Responses, Anthropic).
    pub terminal_event: Option<String>,
}

impl Response {
    /// The assistant's text: all text parts of all choices in order, nothing between them.
    pub fn text(&self) -> String {
        self.parts()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The tool calls that the model asks the program for, of all choices in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// Every part of every choice, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.choices.iter().flat_map(|choice| &choice.message.parts)
    }

    /// The choice with this index, made if it is not there; choices stay sorted.
    pub fn choice_mut(&mut self, index: u32) -> &mut Choice {
        let at = match self.choices.binary_search_by_key(&index, |choice| choice.index) {
            Ok(at) => at,
            Err(at) => {
                self.choices.insert(at, Choice::new(index));
                at
            }
        };
        &mut self.choices[at]
    }
}

impl Choice {
    /// An empty generation of the assistant.
    pub fn new(index: u32) -> Self {
        let message = Message::new(Role::Assistant, Vec::new());
        Self {
            index,
            message,
            finish_reason: None,
            raw_finish_reason: None,
            stop_sequence: None,
            finish_message: None,
        }
    }
}

impl FinishReason {
    /// The conventions' word, or the provider's where they have none.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCall => "tool_call",
            Self::Error => "error",
            Self::Other(other) => other,
        }
    }
}
