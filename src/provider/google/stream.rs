//! A stream, read event by event.

use super::response::{Answer, Candidate, add_kind, set_finish_reason};
use super::{error, fields, part, usage};
use crate::provider::lenient::{Few, Text};
use crate::provider::text::{keep, set};
use crate::{
    provider::{Delta, Limits},
    record::{Choice, ErrorInfo, MediaSource, Part, Response, StreamEnd},
};
use serde_json::value::RawValue;

/// The most candidates that are kept: Google gives eight at most, so more of them are of a stream that
/// means no good.
const MOST_CHOICES: usize = 128;

/// The most parts that are kept of a candidate, for the same reason.
const MOST_PARTS: usize = 4096;

/// Reads the events of a stream, each of which is a piece of the answer, in the form of a whole one.
///
/// Texts that follow each other become one part, and so do thoughts; what comes in one piece is a part of
/// its own, and the order of the parts is kept. Only what the answer rests on ([`Part::Citations`]) stays
/// last. Usage is told again and again: the last one holds, as a whole. Text may come after a finish reason.
#[derive(Debug)]
pub struct StreamReader {
    response: Response,
    /// How many bytes of text may still be kept.
    room: usize,
    error: Option<ErrorInfo>,
    unreadable: u64,
}

impl StreamReader {
    /// A reader that keeps this much; signatures, media and what the provider's tools gave count too.
    pub fn new(limits: Limits) -> Self {
        let response = Response { stream: Some(StreamEnd::default()), ..Response::default() };
        Self { response, room: limits.max_text_bytes, error: None, unreadable: 0 }
    }

    /// Reads one event. Every event counts, unreadable ones too; its name says nothing.
    pub fn event(&mut self, _name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let end = self.response.stream.get_or_insert_default();
        end.events = end.events.saturating_add(1);
        let Some(answer) = Answer::read(data.trim_ascii()) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        set(&mut self.response.id, answer.response_id.get());
        set(&mut self.response.model, answer.model_version.get());
        if let Some(reason) = answer.block_reason() {
            self.response.block_reason = Some(reason);
        }
        let candidates = answer.candidates.iter().flat_map(Few::iter);
        for (place, candidate) in candidates.enumerate() {
            self.candidate(place, candidate, on_delta);
        }
        if let Some(raw) = answer.usage_metadata {
            let usage = usage::read(raw);
            if usage.raw.is_some() {
                self.response.usage = usage;
                on_delta(Delta::Usage(&self.response.usage));
            }
        }
        if let Some(error) = answer.error {
            self.error.get_or_insert_with(|| error::read_stream_error(&fields::value(error)));
        }
    }

    fn candidate(&mut self, place: usize, candidate: &Candidate<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let index = candidate.index.small().unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX));
        let known = self.response.choices.iter().any(|choice| choice.index == index);
        if !known && self.response.choices.len() >= MOST_CHOICES {
            return;
        }
        for part in candidate.parts() {
            add_kind(&mut self.response.output_item_types, &part.kind);
            Writer { choice: self.response.choice_mut(index), room: &mut self.room }.part(part, on_delta);
        }
        let choice = self.response.choice_mut(index);
        for sources in candidate.citations() {
            cite(&mut choice.message.parts, sources, &mut self.room);
        }
        if let Some(message) = candidate.finish_message.get() {
            choice.finish_message = Some(message.to_owned());
        }
        if let Some(word) = candidate.finish_word() {
            choice.raw_finish_reason = Some(word);
        }
        finish(choice, on_delta);
    }

    /// The answer so far.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The error that the stream told of, if it did.
    pub fn error(&self) -> Option<&ErrorInfo> {
        self.error.as_ref()
    }

    /// Whether a finish reason came of every candidate that began, or the prompt was refused.
    pub fn is_complete(&self) -> bool {
        let choices = &self.response.choices;
        let finished = choices.iter().all(|choice| choice.raw_finish_reason.is_some());
        finished && (!choices.is_empty() || self.response.block_reason.is_some())
    }

    /// How many events could not be read.
    pub fn unreadable_events(&self) -> u64 {
        self.unreadable
    }

    /// The answer as far as it came, and the error that the stream told of.
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        (self.response, self.error)
    }
}

/// Tells why a choice stopped, again if a call that came since makes it another reason.
fn finish(choice: &mut Choice, on_delta: &mut impl FnMut(Delta<'_>)) {
    let before = choice.finish_reason.take();
    set_finish_reason(choice);
    if let Some(reason) = choice.finish_reason.as_ref().filter(|reason| before.as_ref() != Some(*reason)) {
        on_delta(Delta::Finished { choice: choice.index, reason });
    }
}

/// Writes what one event says into one choice.
struct Writer<'a> {
    choice: &'a mut Choice,
    room: &'a mut usize,
}

impl Writer<'_> {
    fn part(&mut self, sent: part::Sent<'_>, on_delta: &mut impl FnMut(Delta<'_>)) {
        let is_kept = match sent.content {
            part::Content::Text { text, is_thought } => {
                self.text(&text, is_thought, &sent.signature, on_delta);
                true
            }
            part::Content::Whole(part) => self.whole(part, on_delta),
        };
        // After a part that is left out it would be of another one.
        if let Some(signature) = sent.signature.get().filter(|_| is_kept) {
            self.push_if_fits(signature.len(), Part::Signature(signature.to_owned()));
        }
    }

    fn text(
        &mut self,
        text: &Text<'_>,
        is_thought: bool,
        signature: &Text<'_>,
        on_delta: &mut impl FnMut(Delta<'_>),
    ) {
        let choice = self.choice.index;
        let sent = text.get().unwrap_or_default();
        // An empty text says nothing, but may hold the place of a signature.
        if sent.is_empty() && signature.get().is_none() {
            return;
        }
        if *self.room > 0 {
            let parts = &mut self.choice.message.parts;
            let last = end_of(parts).checked_sub(1).and_then(|last| parts.get_mut(last));
            match (last, is_thought) {
                (Some(Part::Text(kept)), false) | (Some(Part::Reasoning(kept)), true) => {
                    keep(kept, sent, self.room);
                }
                _ => {
                    let mut kept = String::new();
                    keep(&mut kept, sent, self.room);
                    self.push(if is_thought { Part::Reasoning(kept) } else { Part::Text(kept) });
                }
            }
        }
        match (sent.is_empty(), is_thought) {
            (true, _) => {}
            (false, true) => on_delta(Delta::Reasoning { choice, text: sent }),
            (false, false) => on_delta(Delta::Text { choice, text: sent }),
        }
    }

    /// Whether the part is kept.
    fn whole(&mut self, part: Part, on_delta: &mut impl FnMut(Delta<'_>)) -> bool {
        let Part::ToolCall(mut call) = part else {
            let size = size_of(&part);
            return self.push_if_fits(size, part);
        };
        let choice = self.choice.index;
        let parts = &self.choice.message.parts;
        let calls = parts.iter().filter(|part| matches!(part, Part::ToolCall(_))).count();
        let index = u32::try_from(calls).unwrap_or(u32::MAX);
        on_delta(Delta::ToolCallStart { choice, index, id: call.id.as_deref(), name: &call.name });
        let arguments = std::mem::take(&mut call.arguments);
        on_delta(Delta::ToolCallArguments { choice, index, fragment: &arguments });
        keep(&mut call.arguments, &arguments, self.room);
        self.push(Part::ToolCall(call))
    }

    /// Adds what is of no use in pieces, if there is room for all of it.
    fn push_if_fits(&mut self, size: usize, part: Part) -> bool {
        let Some(left) = self.room.checked_sub(size) else {
            return false;
        };
        *self.room = left;
        self.push(part)
    }

    fn push(&mut self, part: Part) -> bool {
        let parts = &mut self.choice.message.parts;
        let fits = parts.len() < MOST_PARTS;
        if fits {
            parts.insert(end_of(parts), part);
        }
        fits
    }
}

/// Where the next part goes: before what the answer rests on.
fn end_of(parts: &[Part]) -> usize {
    match parts.split_last() {
        Some((Part::Citations(_), before)) => before.len(),
        _ => parts.len(),
    }
}

/// Adds sources, unless they are told again.
fn cite(parts: &mut Vec<Part>, sources: &RawValue, room: &mut usize) {
    let sent = fields::value(sources);
    let size = sources.get().len();
    if let Some(Part::Citations(known)) = parts.last_mut() {
        if known.last() != Some(&sent) && size <= *room {
            *room -= size;
            known.push(sent);
        }
    } else if size <= *room {
        *room -= size;
        parts.push(Part::Citations(vec![sent]));
    }
}

/// About how many bytes a part that came in one piece holds.
fn size_of(part: &Part) -> usize {
    match part {
        Part::Media(media) => match &media.source {
            MediaSource::Base64(data) => data.len(),
            MediaSource::Uri(uri) => uri.len(),
            MediaSource::FileId(id) => id.len(),
        },
        Part::ServerToolCall(call) => call.arguments.len(),
        Part::ToolResult(result) => result.content.len(),
        Part::ServerToolResult(result) => result.value.to_string().len(),
        Part::Other { value, .. } => value.to_string().len(),
        _ => 0,
    }
}
