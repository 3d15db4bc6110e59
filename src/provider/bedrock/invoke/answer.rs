//! An answer that grows, whole or chunk by chunk.

use crate::provider::{Delta, Limits, text::keep};
use crate::record::{FinishReason, Part, Response, Usage};

/// The most generations that are kept: no family gives more than a few, so more of them are of a stream that
/// means no good.
const MOST_CHOICES: usize = 128;

/// The answer so far, and how much more of it may be kept.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    /// How many bytes of text may still be kept.
    pub(super) room: usize,
}

/// Counts of tokens, the cached ones beside the input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
}

impl Counts {
    /// Sets those that are known; whether one is.
    pub(super) fn tell(self, usage: &mut Usage) -> bool {
        let beside = [self.cache_read, self.cache_write];
        let whole = self.input.map(|input| beside.into_iter().flatten().fold(input, u64::saturating_add));
        usage.input_tokens = whole.or(usage.input_tokens);
        usage.output_tokens = self.output.or(usage.output_tokens);
        usage.cache_read_input_tokens = self.cache_read.or(usage.cache_read_input_tokens);
        usage.cache_write_input_tokens = self.cache_write.or(usage.cache_write_input_tokens);
        whole.is_some() || self.output.is_some()
    }
}

impl Answer {
    pub(super) fn new(limits: Limits) -> Self {
        Self { response: Response::default(), room: limits.max_text_bytes }
    }

    /// Whether this generation is one of those that are kept.
    fn has_place(&self, choice: u32) -> bool {
        let choices = &self.response.choices;
        choices.len() < MOST_CHOICES || choices.iter().any(|known| known.index == choice)
    }

    /// More of the text.
    pub(super) fn say(&mut self, choice: u32, text: Option<&str>, on_delta: &mut impl FnMut(Delta<'_>)) {
        self.grow(choice, text, false);
        if let Some(text) = text {
            on_delta(Delta::Text { choice, text });
        }
    }

    /// More of the reasoning.
    pub(super) fn reason(&mut self, text: &str, on_delta: &mut impl FnMut(Delta<'_>)) {
        self.grow(0, Some(text), true);
        on_delta(Delta::Reasoning { choice: 0, text });
    }

    /// What follows text of the same kind becomes one part with it.
    fn grow(&mut self, choice: u32, text: Option<&str>, reasoning: bool) {
        if !self.has_place(choice) {
            return;
        }
        let parts = &mut self.response.choice_mut(choice).message.parts;
        let Some(text) = text.filter(|_| self.room > 0) else {
            return;
        };
        let same = match parts.last() {
            Some(Part::Text(_)) => !reasoning,
            Some(Part::Reasoning(_)) => reasoning,
            _ => false,
        };
        if !same {
            parts.push(if reasoning { Part::Reasoning(String::new()) } else { Part::Text(String::new()) });
        }
        if let Some(Part::Text(kept) | Part::Reasoning(kept)) = parts.last_mut() {
            keep(kept, text, &mut self.room);
        }
    }

    /// Why a generation stopped.
    pub(super) fn stop(&mut self, choice: u32, word: Option<&str>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Some(word) = word.filter(|_| self.has_place(choice)) else {
            return;
        };
        let known = self.response.choice_mut(choice);
        if known.raw_finish_reason.as_deref() != Some(word) {
            known.raw_finish_reason = Some(word.to_owned());
            let reason = known.finish_reason.insert(finish_reason(word));
            on_delta(Delta::Finished { choice, reason });
        }
    }

    /// What is known of the counts by now.
    pub(super) fn count(
        &mut self,
        input: Option<u64>,
        output: Option<u64>,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        if (Counts { input, output, ..Counts::default() }).tell(&mut self.response.usage) {
            on_delta(Delta::Usage(&self.response.usage));
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        let choices = &self.response.choices;
        !choices.is_empty() && choices.iter().all(|choice| choice.finish_reason.is_some())
    }
}

/// The conventions' word for one of a model's.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "FINISH" | "FINISHED" | "STOP_CRITERIA_MET" | "COMPLETE" | "STOP_SEQUENCE" | "stop" | "end_turn"
        | "stop_sequence" | "endoftext" => FinishReason::Stop,
        "LENGTH" | "MAX_TOKENS" | "length" | "max_tokens" => FinishReason::Length,
        "tool_use" | "TOOL_CALL" => FinishReason::ToolCall,
        "CONTENT_FILTERED"
        | "content_filtered"
        | "content_filter"
        | "ERROR_TOXIC"
        | "guardrail_intervened" => FinishReason::ContentFilter,
        "ERROR" | "error" => FinishReason::Error,
        other => FinishReason::Other(other.to_owned()),
    }
}
