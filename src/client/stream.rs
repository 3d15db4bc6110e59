use super::{
    Reply,
    chat::{failure, keep},
    exchange::Exchange,
    transport,
};
use crate::{
    Error,
    provider::{
        Delta, Limits,
        answer::{self, End, StreamedAnswer},
    },
    record::{ErrorKind, FinishReason, Outcome, Response, Usage},
    span::{SpanRef, in_flight::InFlight},
};
use bytes::Bytes;
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
    /// `None` once the answer is read to its end.
    answer: Option<StreamedAnswer>,
    ready: VecDeque<Result<ChatEvent, Error>>,
    /// Set when the stream is over: what came, whole or not.
    came: Option<Arc<Response>>,
    reply: Option<Reply>,
    silence: Silence,
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

impl ChatStream {
    pub(super) fn new(
        exchange: Exchange,
        answer: reqwest::Response,
        expected: u32,
        timeout: Duration,
    ) -> Self {
        let is_event_stream = answer::is_event_stream(answer.headers());
        let streamed = StreamedAnswer::new(exchange.api, is_event_stream, expected, Limits::default());
        Self {
            exchange,
            body: Some(Box::pin(answer.bytes_stream())),
            answer: streamed,
            ready: VecDeque::new(),
            came: None,
            reply: None,
            silence: Silence::new(timeout),
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
        self.answer.as_ref().map(StreamedAnswer::response).or(self.came.as_deref())
    }

    /// The call's span, known before the answer is: see [`Reply::span_ref`].
    pub fn span_ref(&self) -> Option<SpanRef> {
        self.exchange.about().span
    }

    /// The call's id, known before the answer is: see [`Reply::span_id`].
    #[doc(alias = "spanId")]
    pub fn span_id(&self) -> Option<String> {
        self.exchange.about().span_id()
    }

    /// The id of the call's trace, known before the answer is: see [`Reply::trace_id`].
    #[doc(alias = "traceId")]
    pub fn trace_id(&self) -> Option<String> {
        self.exchange.about().trace_id()
    }

    fn status(&self) -> Option<u16> {
        self.exchange.call.operation().http_status
    }

    /// Reads what came and queues its events. The call ends as soon as the stream says that it is over,
    /// without waiting for the connection.
    fn read(&mut self, chunk: &[u8]) {
        let Self { exchange: Exchange { call, .. }, answer, ready, .. } = self;
        let Some(answer) = answer else { return };
        answer.feed(chunk, &mut |delta| on_delta(call, ready, delta));
        if answer.is_over() {
            self.end(None);
        }
    }

    /// The connection has nothing more.
    fn end_of_body(&mut self) {
        let Self { exchange: Exchange { call, .. }, answer, ready, .. } = self;
        let Some(answer) = answer else { return };
        answer.end_of_body(&mut |delta| on_delta(call, ready, delta));
        self.end(None);
    }

    /// Ends the call: with what was read, and with `broken` if the transport failed.
    fn end(&mut self, broken: Option<Error>) {
        let status = self.status();
        let Self { exchange: Exchange { call, .. }, answer, ready, .. } = self;
        let Some(answer) = answer.take() else { return };
        let (mut response, end) =
            answer.conclude(broken.is_some(), &mut |delta| on_delta(call, ready, delta));
        let error = match end {
            End::Done => None,
            End::Told(info) => Some(info.into()),
            End::Unread(info) | End::Cut(info) => Some(failure(info, status)),
            End::Broken => broken,
        };
        response.usage.fill_from(self.exchange.usage());
        let response = Arc::new(response);
        keep(&mut self.exchange.call, &response);
        self.came = Some(Arc::clone(&response));
        match error {
            None => {
                let reply = Reply::new(response, self.exchange.about_answered());
                self.exchange.settle(Outcome::Done);
                self.reply = Some(reply.clone());
                self.ready.push_back(Ok(ChatEvent::Done(Box::new(reply))));
            }
            Some(error) => {
                let error = self.exchange.fail(error);
                self.ready.push_back(Err(error));
            }
        }
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
            if this.answer.is_none() {
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
        let Some(answer) = self.answer.take() else { return };
        // A caller that stops at the last finish reason has the whole answer.
        let outcome = if answer.is_whole() { Outcome::Done } else { Outcome::Abandoned };
        if self.exchange.call.is_seen() {
            keep(&mut self.exchange.call, &Arc::new(answer.so_far()));
        }
        self.exchange.settle(outcome);
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChatStream")
            .field("api", &self.exchange.api)
            .field("is_over", &self.answer.is_none())
            .finish_non_exhaustive()
    }
}

/// Queues `delta` for the caller; the first content of any kind sets the time to first chunk.
fn on_delta(call: &mut InFlight, ready: &mut VecDeque<Result<ChatEvent, Error>>, delta: Delta<'_>) {
    let is_content = delta.is_content();
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
