//! The call behind a stream: what is read of it, and its one end.

use super::{
    super::{
        Reply,
        chat::{failure, keep},
        exchange::Exchange,
        transport,
    },
    event::{ChatEvent, Items, on_delta},
    limits::Clocks,
    result::{Ending, How, Over, without_broken_calls},
};
use crate::{
    Error,
    provider::answer::{End, StreamedAnswer},
    record::{Outcome, Response},
};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

pub(super) type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// A call whose answer is a stream.
pub(super) struct StreamedCall {
    /// `None` once the connection is let go.
    pub(super) body: Option<Body>,
    /// `None` once the call is over.
    pub(super) live: Option<Live>,
    /// What was read and not handed out yet.
    pub(super) ready: VecDeque<Result<ChatEvent, Error>>,
    /// Who waits for more.
    pub(super) reader: Option<Waker>,
}

/// A call under way.
pub(super) struct Live {
    pub(super) exchange: Exchange,
    pub(super) answer: StreamedAnswer,
    pub(super) clocks: Clocks,
    pub(super) items: Items,
}

impl StreamedCall {
    /// The next event.
    pub(super) fn poll(
        &mut self,
        ending: &Ending,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<ChatEvent, Error>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            let Some(live) = &mut self.live else {
                // The answer is over. If its bytes are all there the connection can be used again.
                let _ = body.as_mut().poll_next(context);
                self.body = None;
                return Poll::Ready(None);
            };
            if let Poll::Ready(error) = live.clocks.poll_whole(context) {
                self.end(Some(error), ending);
                continue;
            }
            match body.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    live.clocks.heard();
                    self.read(&chunk, ending);
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = transport::transport_error(error, live.exchange.status());
                    self.end(Some(error), ending);
                }
                Poll::Ready(None) => self.end_of_body(ending),
                Poll::Pending => match live.clocks.poll_silence(context) {
                    Poll::Ready(error) => self.end(Some(error), ending),
                    Poll::Pending => {
                        match &mut self.reader {
                            Some(reader) => reader.clone_from(context.waker()),
                            none => *none = Some(context.waker().clone()),
                        }
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    /// Reads what came and queues its events. The call ends as soon as the stream says that it is over,
    /// without waiting for the connection.
    fn read(&mut self, chunk: &[u8], ending: &Ending) {
        let Self { live: Some(live), ready, .. } = self else { return };
        let Live { exchange, answer, items, .. } = live;
        answer.feed(chunk, &mut |delta| on_delta(&mut exchange.call, ready, items, delta));
        if live.answer.is_over() {
            self.end(None, ending);
        }
    }

    /// The connection has nothing more.
    fn end_of_body(&mut self, ending: &Ending) {
        let Self { live: Some(live), ready, .. } = self else { return };
        let Live { exchange, answer, items, .. } = live;
        answer.end_of_body(&mut |delta| on_delta(&mut exchange.call, ready, items, delta));
        self.end(None, ending);
    }

    /// Ends the call: with what was read, and with `broken` if the transport failed or the time is over.
    fn end(&mut self, broken: Option<Error>, ending: &Ending) {
        let Some(Live { mut exchange, answer, mut items, .. }) = self.live.take() else { return };
        if broken.is_some() {
            self.body = None;
        }
        let ready = &mut self.ready;
        let (response, end) = answer.conclude(broken.is_some(), &mut |delta| {
            on_delta(&mut exchange.call, ready, &mut items, delta);
        });
        let error = match end {
            End::Done => None,
            End::Told(info) => Some(info.into()),
            End::Unread(info) | End::Cut(info) => Some(failure(info, exchange.status())),
            End::Broken => broken,
        };
        let came = take(&mut exchange, response);
        match error {
            None => {
                let reply = reply(&mut exchange, Arc::clone(&came), items);
                self.ready.push_back(Ok(ChatEvent::Done(Box::new(reply.clone()))));
                let _at_the_end = Ends::with(ending, Over { came, reply, how: How::Done }, None);
                exchange.settle(Outcome::Done);
            }
            Some(error) => {
                let reply = reply(&mut exchange, without_broken_calls(&came), items);
                let how = How::Failed(error.again());
                let mut at_the_end = Ends::with(ending, Over { came, reply, how }, None);
                let error = exchange.fail(error);
                at_the_end.is_how(How::Failed(error.again()));
                self.ready.push_back(Err(error));
            }
        }
    }

    /// Ends the call as it stands, if it is not over: nobody wants the rest. `is_awaited` if somebody may
    /// ask what it came to. Gives who waits for more.
    pub(super) fn abandon(&mut self, ending: &Ending, is_awaited: bool) -> Option<Waker> {
        let Live { mut exchange, answer, items, clocks: _ } = self.live.take()?;
        self.body = None;
        self.ready.clear();
        // A caller that stops at the last finish reason has the whole answer.
        let is_whole = answer.is_whole();
        let outcome = if is_whole { Outcome::Done } else { Outcome::Abandoned };
        if !is_awaited && !exchange.call.is_seen() {
            exchange.settle(outcome);
            return None;
        }
        let came = take(&mut exchange, answer.so_far());
        if !is_awaited {
            exchange.settle(outcome);
            return self.reader.take();
        }
        let (how, rest) = match is_whole {
            true => (How::Done, Arc::clone(&came)),
            false => (How::Aborted, without_broken_calls(&came)),
        };
        let reply = reply(&mut exchange, rest, items);
        let at_the_end = Ends::with(ending, Over { came, reply, how }, self.reader.take());
        exchange.settle(outcome);
        at_the_end.into_reader()
    }
}

/// Tells what a stream came to once its span has ended, also where somebody else's layer panics at that.
struct Ends<'a> {
    ending: &'a Ending,
    over: Option<Over>,
    reader: Option<Waker>,
}

impl<'a> Ends<'a> {
    fn with(ending: &'a Ending, over: Over, reader: Option<Waker>) -> Self {
        Self { ending, over: Some(over), reader }
    }

    fn is_how(&mut self, how: How) {
        if let Some(over) = &mut self.over {
            over.how = how;
        }
    }

    /// Who waits for more, to be woken by the caller.
    fn into_reader(mut self) -> Option<Waker> {
        self.reader.take()
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if let Some(over) = self.over.take() {
            self.ending.set(over);
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Takes what came into the operation.
fn take(exchange: &mut Exchange, mut response: Response) -> Arc<Response> {
    response.usage.fill_from(exchange.usage());
    let came = Arc::new(response);
    keep(&mut exchange.call, &came);
    came
}

fn reply(exchange: &mut Exchange, came: Arc<Response>, items: Items) -> Reply {
    Reply::new(came, exchange.about_answered()).with_items(items.into_values().collect())
}
