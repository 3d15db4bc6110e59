use super::{
    Reply,
    chat::{failure, keep, read},
    exchange::Exchange,
    transport,
};
use crate::{
    Error,
    provider::{self, Api, Delta, Limits, StreamReader},
    record::{ErrorInfo, ErrorKind, FinishReason, Outcome, Part, Response, Usage},
    span::in_flight::InFlight,
    wire::events::EventParser,
};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// How much is kept of an answer that says it is a stream, for the error if it is none.
const HEAD_BYTES: usize = 512;
/// How much is kept of an answer that does not say so: it may be the whole answer in one piece.
const WHOLE_BYTES: usize = 16 << 20;

/// One thing that a stream brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChatEvent {
    /// More of the answer's text, never empty.
    Text {
        /// The text.
        text: String,
        /// The generation's index: 0 unless several were asked for.
        choice: u32,
    },
    /// More of the model's reasoning, or of its summary.
    Reasoning {
        /// The text.
        text: String,
        /// The generation's index.
        choice: u32,
    },
    /// More of a refusal.
    Refusal {
        /// The text.
        text: String,
        /// The generation's index.
        choice: u32,
    },
    /// The model begins a tool call.
    ToolCall {
        /// The call's place among the generation's tool calls.
        index: u32,
        /// Its id.
        id: Option<String>,
        /// The tool's name.
        name: String,
        /// The generation's index.
        choice: u32,
    },
    /// More of a tool call's arguments.
    ToolArguments {
        /// The call's place among the generation's tool calls.
        index: u32,
        /// The piece of JSON.
        fragment: String,
        /// The generation's index.
        choice: u32,
    },
    /// A generation stopped.
    Finished {
        /// Why.
        reason: FinishReason,
        /// The generation's index.
        choice: u32,
    },
    /// The usage so far; the last one holds.
    Usage(Box<Usage>),
    /// The complete answer: the last event.
    Done(Box<Reply>),
}

/// An answer as it comes, made by [`Chat::stream`](super::Chat::stream).
///
/// It is a [`Stream`] of [`ChatEvent`]s, the last of them [`ChatEvent::Done`] or an error. Dropped
/// before that it cancels the call, and the call's span says *abandoned* with what had come.
#[must_use = "a stream that is dropped cancels its call"]
pub struct ChatStream {
    exchange: Exchange,
    /// `None` once the answer is over.
    body: Option<Body>,
    parser: EventParser,
    reader: Option<StreamReader>,
    ready: VecDeque<Result<ChatEvent, Error>>,
    /// Set when the stream is over: what came, whole or not.
    came: Option<Arc<Response>>,
    reply: Option<Reply>,
    /// The beginning of the answer, until an event of it could be read.
    head: BytesMut,
    head_limit: usize,
    silence: Silence,
    /// How many generations were asked for.
    expected: u32,
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

impl ChatStream {
    pub(super) fn new(
        exchange: Exchange,
        answer: reqwest::Response,
        expected: u32,
        timeout: Duration,
    ) -> Self {
        let api = exchange.api;
        let reader = StreamReader::new(api, Limits::default());
        let head_limit = if transport::is_event_stream(&answer) { HEAD_BYTES } else { WHOLE_BYTES };
        Self {
            exchange,
            body: Some(Box::pin(answer.bytes_stream())),
            parser: provider::event_parser(api),
            reader,
            ready: VecDeque::new(),
            came: None,
            reply: None,
            head: BytesMut::new(),
            head_limit,
            silence: Silence::new(timeout),
            expected,
        }
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Waits for the end and gives the complete answer.
    ///
    /// # Errors
    /// The failure that ended the stream; also if it ended in an error before.
    pub async fn finish(mut self) -> Result<Reply, Error> {
        while let Some(event) = self.next().await {
            event?;
        }
        self.reply
            .take()
            .ok_or_else(|| Error::new(ErrorKind::Cancelled, "the stream has ended in an error before"))
    }

    /// What has come so far; after an error what had come before it.
    pub fn so_far(&self) -> Option<&Response> {
        self.reader.as_ref().map(StreamReader::response).or(self.came.as_deref())
    }

    fn status(&self) -> Option<u16> {
        self.exchange.call.operation().http_status
    }

    /// Reads what came and queues its events.
    fn read(&mut self, chunk: &[u8]) {
        let Self { exchange: Exchange { call, .. }, parser, reader, ready, head, head_limit, .. } = self;
        let Some(reader) = reader else { return };
        if !has_read(reader) {
            let room = head_limit.saturating_sub(head.len());
            head.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        } else if !head.is_empty() {
            *head = BytesMut::new();
        }
        parser.feed(chunk, &mut |event| {
            reader.event(event.name, event.data, &mut |delta| on_delta(call, ready, delta));
        });
        if let Some(broken) = self.broken() {
            return self.end(Some(broken));
        }
        self.end_if_over();
    }

    /// Ends the call as soon as the stream says that it is over, without waiting for the
    /// connection.
    fn end_if_over(&mut self) {
        let Some(reader) = &self.reader else { return };
        // The Responses API tells of an error twice, and how the response stands the second time.
        let has_failed = reader.error().is_some() && self.exchange.api != Api::OpenAiResponses;
        if has_failed || says_it_is_over(reader) {
            self.end(None);
        }
    }

    /// The connection has nothing more.
    fn end_of_body(&mut self) {
        let Self { exchange: Exchange { call, .. }, parser, reader, ready, .. } = self;
        let Some(reader) = reader else { return };
        parser.finish(&mut |event| {
            reader.event(event.name, event.data, &mut |delta| on_delta(call, ready, delta));
        });
        let broken = self.broken();
        self.end(broken);
    }

    /// Why the stream cannot be read on, if its frames are broken.
    fn broken(&self) -> Option<Error> {
        let broken = self.parser.broken()?;
        Some(failure(ErrorInfo::new(ErrorKind::Protocol, broken.to_string()), self.status()))
    }

    /// Ends the call: with what the reader has, and with `broken` if the transport failed.
    fn end(&mut self, broken: Option<Error>) {
        let Some(reader) = self.reader.take() else { return };
        let (is_complete, is_empty) = (is_complete(&reader, self.expected), !has_read(&reader));
        let skipped = self.parser.skipped();
        let (mut response, told) = reader.finish();
        let error = match (told, broken) {
            (Some(info), _) => Some(Error::from(info)),
            (None, _) if skipped > 0 => {
                let message = format!("{skipped} events of the stream were too long to be read");
                Some(failure(ErrorInfo::new(ErrorKind::Protocol, message), self.status()))
            }
            (None, _) if is_complete => None,
            (None, Some(broken)) => Some(broken),
            (None, None) if is_empty => {
                let told;
                (response, told) = self.read_unstreamed();
                told.err()
            }
            (None, None) => Some(failure(
                ErrorInfo::new(ErrorKind::Protocol, "the stream ended before its last event"),
                self.status(),
            )),
        };
        response.usage.fill_from(self.exchange.usage());
        let response = Arc::new(response);
        keep(&mut self.exchange.call, &response);
        self.came = Some(Arc::clone(&response));
        let request_id = self.exchange.call.operation().request_id.clone();
        match error {
            None => {
                self.exchange.call.settle(Outcome::Done);
                let reply = Reply::new(response, request_id);
                self.reply = Some(reply.clone());
                self.ready.push_back(Ok(ChatEvent::Done(Box::new(reply))));
            }
            Some(error) => {
                let error = self.exchange.fail(error);
                self.ready.push_back(Err(error));
            }
        }
    }

    /// An answer without a single event: some servers answer a stream's request in one piece, and
    /// anything else is an error that keeps the first bytes.
    fn read_unstreamed(&mut self) -> (Response, Result<(), Error>) {
        let head = std::mem::take(&mut self.head);
        let (response, told) = read(self.exchange.api, &head, self.status());
        let Self { exchange: Exchange { call, .. }, ready, .. } = self;
        replay(&response, &mut |delta| on_delta(call, ready, delta));
        (response, told)
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            if this.reader.is_none() {
                // The answer is over. If its bytes are all there the connection can be used again.
                let _ = body.as_mut().poll_next(context);
                this.body = None;
                return Poll::Ready(None);
            }
            match body.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    this.silence.broken();
                    this.read(&chunk);
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = transport::transport_error(error, this.status());
                    this.end(Some(error));
                }
                Poll::Ready(None) => this.end_of_body(),
                Poll::Pending => {
                    ready!(this.silence.poll(context));
                    let error = transport::silence(this.silence.limit);
                    this.end(Some(error));
                }
            }
        }
    }
}

impl Drop for ChatStream {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        // A caller that stops at the last finish reason has the whole answer.
        let is_complete = is_complete(&reader, self.expected);
        let outcome = if is_complete { Outcome::Done } else { Outcome::Abandoned };
        if self.exchange.call.is_seen() {
            keep(&mut self.exchange.call, &Arc::new(reader.finish().0));
        }
        self.exchange.call.settle(outcome);
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChatStream")
            .field("api", &self.exchange.api)
            .field("is_over", &self.reader.is_none())
            .finish_non_exhaustive()
    }
}

/// Whether the answer is whole: it says so, or every generation that was asked for has ended.
fn is_complete(reader: &StreamReader, expected: u32) -> bool {
    let response = reader.response();
    // A prompt that was blocked has no generation.
    let is_all = response.choices.len() as u64 >= u64::from(expected) || response.block_reason.is_some();
    reader.is_complete() && (says_it_is_over(reader) || is_all)
}

/// Whether the stream's last event came.
fn says_it_is_over(reader: &StreamReader) -> bool {
    let stream = reader.response().stream.as_ref();
    stream.is_some_and(|end| end.done || end.terminal_event.is_some())
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

/// Queues `delta` for the caller; the first content of any kind sets the time to first chunk.
fn on_delta(call: &mut InFlight, ready: &mut VecDeque<Result<ChatEvent, Error>>, delta: Delta<'_>) {
    let event = match delta {
        Delta::Text { choice, text } => ChatEvent::Text { text: text.to_owned(), choice },
        Delta::Reasoning { choice, text } => ChatEvent::Reasoning { text: text.to_owned(), choice },
        Delta::Refusal { choice, text } => ChatEvent::Refusal { text: text.to_owned(), choice },
        Delta::ToolCallStart { choice, index, id, name } => {
            ChatEvent::ToolCall { index, id: id.map(str::to_owned), name: name.to_owned(), choice }
        }
        Delta::ToolCallArguments { choice, index, fragment } => {
            ChatEvent::ToolArguments { index, fragment: fragment.to_owned(), choice }
        }
        Delta::Finished { choice, reason } => ChatEvent::Finished { reason: reason.clone(), choice },
        Delta::Usage(usage) => ChatEvent::Usage(Box::new(usage.clone())),
    };
    let is_content = !matches!(event, ChatEvent::Finished { .. } | ChatEvent::Usage(_));
    if is_content && call.operation().time_to_first_chunk.is_none() {
        call.operation_mut().time_to_first_chunk = call.elapsed();
    }
    ready.push_back(Ok(event));
}

/// Bounds how long a stream may be silent. The clock is read only when nothing is there to read.
struct Silence {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
    runs: bool,
}

impl Silence {
    fn new(limit: Duration) -> Self {
        // Made here, where a runtime is sure to be: a stream may be polled elsewhere.
        Self { limit, sleep: Box::pin(tokio::time::sleep(limit)), runs: false }
    }

    fn broken(&mut self) {
        self.runs = false;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.runs {
            // A limit beyond the clock's range is none.
            if let Some(deadline) = Instant::now().checked_add(self.limit) {
                self.sleep.as_mut().reset(deadline);
            }
            self.runs = true;
        }
        self.sleep.as_mut().poll(context)
    }
}
