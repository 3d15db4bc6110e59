use super::{AbortHandle, ChatEvent, ChatStream, PendingResult};
use crate::Error;
use futures_core::Stream;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The text of an answer as it comes, and nothing else: made by
/// [`ChatStream::text_stream`](super::ChatStream::text_stream).
///
/// A [`Stream`] of pieces of text, none empty; its end is the answer's, or an error. Otherwise it is as the
/// [`ChatStream`] that it was made of: dropped before the end it cancels the call.
#[derive(Debug)]
#[must_use = "a stream that is dropped cancels its call"]
pub struct TextStream(pub(super) ChatStream);

impl TextStream {
    /// The next piece of text; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        self.0.next_text().await
    }

    /// As [`ChatStream::result`].
    pub fn result(&self) -> PendingResult {
        self.0.result()
    }

    /// As [`ChatStream::abort_handle`].
    pub fn abort_handle(&self) -> AbortHandle {
        self.0.abort_handle()
    }
}

impl Stream for TextStream {
    type Item = Result<String, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_text(context)
    }
}

impl ChatStream {
    /// The next piece of text, passing over all other events; `None` after the last.
    ///
    /// Pieces of several [generations](super::super::Chat::choices) come as they come: [`next`](Self::next)
    /// tells them apart.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn next_text(&mut self) -> Option<Result<String, Error>> {
        std::future::poll_fn(|context| self.poll_text(context)).await
    }

    /// The text alone, as a [`Stream`].
    ///
    /// ```no_run
    /// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
    /// let stream = client.chat("gpt-4o-mini").user("Count to ten.").stream().await?;
    /// let result = stream.result();
    /// let mut text = stream.text_stream();
    /// while let Some(piece) = text.next().await {
    ///     print!("{}", piece?);
    /// }
    /// println!("({:?} tokens)", result.await?.usage().output_tokens);
    /// # Ok(())
    /// # }
    /// ```
    pub fn text_stream(self) -> TextStream {
        TextStream(self)
    }

    fn poll_text(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<String, Error>>> {
        loop {
            match ready!(Pin::new(&mut *self).poll_next(context)) {
                Some(Ok(ChatEvent::Text { text, .. })) => return Poll::Ready(Some(Ok(text))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
