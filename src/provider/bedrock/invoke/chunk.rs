//! A body, or one chunk of a stream: what it is shaped like, and what Bedrock adds to it.

use super::answer::Counts;
use crate::provider::lenient::{Count, Object, Text};
use crate::provider::pick;
use crate::record::{RawJson, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Whose reader it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Claude,
    /// OpenAI's chat completions.
    Chat,
    Nova,
    /// A text and a few words beside it.
    Plain,
}

/// What tells the shapes apart, and what Bedrock adds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Object<Output<'a>>,
    #[serde(borrow, rename = "messageStart")]
    message_start: Option<&'a RawValue>,
    #[serde(borrow, rename = "contentBlockStart")]
    block_start: Option<&'a RawValue>,
    #[serde(borrow, rename = "contentBlockDelta")]
    block_delta: Option<&'a RawValue>,
    #[serde(borrow, rename = "contentBlockStop")]
    block_stop: Option<&'a RawValue>,
    #[serde(borrow, rename = "messageStop")]
    message_stop: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    // Titan.
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    #[serde(borrow, rename = "outputText")]
    output_text: Option<&'a RawValue>,
    // Llama.
    #[serde(borrow)]
    generation: Option<&'a RawValue>,
    // Mistral.
    #[serde(borrow)]
    outputs: Option<&'a RawValue>,
    // Claude before its messages.
    #[serde(borrow)]
    completion: Option<&'a RawValue>,
    // AI21 Jurassic.
    #[serde(borrow)]
    completions: Option<&'a RawValue>,
    // Cohere, where a text alone is not enough to tell.
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    generations: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    is_finished: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    generation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    chat_history: Option<&'a RawValue>,
    #[serde(borrow, rename = "amazon-bedrock-guardrailAction")]
    guardrail_action: Text<'a>,
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    pub(super) metrics: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    input_token_count: Count,
    output_token_count: Count,
    cache_read_input_token_count: Count,
    cache_write_input_token_count: Count,
}

impl<'a> Chunk<'a> {
    /// `None` if this is no JSON object.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok().filter(|_| pick::is_object(body))?;
        serde_json::from_str(text).ok()
    }

    /// The shape of a whole answer.
    pub(super) fn shape_of_answer(&self) -> Option<Shape> {
        let is_list = |raw: &RawValue| raw.get().starts_with('[');
        if self.choices.is_some_and(is_list) {
            Some(Shape::Chat)
        } else if self.output.0.as_ref().is_some_and(|output| output.message.is_some()) {
            Some(Shape::Nova)
        } else if self.content.is_some_and(is_list) {
            Some(Shape::Claude)
        } else {
            self.is_plain().then_some(Shape::Plain)
        }
    }

    /// The shape of a chunk.
    pub(super) fn shape_of_chunk(&self) -> Option<Shape> {
        let nova = [
            self.message_start,
            self.block_start,
            self.block_delta,
            self.block_stop,
            self.message_stop,
            self.metadata,
        ];
        if self.choices.is_some() || self.kind.get().is_none() && self.error.is_some() {
            Some(Shape::Chat)
        } else if nova.iter().any(Option::is_some) {
            Some(Shape::Nova)
        } else if self.is_plain() {
            Some(Shape::Plain)
        } else {
            self.is_claude_event().then_some(Shape::Claude)
        }
    }

    fn is_claude_event(&self) -> bool {
        self.kind.get().is_some_and(|kind| {
            kind.starts_with("message_")
                || kind.starts_with("content_block_")
                || ["ping", "error"].contains(&kind)
        })
    }

    fn is_plain(&self) -> bool {
        let beside_text =
            [self.event_type, self.is_finished, self.finish_reason, self.generation_id, self.chat_history];
        let alone = [
            self.results.filter(|results| {
                ["outputText", "tokenCount"].iter().any(|name| results.get().contains(name))
            }),
            self.output_text,
            self.generation,
            self.outputs,
            self.completion,
            self.completions,
            self.generations,
            self.event_type,
            self.is_finished,
        ];
        alone.iter().any(Option::is_some) || self.text.is_some() && beside_text.iter().any(Option::is_some)
    }

    /// Tells what Bedrock says beside the model; whether the usage is new.
    ///
    /// Its counts are the usage only where the model tells none: they may be others than the model's.
    pub(super) fn tell(&self, response: &mut Response) -> bool {
        if let Some(action) = self.guardrail_action.get() {
            response.guardrail_action = Some(action.to_owned());
        }
        let Some(metrics) = self.metrics else {
            return false;
        };
        response.invocation_metrics = Some(RawJson::new(metrics));
        let usage = &mut response.usage;
        if usage.input_tokens.is_some() || usage.output_tokens.is_some() {
            return false;
        }
        let metrics =
            serde_json::from_str::<Object<Metrics>>(metrics.get()).ok().and_then(|metrics| metrics.0);
        metrics.is_some_and(|metrics| {
            let counts = Counts {
                input: metrics.input_token_count.0,
                output: metrics.output_token_count.0,
                cache_read: metrics.cache_read_input_token_count.0,
                cache_write: metrics.cache_write_input_token_count.0,
            };
            counts.tell(usage)
        })
    }
}
