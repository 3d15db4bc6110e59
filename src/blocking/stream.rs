use super::runtime;
use crate::{
    Error,
    client::{self, ChatEvent, Reply},
};
use std::{
    iter::{self, FusedIterator},
    ops::Deref,
};

/// An answer as it comes, made by [`Chat::stream_blocking`](crate::client::Chat::stream_blocking).
///
/// An iterator of [`ChatEvent`]s, the last of them [`ChatEvent::Done`] or an error; each is waited for. It is otherwise the
/// [`client::ChatStream`] that it dereferences to: dropped before its end it cancels the call,
/// [`abort_handle`](client::ChatStream::abort_handle) ends it from another thread,
/// [`result`](client::ChatStream::result) is what it came to, and [`span_ref`](client::ChatStream::span_ref) is known before
/// anything is read.
///
/// ```
/// use tracing_genai::{Client, Error, blocking::wait};
///
/// fn run(client: &Client) -> Result<(), Error> {
///     let mut stream = client.chat("gpt-4o-mini").user("Count to ten.").stream_blocking()?;
///     let result = stream.result();
///     for text in stream.text() {
///         print!("{}", text?);
///     }
///     println!(" ({:?} tokens)", wait(result)?.usage().output_tokens);
///     Ok(())
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "testing")]
/// # {
/// #     let provider = tracing_genai::testing::FakeProvider::start()?;
/// #     run(&Client::builder().base_url(provider.base_url()).api_key("sk-test").build()?)?;
/// # }
/// # Ok(())
/// # }
/// ```
///
/// The result is waited for in another thread, or after the stream was read or dropped: nobody else reads the stream.
///
/// Read inside a runtime's task it gives the error that [`wait`](super::wait) would, and is aborted.
#[derive(Debug)]
#[must_use = "a stream that is dropped cancels its call"]
pub struct ChatStream {
    stream: client::ChatStream,
    /// It was read where nobody may wait.
    is_refused: bool,
}

impl ChatStream {
    pub(super) fn new(stream: client::ChatStream) -> Self {
        Self { stream, is_refused: false }
    }

    /// The text that is still to come, piece by piece, passing over all other events; none is empty.
    pub fn text(&mut self) -> impl Iterator<Item = Result<String, Error>> {
        iter::from_fn(|| self.read(client::ChatStream::next_text))
    }

    /// Waits for the end and gives the complete answer.
    ///
    /// # Errors
    /// As [`client::ChatStream::finish`], and as [`wait`](super::wait) inside a runtime's task.
    pub fn finish(self) -> Result<Reply, Error> {
        super::wait(self.stream.finish())
    }

    fn read<T>(
        &mut self,
        next: impl AsyncFnOnce(&mut client::ChatStream) -> Option<Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        if self.is_refused {
            return None;
        }
        match runtime::enter() {
            Ok(place) => place.run(next(&mut self.stream)),
            Err(error) => {
                // A loop that passes over errors has to end.
                self.is_refused = true;
                self.stream.abort();
                Some(Err(error))
            }
        }
    }
}

impl Iterator for ChatStream {
    type Item = Result<ChatEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read(client::ChatStream::next)
    }
}

impl FusedIterator for ChatStream {}

impl Deref for ChatStream {
    type Target = client::ChatStream;

    fn deref(&self) -> &client::ChatStream {
        &self.stream
    }
}
