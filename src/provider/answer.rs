//! An answer of a success, read to its end: what came, and whether it is whole.

use super::{
    Api, Delta, Limits, StreamReader, event_parser, read_response, response_error, stream::says_it_is_over,
};
use crate::{
    record::{ErrorInfo, ErrorKind, Part, Request, Response, ResponseStatus},
    wire::events::EventParser,
};
use bytes::BytesMut;
use http::{HeaderMap, header::CONTENT_TYPE};

/// How much is kept of an answer that says it is a stream, for the error if it is none.
const HEAD_BYTES: usize = 512;
/// How much is kept of an answer that does not say so: it may be the whole answer in one piece.
const WHOLE_BYTES: usize = 16 << 20;

/// How reading an answer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It is whole.
    Done,
    /// It tells of an error.
    Told(ErrorInfo),
    /// It is not what the API promises.
    Unread(ErrorInfo),
    /// It was a stream, and broke off or could not be read on.
    Cut(ErrorInfo),
    /// The transport failed before it was whole.
    Broken,
}

/// The answer of a language model in one piece, as far as it can be read.
pub(crate) fn read_whole(api: Api, body: &[u8]) -> (Response, End) {
    let (response, unread) = match read_response(api, body) {
        Ok(response) => (response, None),
        Err(info) => (Response::default(), Some(info)),
    };
    // Only such an answer can be a failure in the clothes of a success.
    let is_doubtful = response.choices.is_empty() || response.status == Some(ResponseStatus::Failed);
    let told = is_doubtful.then(|| response_error(api, body)).flatten();
    let end = match (told, unread) {
        (Some(info), _) => End::Told(info),
        (None, Some(info)) => End::Unread(info),
        (None, None) => End::Done,
    };
    (response, end)
}

/// Whether these headers say that a stream of events follows.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    media_type.is_some_and(|value| {
        ["text/event-stream", "application/vnd.amazon.eventstream"]
            .iter()
            .any(|stream| value.eq_ignore_ascii_case(stream))
    })
}

/// How many generations make the answer to `request` whole.
pub(crate) fn expected_choices(api: Api, request: &Request) -> u32 {
    match api {
        // Google may give fewer than were asked for, and says no last word; a body of `InvokeModel` is
        // the model's own.
        Api::GoogleGenerateContent | Api::BedrockInvokeModel => 1,
        _ => request.choice_count.unwrap_or(1),
    }
}

/// An answer that comes as a stream.
#[derive(Debug)]
pub(crate) struct StreamedAnswer {
    api: Api,
    parser: EventParser,
    reader: StreamReader,
    /// The beginning of the answer, until an event of it could be read.
    head: BytesMut,
    head_limit: usize,
    /// How many generations were asked for.
    expected: u32,
}

impl StreamedAnswer {
    /// `None` for an API that has no streams.
    pub(crate) fn new(api: Api, is_event_stream: bool, expected: u32, limits: Limits) -> Option<Self> {
        let mut parser = event_parser(api);
        // Who keeps no more text than that has no use for more of an event.
        if limits.max_text_bytes != usize::MAX {
            parser = parser.with_max_event(limits.max_text_bytes);
        }
        Some(Self {
            api,
            parser,
            reader: StreamReader::new(api, limits)?,
            head: BytesMut::new(),
            head_limit: if is_event_stream { HEAD_BYTES } else { WHOLE_BYTES.min(limits.max_text_bytes) },
            expected,
        })
    }

    /// What has come so far.
    pub(crate) fn response(&self) -> &Response {
        self.reader.response()
    }

    /// Whether an event was too long to be read.
    #[cfg(feature = "instrument")]
    pub(crate) fn has_skipped(&self) -> bool {
        self.parser.skipped() > 0
    }

    /// Reads what came.
    pub(crate) fn feed(&mut self, chunk: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) {
        let Self { parser, reader, head, head_limit, .. } = self;
        if !has_read(reader) {
            let room = head_limit.saturating_sub(head.len());
            head.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        } else if !head.is_empty() {
            *head = BytesMut::new();
        }
        parser.feed(chunk, &mut |event| reader.event(event.name, event.data, on_delta));
    }

    /// The body has nothing more.
    pub(crate) fn end_of_body(&mut self, on_delta: &mut impl FnMut(Delta<'_>)) {
        let Self { parser, reader, .. } = self;
        parser.finish(&mut |event| reader.event(event.name, event.data, on_delta));
    }

    /// Whether nothing more need be read: the stream said its last word, or its frames are broken.
    pub(crate) fn is_over(&self) -> bool {
        // The Responses API tells of an error twice, and how the response stands the second time.
        let has_failed = self.reader.error().is_some() && self.api != Api::OpenAiResponses;
        has_failed || says_it_is_over(self.reader.response()) || self.parser.broken().is_some()
    }

    /// Whether the answer is whole: it says so, or every generation that was asked for has ended.
    pub(crate) fn is_whole(&self) -> bool {
        let response = self.reader.response();
        // A prompt that was blocked has no generation.
        let is_all =
            response.choices.len() as u64 >= u64::from(self.expected) || response.block_reason.is_some();
        self.reader.is_complete() && (says_it_is_over(response) || is_all)
    }

    /// What came and how it ended, the transport's failure aside if it is `broken`.
    pub(crate) fn conclude(self, is_broken: bool, on_delta: &mut impl FnMut(Delta<'_>)) -> (Response, End) {
        let (is_whole, is_empty) = (self.is_whole(), !has_read(&self.reader));
        let protocol = |message: String| End::Cut(ErrorInfo::new(ErrorKind::Protocol, message));
        let frames = self.parser.broken().map(ToString::to_string);
        let skipped = self.parser.skipped();
        let (response, told) = self.reader.finish();
        let end = match told {
            Some(info) => End::Told(info),
            None if skipped > 0 => {
                protocol(format!("{skipped} events of the stream were too long to be read"))
            }
            None if is_whole => End::Done,
            None if is_broken => End::Broken,
            None => match frames {
                Some(message) => protocol(message),
                None if is_empty => return read_unstreamed(self.api, &self.head, on_delta),
                None => protocol("the stream ended before its last event".to_owned()),
            },
        };
        (response, end)
    }

    /// What came of a stream that its caller has left.
    pub(crate) fn so_far(self) -> Response {
        self.reader.finish().0
    }
}

/// An answer without a single event: some servers answer a stream's request in one piece, and anything
/// else is an error that keeps the first bytes.
fn read_unstreamed(api: Api, head: &[u8], on_delta: &mut impl FnMut(Delta<'_>)) -> (Response, End) {
    let (response, end) = read_whole(api, head);
    replay(&response, on_delta);
    #[cfg(feature = "client")]
    for (index, item) in (0..).zip(super::output_items(api, head)) {
        on_delta(Delta::ItemDone { index, item: item.as_str() });
    }
    (response, end)
}

/// An answer in one piece as the deltas that a stream would have brought.
fn replay(response: &Response, on_delta: &mut impl FnMut(Delta<'_>)) {
    for choice in &response.choices {
        let mut tools = 0;
        for part in &choice.message.parts {
            match part {
                Part::Text(text) => on_delta(Delta::Text { choice: choice.index, text }),
                Part::Reasoning(text) => on_delta(Delta::Reasoning { choice: choice.index, text }),
                Part::Refusal(text) => on_delta(Delta::Refusal { choice: choice.index, text }),
                Part::ToolCall(call) => {
                    let (choice, index) = (choice.index, tools);
                    on_delta(Delta::ToolCallStart {
                        choice,
                        index,
                        id: call.id.as_deref(),
                        name: &call.name,
                    });
                    on_delta(Delta::ToolCallArguments { choice, index, fragment: &call.arguments });
                    tools += 1;
                }
                _ => {}
            }
        }
        if let Some(reason) = &choice.finish_reason {
            on_delta(Delta::Finished { choice: choice.index, reason });
        }
    }
    if response.usage.raw.is_some() {
        on_delta(Delta::Usage(&response.usage));
    }
}

/// Whether an event of the stream could be read.
fn has_read(reader: &StreamReader) -> bool {
    reader.response().stream.as_ref().is_some_and(|stream| stream.events > reader.unreadable_events())
}
