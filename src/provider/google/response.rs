//! An answer, whole or a piece of a stream, read.

use super::fields::{value, word};
use super::{part, usage};
use crate::provider::lenient::{Count, Few, Object, Text};
use crate::provider::{failure::unexpected_body, pick};
use crate::record::{Choice, ErrorInfo, FinishReason, Part, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A whole answer, or what one event of a stream brings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) response_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model_version: Text<'a>,
    #[serde(borrow, default)]
    pub(super) candidates: Option<Few<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Object<Feedback<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<&'a RawValue>,
}

/// Apart from the safety ratings and the log probabilities.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    content: Object<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_message: Text<'a>,
    #[serde(borrow, default)]
    grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    citation_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<&'a RawValue>,
}

impl<'a> Answer<'a> {
    /// `None` if this is not a JSON object.
    pub(super) fn read(json: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(json).ok().filter(|_| pick::is_object(json))?;
        serde_json::from_str(text).ok()
    }

    /// Whether this says anything that an answer says.
    pub(super) fn is_answer(&self) -> bool {
        self.candidates.is_some() || self.prompt_feedback.is_some() || self.usage_metadata.is_some()
    }

    /// Why the prompt was refused, if it was.
    pub(super) fn block_reason(&self) -> Option<String> {
        self.prompt_feedback.as_ref()?.0.as_ref()?.block_reason.and_then(word)
    }
}

impl<'a> Candidate<'a> {
    pub(super) fn parts(&self) -> impl Iterator<Item = part::Sent<'a>> {
        let parts = self.content.0.as_ref().and_then(|content| content.parts);
        parts.into_iter().flat_map(part::read_all)
    }

    /// The provider's word, or number, for why it stopped. Older servers say of a candidate that goes on
    /// that its reason is not specified.
    pub(super) fn finish_word(&self) -> Option<String> {
        self.finish_reason.and_then(word).filter(|word| word != "FINISH_REASON_UNSPECIFIED" && word != "0")
    }

    /// Where it got what it says from.
    pub(super) fn citations(&self) -> impl Iterator<Item = &'a RawValue> {
        [self.grounding_metadata, self.citation_metadata]
            .into_iter()
            .flatten()
            .filter(|sources| pick::is_object(sources.get().as_bytes()) && sources.get() != "{}")
    }
}

/// What a model answered, read from the body of a success that is no stream.
///
/// A part's signature is a [`Part::Signature`] after it, and what the answer rests on
/// ([`Part::Citations`]) comes last.
///
/// # Errors
/// [`ErrorKind::Protocol`](crate::record::ErrorKind::Protocol) when the body is not a JSON object with
/// candidates, a refusal of the prompt, or usage.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let Some(answer) = Answer::read(body).filter(Answer::is_answer) else {
        return Err(unexpected_body("generated content", body));
    };
    let mut response = Response {
        id: answer.response_id.get().map(str::to_owned),
        model: answer.model_version.get().map(str::to_owned),
        block_reason: answer.block_reason(),
        usage: answer.usage_metadata.map(usage::read).unwrap_or_default(),
        ..Response::default()
    };
    for candidate in answer.candidates.iter().flat_map(Few::iter) {
        read_candidate(candidate, &mut response);
    }
    Ok(response)
}

fn read_candidate(candidate: &Candidate<'_>, response: &mut Response) {
    let taken = |index: &u32| response.choices.iter().any(|choice| choice.index == *index);
    let next = response.choices.last().map_or(0, |choice| choice.index.saturating_add(1));
    let index = candidate.index.small().filter(|index| !taken(index)).unwrap_or(next);
    let mut parts = Vec::new();
    for part in candidate.parts() {
        add_kind(&mut response.output_item_types, &part.kind);
        part.push_to(&mut parts);
    }
    let sources: Vec<_> = candidate.citations().map(value).collect();
    if !sources.is_empty() {
        parts.push(Part::Citations(sources));
    }
    let choice = response.choice_mut(index);
    choice.message.parts = parts;
    choice.finish_message = candidate.finish_message.get().map(str::to_owned);
    choice.raw_finish_reason = candidate.finish_word();
    set_finish_reason(choice);
}

/// The most kinds that are told of: more of them are of a stream that means no good.
const MOST_KINDS: usize = 1024;

/// Notes what a part holds; of several alike in a row only the first.
pub(super) fn add_kind(kinds: &mut Vec<String>, kind: &str) {
    if kinds.len() < MOST_KINDS && kinds.last().is_none_or(|last| last != kind) {
        kinds.push(kind.to_owned());
    }
}

/// Tells the conventions' reason from the provider's word: a choice that asks for tools stops with `STOP`.
pub(super) fn set_finish_reason(choice: &mut Choice) {
    let asks = || choice.message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    choice.finish_reason = choice.raw_finish_reason.as_deref().map(|word| match finish_reason(word) {
        FinishReason::Stop if asks() => FinishReason::ToolCall,
        reason => reason,
    });
}

/// The conventions' word for one of Google's.
///
/// The Gemini API and Vertex AI number some reasons differently. A number stands for what both mean by it
/// (6, 7 and 8 are filters in both); where they do not agree, it is kept.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "STOP" | "1" => FinishReason::Stop,
        "MAX_TOKENS" | "2" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "3"
        | "4"
        | "6"
        | "7"
        | "8"
        | "11" => FinishReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE" => FinishReason::Error,
        "5" => FinishReason::Other("OTHER".to_owned()),
        other => FinishReason::Other(other.to_owned()),
    }
}
