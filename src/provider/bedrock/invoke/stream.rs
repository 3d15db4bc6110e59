//! A stream, read chunk by chunk.

use super::{
    answer::Answer,
    chat,
    chunk::{Chunk, Shape},
    nova, plain,
};
use crate::provider::bedrock::error::read_exception;
use crate::provider::lenient::Text;
use crate::provider::{Delta, Limits, anthropic, openai, pick};
use crate::record::{ErrorInfo, Response, StreamEnd};
use crate::wire::events::EXCEPTION;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// Reads the events of a stream: chunks of the model's own events, and exceptions.
///
/// The first chunk tells by its shape whose they are. Bedrock's own counts come at the end and are kept as
/// [`invocation_metrics`](Response::invocation_metrics); they are the usage only where the model tells none.
#[derive(Debug)]
pub struct StreamReader {
    kind: Kind,
    limits: Limits,
    error: Option<ErrorInfo>,
    unreadable: u64,
}

#[derive(Debug)]
enum Kind {
    /// Also as long as nothing came.
    Own {
        answer: Box<Answer>,
        blocks: nova::Blocks,
    },
    Claude(Box<anthropic::StreamReader>),
    Chat(Box<openai::chat::StreamReader>),
}

/// The payload of a chunk's frame, apart from its padding.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    bytes: Text<'a>,
}

impl StreamReader {
    /// A reader that keeps this much.
    pub fn new(limits: Limits) -> Self {
        let mut answer = Box::new(Answer::new(limits));
        answer.response.stream = Some(StreamEnd::default());
        Self {
            kind: Kind::Own { answer, blocks: nova::Blocks::default() },
            limits,
            error: None,
            unreadable: 0,
        }
    }

    /// Reads one event. Every event counts, exceptions and unreadable ones too.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let events = self.response().stream.as_ref().map_or(0, |end| end.events).saturating_add(1);
        if let Some(word) = name.and_then(|name| name.strip_prefix(EXCEPTION)) {
            self.error.get_or_insert_with(|| read_exception(word, data));
        } else {
            self.chunk(data, on_delta);
        }
        // The readers within see chunks alone, of which some are not theirs.
        self.response_mut().stream.get_or_insert_default().events = events;
    }

    fn chunk(&mut self, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let payload = std::str::from_utf8(data).ok().filter(|_| pick::is_object(data));
        let payload = payload.and_then(|text| serde_json::from_str::<Payload<'_>>(text).ok());
        let bytes = payload.and_then(|payload| STANDARD.decode(payload.bytes.get()?).ok());
        let chunk = bytes.as_deref().and_then(|bytes| Some((bytes, Chunk::read(bytes)?)));
        let Some((bytes, chunk)) = chunk else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        let shape = chunk.shape_of_chunk();
        self.decide(shape);
        match &mut self.kind {
            Kind::Claude(reader) => reader.event(chunk.kind.get(), bytes, on_delta),
            Kind::Chat(reader) => reader.event(None, &chat::as_openai(bytes), on_delta),
            Kind::Own { answer, blocks } => {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                let is_read = match shape {
                    Some(Shape::Nova) => blocks.read(text, answer, on_delta),
                    Some(Shape::Plain) => plain::read(text, answer, on_delta),
                    _ => chunk.metrics.is_some(),
                };
                if !is_read {
                    self.unreadable = self.unreadable.saturating_add(1);
                }
            }
        }
        let response = self.response_mut();
        if chunk.tell(response) {
            on_delta(Delta::Usage(&response.usage));
        }
    }

    /// Hands over to the reader of this shape, unless something was read already.
    fn decide(&mut self, shape: Option<Shape>) {
        let Kind::Own { answer, .. } = &self.kind else {
            return;
        };
        if !answer.response.choices.is_empty() {
            return;
        }
        let mut kind = match shape {
            Some(Shape::Claude) => Kind::Claude(Box::new(anthropic::StreamReader::new(self.limits))),
            Some(Shape::Chat) => Kind::Chat(Box::new(openai::chat::StreamReader::new(self.limits))),
            _ => return,
        };
        let before = &answer.response;
        let response = kind.response_mut();
        response.guardrail_action.clone_from(&before.guardrail_action);
        response.invocation_metrics.clone_from(&before.invocation_metrics);
        response.usage.clone_from(&before.usage);
        self.kind = kind;
    }

    /// The answer so far.
    pub fn response(&self) -> &Response {
        match &self.kind {
            Kind::Own { answer, .. } => &answer.response,
            Kind::Claude(reader) => reader.response(),
            Kind::Chat(reader) => reader.response(),
        }
    }

    fn response_mut(&mut self) -> &mut Response {
        self.kind.response_mut()
    }

    /// The error that the stream told of, if it did.
    pub fn error(&self) -> Option<&ErrorInfo> {
        let told = match &self.kind {
            Kind::Own { .. } => None,
            Kind::Claude(reader) => reader.error(),
            Kind::Chat(reader) => reader.error(),
        };
        told.or(self.error.as_ref())
    }

    /// Whether the answer came to its end: a finish reason of every generation, Bedrock's counts, which come
    /// last, or a guardrail's answer, which has no finish reason.
    pub fn is_complete(&self) -> bool {
        let response = self.response();
        let is_blocked =
            response.guardrail_action.as_deref() == Some("INTERVENED") && !response.choices.is_empty();
        let is_over = match &self.kind {
            Kind::Own { answer, .. } => answer.is_complete() || is_blocked,
            Kind::Claude(reader) => reader.is_complete(),
            Kind::Chat(reader) => reader.is_complete(),
        };
        is_over || response.invocation_metrics.is_some()
    }

    /// How many events could not be read.
    pub fn unreadable_events(&self) -> u64 {
        let within = match &self.kind {
            Kind::Own { .. } => 0,
            Kind::Claude(reader) => reader.unreadable_events(),
            Kind::Chat(reader) => reader.unreadable_events(),
        };
        within.saturating_add(self.unreadable)
    }

    /// The answer as far as it came, and the error that the stream told of.
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        let (response, told) = match self.kind {
            Kind::Own { answer, .. } => (answer.response, None),
            Kind::Claude(reader) => reader.finish(),
            Kind::Chat(reader) => reader.finish(),
        };
        (response, told.or(self.error))
    }
}

impl Kind {
    fn response_mut(&mut self) -> &mut Response {
        match self {
            Self::Own { answer, .. } => &mut answer.response,
            Self::Claude(reader) => reader.response_mut(),
            Self::Chat(reader) => reader.response_mut(),
        }
    }
}
