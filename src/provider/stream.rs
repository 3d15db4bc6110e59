//! One reader of stream events for every API.

use super::{Api, anthropic, bedrock, google, handover, openai};
use crate::record::{ErrorInfo, FinishReason, Response, Usage};

/// What one event of a stream brought, borrowed from the event.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// More of the answer's text.
    Text {
        /// The generation's index.
        choice: u32,
        /// The text.
        text: &'a str,
    },
    /// More of the reasoning, or of its summary.
    Reasoning {
        /// The generation's index.
        choice: u32,
        /// The text.
        text: &'a str,
    },
    /// More of a refusal.
    Refusal {
        /// The generation's index.
        choice: u32,
        /// The text.
        text: &'a str,
    },
    /// A tool call begins.
    ToolCallStart {
        /// The generation's index.
        choice: u32,
        /// The call's place among the generation's tool calls.
        index: u32,
        /// Its id.
        id: Option<&'a str>,
        /// The tool's name.
        name: &'a str,
    },
    /// More of a tool call's arguments.
    ToolCallArguments {
        /// The generation's index.
        choice: u32,
        /// The call's place among the generation's tool calls.
        index: u32,
        /// The piece.
        fragment: &'a str,
    },
    /// The usage so far; the last one holds.
    Usage(&'a Usage),
    /// A generation stopped.
    Finished {
        /// The generation's index.
        choice: u32,
        /// Why.
        reason: &'a FinishReason,
    },
    /// An output item begins (OpenAI Responses).
    ItemAdded {
        /// Its place in the output.
        index: u32,
        /// The item as it is by now, JSON.
        item: &'a str,
    },
    /// An output item is done (OpenAI Responses).
    ItemDone {
        /// Its place in the output.
        index: u32,
        /// The item, JSON.
        item: &'a str,
    },
}

impl Delta<'_> {
    /// Whether it is content of any kind: text, reasoning, a refusal, a tool call.
    pub(crate) const fn is_content(&self) -> bool {
        match self {
            Self::Text { .. } | Self::Reasoning { .. } | Self::Refusal { .. } => true,
            Self::ToolCallStart { .. } | Self::ToolCallArguments { .. } => true,
            // An item's own content is told besides.
            Self::ItemAdded { .. } | Self::ItemDone { .. } | Self::Finished { .. } | Self::Usage(_) => false,
        }
    }
}

/// How much a reader keeps.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes of text, reasoning and arguments that are kept of one response; what goes
    /// beyond is left out of the record. [`Delta`]s are always whole.
    pub max_text_bytes: usize,
}

impl Limits {
    /// These many bytes of text, reasoning and arguments in all.
    pub const fn of_text_bytes(max_text_bytes: usize) -> Self {
        Self { max_text_bytes }
    }
}

impl Default for Limits {
    /// No limit.
    fn default() -> Self {
        Self { max_text_bytes: usize::MAX }
    }
}

/// Reads the events of a streamed answer into a [`Response`].
///
/// An event that cannot be read is counted and passed over. What came before an error or the end
/// stays.
#[derive(Debug)]
pub struct StreamReader {
    api: Api,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Chat(openai::chat::StreamReader),
    Responses(openai::responses::StreamReader),
    Anthropic(anthropic::StreamReader),
    Google(google::StreamReader),
    Converse(bedrock::converse::StreamReader),
    Invoke(bedrock::invoke::StreamReader),
}

/// Whether the stream's last event came.
pub(super) fn says_it_is_over(response: &Response) -> bool {
    response.stream.as_ref().is_some_and(|end| end.done || end.terminal_event.is_some())
}

impl StreamReader {
    /// A reader for this API's events; `None` for an API that has no streams.
    pub fn new(api: Api, limits: Limits) -> Option<Self> {
        let kind = match api {
            Api::OpenAiChat => Kind::Chat(openai::chat::StreamReader::new(limits)),
            Api::OpenAiResponses => Kind::Responses(openai::responses::StreamReader::new(limits)),
            Api::AnthropicMessages => Kind::Anthropic(anthropic::StreamReader::new(limits)),
            Api::GoogleGenerateContent => Kind::Google(google::StreamReader::new(limits)),
            Api::BedrockConverse => Kind::Converse(bedrock::converse::StreamReader::new(limits)),
            Api::BedrockInvokeModel => Kind::Invoke(bedrock::invoke::StreamReader::new(limits)),
            _ => return None,
        };
        Some(Self { api, kind })
    }

    /// Reads one event: its name, if it has one, and its data.
    pub fn event(&mut self, name: Option<&str>, data: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        match &mut self.kind {
            Kind::Chat(reader) => reader.event(name, data, on_delta),
            Kind::Responses(reader) => reader.event(name, data, on_delta),
            Kind::Anthropic(reader) => reader.event(name, data, on_delta),
            Kind::Google(reader) => reader.event(name, data, on_delta),
            Kind::Converse(reader) => reader.event(name, data, on_delta),
            Kind::Invoke(reader) => reader.event(name, data, on_delta),
        }
    }

    /// The answer so far.
    pub fn response(&self) -> &Response {
        match &self.kind {
            Kind::Chat(reader) => reader.response(),
            Kind::Responses(reader) => reader.response(),
            Kind::Anthropic(reader) => reader.response(),
            Kind::Google(reader) => reader.response(),
            Kind::Converse(reader) => reader.response(),
            Kind::Invoke(reader) => reader.response(),
        }
    }

    /// The error that the stream told of, if it did.
    pub fn error(&self) -> Option<&ErrorInfo> {
        match &self.kind {
            Kind::Chat(reader) => reader.error(),
            Kind::Responses(reader) => reader.error(),
            Kind::Anthropic(reader) => reader.error(),
            Kind::Google(reader) => reader.error(),
            Kind::Converse(reader) => reader.error(),
            Kind::Invoke(reader) => reader.error(),
        }
    }

    /// Whether the answer came to its end: its last event, or a finish reason of every generation.
    pub fn is_complete(&self) -> bool {
        match &self.kind {
            Kind::Chat(reader) => reader.is_complete(),
            Kind::Responses(reader) => reader.is_complete(),
            Kind::Anthropic(reader) => reader.is_complete(),
            Kind::Google(reader) => reader.is_complete(),
            Kind::Converse(reader) => reader.is_complete(),
            Kind::Invoke(reader) => reader.is_complete(),
        }
    }

    /// How many events could not be read.
    pub fn unreadable_events(&self) -> u64 {
        match &self.kind {
            Kind::Chat(reader) => reader.unreadable_events(),
            Kind::Responses(reader) => reader.unreadable_events(),
            Kind::Anthropic(reader) => reader.unreadable_events(),
            Kind::Google(reader) => reader.unreadable_events(),
            Kind::Converse(reader) => reader.unreadable_events(),
            Kind::Invoke(reader) => reader.unreadable_events(),
        }
    }

    /// The answer as far as it came, and the error that the stream told of.
    pub fn finish(self) -> (Response, Option<ErrorInfo>) {
        let (response, error) = match self.kind {
            Kind::Chat(reader) => reader.finish(),
            Kind::Responses(reader) => reader.finish(),
            Kind::Anthropic(reader) => reader.finish(),
            Kind::Google(reader) => reader.finish(),
            Kind::Converse(reader) => reader.finish(),
            Kind::Invoke(reader) => reader.finish(),
        };
        (handover::with_origin(self.api, response), error)
    }
}
