mod call;
mod event;
mod limits;
mod result;
mod shared;
mod text;

pub use event::ChatEvent;
pub(super) use limits::Limits;
pub use result::{PendingResult, StreamResult};
pub use shared::AbortHandle;
pub use text::TextStream;

use super::{Reply, about::About, exchange::Exchange};
use crate::{
    Error,
    provider::{
        self, Api,
        answer::{self, StreamedAnswer},
    },
    record::{ErrorKind, Response},
    span::SpanRef,
};
use call::{Live, StreamedCall};
use event::Items;
use futures_core::Stream;
use limits::Clocks;
use result::Over;
use shared::Shared;
use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// An answer as it comes, made by [`Chat::stream`](super::Chat::stream).
///
/// It is a [`Stream`] of [`ChatEvent`]s, the last of them [`ChatEvent::Done`] or an error. Dropped
/// before that it cancels the call, and the call's span says *abandoned* with what had come. So does
/// [`abort`](Self::abort), from wherever an [`AbortHandle`] is. What the stream came to, whichever
/// way, is its [`result`](Self::result).
///
/// ```no_run
/// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
/// let mut stream = client.chat("gpt-4o-mini").user("Count to a million.").stream().await?;
/// println!("{:?}", stream.span_ref()); // known before anything is read
/// let (stop, result) = (stream.abort_handle(), stream.result());
/// tokio::spawn(async move {
///     tokio::time::sleep(std::time::Duration::from_secs(5)).await;
///     stop.abort();
/// });
/// while let Some(text) = stream.next_text().await {
///     print!("{}", text?);
/// }
/// let result = result.await?;
/// println!("\n{} characters, aborted: {}", result.text().len(), result.is_aborted());
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that is dropped cancels its call"]
pub struct ChatStream {
    shared: Arc<Shared>,
    api: Api,
    span: Option<SpanRef>,
}

impl ChatStream {
    pub(super) fn new(exchange: Exchange, answer: reqwest::Response, expected: u32, limits: Limits) -> Self {
        let (api, span) = (exchange.api, exchange.span);
        let is_event_stream = answer::is_event_stream(answer.headers());
        let streamed = StreamedAnswer::new(api, is_event_stream, expected, provider::Limits::default());
        let call = StreamedCall {
            body: Some(Box::pin(answer.bytes_stream())),
            live: streamed.map(|answer| Live {
                exchange,
                answer,
                clocks: Clocks::new(limits),
                items: Items::new(),
            }),
            ready: VecDeque::new(),
            reader: None,
        };
        Self { shared: Arc::new(Shared::new(call)), api, span }
    }

    /// The next event; `None` after the last, and once the call was [aborted](Self::abort).
    pub async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Waits for the end and gives the complete answer.
    ///
    /// # Errors
    /// The failure that ended the stream, without its source if the stream gave it before. Of the kind
    /// [`Cancelled`](ErrorKind::Cancelled) if the call was [aborted](Self::abort); what had come is in the
    /// [`result`](Self::result).
    pub async fn finish(mut self) -> Result<Reply, Error> {
        let mut whole = None;
        while let Some(event) = self.next().await {
            if let ChatEvent::Done(reply) = event? {
                whole = Some(*reply);
            }
        }
        if let Some(reply) = whole {
            return Ok(reply);
        }
        match self.shared.ending.with(Over::result) {
            Some(Ok(result)) if !result.is_aborted() => Ok(result.into_reply()),
            Some(Err(error)) => Err(error),
            _ => Err(Error::new(
                ErrorKind::Cancelled,
                "the stream was aborted; `ChatStream::result` has what had come",
            )),
        }
    }

    /// The call's span, known before the answer is: see [`Reply::span_ref`].
    pub fn span_ref(&self) -> Option<SpanRef> {
        self.span
    }

    /// The call's id, known before the answer is: see [`Reply::span_id`].
    #[doc(alias = "spanId")]
    pub fn span_id(&self) -> Option<String> {
        self.about(About::span_id)
    }

    /// The id of the call's trace, known before the answer is: see [`Reply::trace_id`].
    #[doc(alias = "traceId")]
    pub fn trace_id(&self) -> Option<String> {
        self.about(About::trace_id)
    }

    fn about(&self, read: impl Fn(&About) -> Option<String>) -> Option<String> {
        let live = |call: &mut StreamedCall| call.live.as_ref().map(|live| read(&live.exchange.about()));
        let told =
            self.shared.with(live).or_else(|| self.shared.ending.with(|over| read(over.reply.about())));
        told.flatten()
    }

    /// Ends the call now: the connection to the provider is closed, and the call's span ends as *abandoned*
    /// (for Tracia: `ERROR`, `Stream aborted`) with what had come. The stream gives nothing more, not even
    /// what had come and was not read; the [`result`](Self::result) has that.
    ///
    /// After the end of the call it does nothing: events that wait to be read stay, [`ChatEvent::Done`]
    /// among them. A call whose answer is whole but for its last words ends as *done*.
    pub fn abort(&self) {
        self.shared.abort();
    }

    /// Ends the call from elsewhere, while the stream is read.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(Arc::clone(&self.shared))
    }

    /// What the stream comes to, for any task and at any time; see [`PendingResult`].
    pub fn result(&self) -> PendingResult {
        PendingResult::new(Arc::clone(&self.shared))
    }

    /// What has come so far; after an error what had come before it. Until the stream is over each call makes a
    /// copy.
    pub fn so_far(&self) -> Option<Arc<Response>> {
        let copy =
            |call: &mut StreamedCall| call.live.as_ref().map(|live| Arc::new(live.answer.response().clone()));
        self.shared.with(copy).or_else(|| self.shared.ending.with(|over| Arc::clone(&over.came)))
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.with(|call| call.poll(&self.shared.ending, context))
    }
}

impl Drop for ChatStream {
    fn drop(&mut self) {
        let is_awaited = Arc::strong_count(&self.shared) > 1;
        let left = {
            let mut call = self.shared.lock();
            call.abandon(&self.shared.ending, is_awaited);
            if is_awaited && self.shared.ending.with(|_| ()).is_none() {
                // A panic of somebody else's layer, at the span's end.
                self.shared.ending.set(Over::unknown());
            }
            // Those who wait for its result may keep the rest for long.
            (call.body.take(), std::mem::take(&mut call.ready), call.reader.take())
        };
        drop(left);
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = self.shared.ending.with(|_| ()).is_some();
        formatter
            .debug_struct("ChatStream")
            .field("api", &self.api)
            .field("is_over", &is_over)
            .finish_non_exhaustive()
    }
}
