//! One call with its span: what it sends, what becomes of it.

use super::{
    Client,
    about::About,
    context::{Beginning, CallContext, Ended},
    route::Route,
    session::InSession,
    transport::{Deadline, Transport},
};
use crate::{
    Error,
    provider::Api,
    record::{Call, ErrorKind, Operation, Outcome, Usage},
    span::{SpanRef, in_flight::InFlight},
};
use bytes::Bytes;
use reqwest::Url;
use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

/// A call that is under way.
pub(super) struct Exchange {
    pub(super) call: InFlight,
    pub(super) api: Api,
    transport: Transport,
    route: Arc<Route>,
    started: Instant,
    /// `None` where nobody records it.
    pub(super) span: Option<SpanRef>,
    is_told: bool,
    is_sampled: bool,
    /// Until it is told of the end.
    session: Option<InSession>,
}

impl Exchange {
    /// Opens the span of a call that is about to be sent.
    ///
    /// # Errors
    /// Without a tokio runtime nothing can be sent.
    pub(super) fn start(
        client: Client,
        route: Arc<Route>,
        api: Api,
        url: Url,
        body: Vec<u8>,
        call: Call,
        context: CallContext,
    ) -> Result<Self, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::configuration(
                "a call needs a tokio runtime around it: `#[tokio::main]`, or `block_on` of a runtime built \
                 with `enable_all()`; or `.send_blocking()` of the feature `blocking`",
            ));
        }
        let mut operation = Operation::new(api.operation_kind(), call);
        operation.provider = Some(route.provider_name.clone());
        operation.api = api.openai_api_type().map(Into::into);
        operation.server = Some(route.server.clone());
        let Beginning { at_start, within, place, is_untold, session } = context.begin();
        let recording = client.0.recording.clone();
        let begin = || match is_untold {
            true => InFlight::unseen(operation),
            false => InFlight::start_at(operation, recording, place),
        };
        let started = Instant::now();
        let mut call = match &at_start {
            Some(scope) => scope.in_scope(begin),
            None => begin(),
        };
        call.set_scope(within);
        let (span, is_sampled) = (call.span_ref(), call.is_sampled());
        if call.is_seen() {
            // Credentials are refused in a base address.
            let url = url.as_str().split(['?', '#']).next();
            call.operation_mut().url = url.map(str::to_owned);
        }
        let transport = Transport::new(client, Arc::clone(&route), api, url, body.into());
        let transport = if is_untold { transport.untold() } else { transport };
        Ok(Self { call, api, transport, route, started, span, is_told: !is_untold, is_sampled, session })
    }

    /// Sends the request and reads the whole answer, `timeout` in all.
    pub(super) async fn whole(&mut self, timeout: Duration) -> Result<Bytes, Error> {
        let body = self.call.run(self.transport.whole(Deadline::after(timeout))).await;
        self.note_head();
        body
    }

    /// Sends the request and waits for the head of a success, `timeout` in all.
    pub(super) async fn head(&mut self, timeout: Duration) -> Result<reqwest::Response, Error> {
        let answer = self.call.run(self.transport.head(Deadline::after(timeout))).await;
        self.note_head();
        answer
    }

    /// Sends a request for each of these bodies, some at a time, and reads the answers, `timeout` in all. The
    /// first failure ends it.
    pub(super) async fn each(
        &mut self,
        bodies: Vec<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Vec<(Bytes, Usage)>, Error> {
        let deadline = Deadline::after(timeout);
        let mut transports: Vec<_> =
            bodies.into_iter().map(|body| self.transport.with_body(body.into())).collect();
        let requests = transports.iter_mut().map(|transport| transport.whole(deadline));
        let answers = self.call.run(bounded(AT_ONCE, requests)).await;
        let usages: Vec<_> = transports.iter().map(|transport| transport.usage.clone()).collect();
        // The one that failed, or the first, stands for all.
        let speaker = answers.as_ref().err().map_or(0, |(place, _)| *place);
        if speaker < transports.len() {
            self.transport = transports.swap_remove(speaker);
        }
        self.note_head();
        answers.map(|answers| answers.into_iter().zip(usages).collect()).map_err(|(_, error)| error)
    }

    /// What the caller may know of the call, up to now.
    pub(super) fn about(&self) -> About {
        let operation = self.call.operation();
        About {
            span: self.span,
            is_told: self.is_told,
            marks: operation.marks.clone(),
            provider: self.route.provider_name.clone(),
            requested_model: operation.request_model().unwrap_or_default().into(),
            latency: self.started.elapsed(),
            request_id: None,
        }
    }

    /// [`about`](Self::about) a call whose answer is there, to be given with it.
    pub(super) fn about_answered(&mut self) -> About {
        // The operation has a copy.
        let request_id = self.transport.request_id.take();
        About { request_id, ..self.about() }
    }

    /// Ends the call.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        let is_done = outcome == Outcome::Done;
        self.call.settle(outcome);
        self.tell_session(is_done);
    }

    fn tell_session(&mut self, is_done: bool) {
        let Some(session) = self.session.take() else { return };
        session.end(&Ended { about: &self.about(), is_done, is_told: self.is_sampled });
    }

    /// The status of the answer, if its head came.
    pub(super) fn status(&self) -> Option<u16> {
        self.call.operation().http_status
    }

    /// What the headers of the answer say of its usage.
    pub(super) fn usage(&self) -> &Usage {
        &self.transport.usage
    }

    /// Ends a call that failed. Its error learns what the call knows, and forgets the key.
    pub(super) fn fail(&mut self, mut error: Error) -> Error {
        let info = error.info_mut();
        let operation = self.call.operation_mut();
        // Whichever tells: the answer's head or its body.
        match (&info.request_id, &operation.request_id) {
            (None, Some(_)) => info.request_id.clone_from(&operation.request_id),
            (Some(_), None) => operation.request_id.clone_from(&info.request_id),
            _ => {}
        }
        if matches!(info.kind, ErrorKind::Timeout | ErrorKind::Connection) {
            info.http_status = info.http_status.or(operation.http_status);
        }
        if info.kind == ErrorKind::Connection && operation.http_status.is_none() {
            let server = &self.route.server;
            info.message = format!("{}:{}: {}", server.address, server.port, info.message);
        }
        if self.transport.attempts > 1 {
            info.message = format!("{} (tried {} times)", info.message, self.transport.attempts);
        }
        self.transport.forget_key(info);
        if self.call.is_seen() {
            self.call.settle(Outcome::Failed(Box::new(info.clone())));
        }
        self.tell_session(false);
        error
    }

    /// Takes what the transport knows of the answer into the operation.
    fn note_head(&mut self) {
        if !self.call.is_open() {
            return;
        }
        let operation = self.call.operation_mut();
        operation.attempts = self.transport.attempts;
        operation.http_status = self.transport.status;
        operation.request_id.clone_from(&self.transport.request_id);
    }
}

/// How many requests of one call are under way at a time.
const AT_ONCE: usize = 8;

/// Runs `work`, so many at a time, and gives what came in its order; the first failure ends it and tells its
/// place.
async fn bounded<T, E>(
    at_once: usize,
    work: impl Iterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<Vec<T>, (usize, E)> {
    let mut waiting = work.enumerate();
    let (mut running, mut done) = (Vec::new(), Vec::new());
    poll_fn(move |context| {
        loop {
            while running.len() < at_once {
                let Some((place, next)) = waiting.next() else { break };
                running.push((place, Box::pin(next)));
            }
            let before = running.len();
            let mut still = Vec::with_capacity(before);
            for (place, mut one) in running.drain(..) {
                match one.as_mut().poll(context) {
                    Poll::Ready(Ok(came)) => done.push((place, came)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err((place, error))),
                    Poll::Pending => still.push((place, one)),
                }
            }
            running = still;
            if running.is_empty() && waiting.size_hint().1 == Some(0) {
                done.sort_by_key(|(place, _)| *place);
                return Poll::Ready(Ok(done.drain(..).map(|(_, came)| came).collect()));
            }
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await
}

impl Drop for Exchange {
    /// A call that is abandoned says how far it came.
    fn drop(&mut self) {
        self.note_head();
        self.tell_session(false);
    }
}
