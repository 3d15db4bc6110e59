//! What a stream came to, for whoever waits for it.

use super::{
    super::{Reply, about::About},
    shared::Shared,
};
use crate::{
    Error,
    record::{Choice, Part, Response},
};
use serde::de::IgnoredAny;
use std::{
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What a stream came to: the [`Reply`], whole or as far as it came, and which of the two.
///
/// Of an answer that was aborted it has the text so far, the tool calls whose arguments were whole, and
/// the usage if the provider had told it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamResult {
    reply: Reply,
    is_aborted: bool,
}

impl StreamResult {
    /// Whether it ended before the answer was whole: by [`abort`](super::ChatStream::abort), or since the
    /// stream was dropped.
    #[doc(alias = "aborted")]
    pub fn is_aborted(&self) -> bool {
        self.is_aborted
    }

    /// What came.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// What came, without a copy.
    pub fn into_reply(self) -> Reply {
        self.reply
    }
}

impl Deref for StreamResult {
    type Target = Reply;

    fn deref(&self) -> &Reply {
        &self.reply
    }
}

/// The result of a stream, once it is over: made by [`ChatStream::result`](super::ChatStream::result).
///
/// It is a future that any executor can wait for, in another task or thread, before the stream is read,
/// meanwhile or afterwards. It always comes:
///
/// | the stream | the result |
/// |---|---|
/// | was read to its end | `Ok`, not [aborted](StreamResult::is_aborted) |
/// | was aborted, or dropped before its end | `Ok`, aborted, with what had come |
/// | was dropped when the answer was whole but for its last words | `Ok`, not aborted |
/// | failed or took too long | `Err`: the error that the stream gave, without its source; [`so_far`](Self::so_far) has what had come |
///
/// It does not read the stream: somebody has to, or to drop it. Clones wait for the same; awaited again it gives
/// the same again.
#[must_use = "a future does nothing unless it is awaited"]
pub struct PendingResult {
    shared: Arc<Shared>,
    /// Where its waker is.
    place: Option<usize>,
}

impl PendingResult {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, place: None }
    }

    /// What had come, once the stream is over, after an error too; of what came before an error or an
    /// abort, tool calls whose arguments were cut off are left out.
    pub fn so_far(&self) -> Option<Reply> {
        self.shared.ending.with(|over| over.reply.clone())
    }
}

impl Future for PendingResult {
    type Output = Result<StreamResult, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shared.ending.poll(&mut this.place, context)
    }
}

impl Clone for PendingResult {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for PendingResult {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.ending.leave(place);
        }
    }
}

impl fmt::Debug for PendingResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = self.shared.ending.with(|_| ()).is_some();
        formatter.debug_struct("PendingResult").field("is_over", &is_over).finish_non_exhaustive()
    }
}

/// How a stream ended.
pub(super) struct Over {
    /// All that came, for who reads the stream.
    pub(super) came: Arc<Response>,
    /// The same as its result has it.
    pub(super) reply: Reply,
    pub(super) how: How,
}

pub(super) enum How {
    Done,
    Aborted,
    Failed(Error),
}

impl Over {
    /// Of a stream whose end went wrong itself.
    pub(super) fn unknown() -> Self {
        let came = Arc::<Response>::default();
        Self { reply: Reply::new(Arc::clone(&came), About::default()), came, how: How::Aborted }
    }

    pub(super) fn result(&self) -> Result<StreamResult, Error> {
        let is_aborted = match &self.how {
            How::Done => false,
            How::Aborted => true,
            How::Failed(error) => return Err(error.again()),
        };
        Ok(StreamResult { reply: self.reply.clone(), is_aborted })
    }
}

/// The end of a stream, and who waits for it.
pub(super) struct Ending(Mutex<State>);

enum State {
    /// A waker at the place of each who waits.
    Open(Vec<Option<Waker>>),
    Over(Over),
}

impl Default for Ending {
    fn default() -> Self {
        Self(Mutex::new(State::Open(Vec::new())))
    }
}

impl Ending {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all who wait; only the first end counts.
    pub(super) fn set(&self, over: Over) {
        let mut state = self.lock();
        let State::Open(wakers) = &mut *state else { return };
        let wakers = std::mem::take(wakers);
        *state = State::Over(over);
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// What `read` finds, if the stream is over.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Over) -> T) -> Option<T> {
        match &*self.lock() {
            State::Open(_) => None,
            State::Over(over) => Some(read(over)),
        }
    }

    fn poll(
        &self,
        place: &mut Option<usize>,
        context: &mut Context<'_>,
    ) -> Poll<Result<StreamResult, Error>> {
        let mut state = self.lock();
        let wakers = match &mut *state {
            State::Open(wakers) => wakers,
            State::Over(over) => return Poll::Ready(over.result()),
        };
        let free = || wakers.iter().position(Option::is_none).unwrap_or(wakers.len());
        let at = *place.get_or_insert_with(free);
        match wakers.get_mut(at) {
            Some(Some(waker)) => waker.clone_from(context.waker()),
            Some(empty) => *empty = Some(context.waker().clone()),
            None => wakers.push(Some(context.waker().clone())),
        }
        Poll::Pending
    }

    /// Nobody waits at this place any more.
    fn leave(&self, place: usize) {
        if let State::Open(wakers) = &mut *self.lock() {
            if let Some(waker) = wakers.get_mut(place) {
                *waker = None;
            }
        }
    }
}

/// What came of an answer that was cut off, without the calls of tools whose arguments are not whole.
pub(super) fn without_broken_calls(came: &Arc<Response>) -> Arc<Response> {
    let is_cut = |choice: &Choice| {
        choice.finish_reason.is_none() && choice.message.parts.iter().any(|part| !is_whole(part))
    };
    if !came.choices.iter().any(is_cut) {
        return Arc::clone(came);
    }
    let mut rest = Response::clone(came);
    for choice in rest.choices.iter_mut().filter(|choice| is_cut(choice)) {
        choice.message.parts.retain(is_whole);
    }
    Arc::new(rest)
}

/// Arguments are a JSON object, no beginning of which is JSON.
fn is_whole(part: &Part) -> bool {
    match part {
        Part::ToolCall(call) => serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok(),
        _ => true,
    }
}
