//! One call of a model that another client makes, seen from its bytes.

use super::{
    asked::{LOOK_BYTES, opening, secrets},
    collected::Collected,
    rule::{Target, url},
};
use crate::{
    capture::Recording,
    diagnosis::{self, Finding},
    provider::{
        self, Api, Delta, Limits,
        answer::{self, StreamedAnswer},
    },
    record::{Call, ErrorInfo, Operation, Usage},
    span::{self, deferred, in_flight::InFlight},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// A call under way. Dropped before its end it was abandoned, unless what came was whole.
pub(crate) struct ObservedCall(Option<Box<Watched>>);

pub(super) struct Watched {
    pub(super) in_flight: InFlight,
    pub(super) api: Api,
    pub(super) path: String,
    limit: usize,
    pub(super) by_rule: bool,
    pub(super) sent: Sent,
    pub(super) came: Came,
    /// How many generations make the answer whole.
    expected: u32,
    pub(super) status: Option<u16>,
    pub(super) usage: Usage,
    /// What the request's headers and its query hold that no message may.
    pub(super) secrets: Vec<HeaderValue>,
    /// What came last: it is read when the caller has it.
    pending: Option<Bytes>,
    /// When the last piece came of a stream that has brought no content, since the call began.
    pub(super) arrived: Option<Duration>,
    /// When the last byte came, if it did.
    ended: Option<SystemTime>,
    /// When the last piece came so far.
    pub(super) last_piece: Option<SystemTime>,
}

/// The request's body.
pub(super) enum Sent {
    InMemory(Bytes),
    /// Read as it is sent.
    Streamed(Arc<Mutex<Collected>>),
    /// Above the limit.
    TooLarge,
}

/// The answer's body.
pub(super) enum Came {
    /// No head yet, or nothing that can be read.
    Nothing,
    Whole(Collected),
    /// An answer that is no success.
    Refused(Box<HeaderMap>, Collected),
    Stream {
        answer: Box<StreamedAnswer>,
        /// What came since the first content, to be read later.
        rest: Option<Collected>,
        /// Whether it may be read later.
        is_deferrable: bool,
    },
}

/// How the bytes ended.
pub(super) enum Close {
    /// The body came to its end.
    Whole,
    /// The transport failed.
    Broken(Box<ErrorInfo>),
    /// The caller left.
    Left,
}

impl ObservedCall {
    /// No call at all: everything is passed over.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(
        recording: &Recording,
        limit: usize,
        target: Target,
        headers: &HeaderMap,
        body: Option<&Bytes>,
    ) -> Self {
        if span::is_ruled_out() {
            return Self::none();
        }
        let Target { api, provider, server, is_plain, path, query, by_rule } = target;
        let (call, expected) = opening(api, &path, body.map_or(&[], |body| body));
        let mut operation = Operation::new(api.operation_kind(), call);
        operation.provider = Some(provider);
        operation.api = api.openai_api_type().map(Into::into);
        operation.server = Some(server);
        let mut in_flight = InFlight::start_or_adopt(operation, recording.clone());
        if !in_flight.is_seen() {
            return Self::none();
        }
        let operation = in_flight.operation_mut();
        operation.url = operation.server.as_ref().map(|server| url(server, is_plain, &path));
        let sent = match body {
            Some(body) if body.len() <= limit => Sent::InMemory(body.clone()),
            Some(_) => {
                diagnosis::note(Finding::BodyOverLimit);
                Sent::TooLarge
            }
            None => Sent::Streamed(Arc::new(Mutex::new(Collected::new(limit)))),
        };
        Self(Some(Box::new(Watched {
            in_flight,
            api,
            path,
            limit,
            by_rule,
            sent,
            came: Came::Nothing,
            expected,
            status: None,
            usage: Usage::default(),
            secrets: secrets(headers, query.as_deref()),
            pending: None,
            arrived: None,
            ended: None,
            last_piece: None,
        })))
    }

    /// Whether there is anybody to tell what comes.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Where to tell what is sent, if the request's body is a stream.
    pub(crate) fn sent(&self) -> Option<Arc<Mutex<Collected>>> {
        match &self.0.as_ref()?.sent {
            Sent::Streamed(sent) => Some(Arc::clone(sent)),
            _ => None,
        }
    }

    /// One poll of the client's future, inside the span.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(watched) => watched.in_flight.poll(poll),
            None => poll(),
        }
    }

    /// It is tried again: what came before counts no more.
    pub(crate) fn attempt(&mut self) {
        let Some(watched) = &mut self.0 else { return };
        watched.in_flight.operation_mut().attempts += 1;
        self.discard();
    }

    /// What came is not what becomes of the call.
    pub(crate) fn discard(&mut self) {
        let Some(watched) = &mut self.0 else { return };
        (watched.came, watched.pending, watched.ended) = (Came::Nothing, None, None);
        (watched.status, watched.usage, watched.arrived) = (None, Usage::default(), None);
        let operation = watched.in_flight.operation_mut();
        (operation.http_status, operation.request_id) = (None, None);
    }

    /// The head of the answer came.
    pub(crate) fn head(&mut self, status: u16, headers: &HeaderMap) {
        if let Some(watched) = &mut self.0 {
            watched.head(status, headers);
        }
    }

    /// A piece of the answer's body came. The piece before it is read now.
    pub(crate) fn piece(&mut self, piece: &Bytes) {
        let Some(watched) = &mut self.0 else { return };
        watched.read_pending();
        if watched.awaits_content() {
            watched.arrived = watched.in_flight.elapsed();
        }
        watched.last_piece = Some(SystemTime::now());
        watched.pending = Some(piece.clone());
    }

    /// The caller has what came: a good time to read it.
    pub(crate) fn idle(&mut self) {
        if let Some(watched) = &mut self.0 {
            watched.read_pending();
        }
    }

    /// The last piece came: the call ended now, whenever its body is let go.
    pub(crate) fn came_whole(&mut self) {
        if let Some(watched) = &mut self.0 {
            watched.ended.get_or_insert_with(SystemTime::now);
        }
    }

    /// The body came to its end.
    pub(crate) fn end(&mut self) {
        self.close(Close::Whole);
    }

    /// The transport failed.
    pub(crate) fn fail(&mut self, error: ErrorInfo) {
        self.close(Close::Broken(Box::new(error)));
    }

    fn close(&mut self, close: Close) {
        let Some(mut watched) = self.0.take() else { return };
        watched.read_pending();
        let close = match close {
            // The caller had all of it, and did not ask for the end.
            Close::Left if watched.ended.is_some() => Close::Whole,
            close => close,
        };
        let ended = watched.ended.unwrap_or_else(SystemTime::now);
        if !watched.in_flight.may_settle_later() {
            return watched.settle(close, ended, true);
        }
        let bytes = watched.kept();
        if let Err(work) = deferred::push(bytes, move |read_it| watched.settle(close, ended, read_it)) {
            work(false);
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        // A panic of the program's own, while the client was polled, is told by what is in flight.
        if self.0.as_ref().is_some_and(|watched| watched.in_flight.is_panicking()) {
            return;
        }
        self.close(Close::Left);
    }
}

impl fmt::Debug for ObservedCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ObservedCall").field(&self.0.as_ref().map(|watched| watched.api)).finish()
    }
}

/// How much of an error's body is read.
const ERROR_BYTES: usize = 1 << 20;

impl Watched {
    fn head(&mut self, status: u16, headers: &HeaderMap) {
        self.status = Some(status);
        self.look_at_sent();
        let operation = self.in_flight.operation_mut();
        operation.http_status = Some(status);
        operation.request_id = provider::request_id(self.api, headers);
        let is_compressed = is_compressed(headers);
        if is_compressed {
            diagnosis::note(Finding::CompressedBody);
        }
        if !(200..300).contains(&status) {
            self.in_flight.note_refusal();
            // Of what is compressed the error would have to quote garbage.
            let body = Collected::new(if is_compressed { 0 } else { self.limit.min(ERROR_BYTES) });
            self.came = Came::Refused(Box::new(headers.clone()), body);
            return;
        }
        self.usage = provider::usage_in_headers(self.api, headers);
        if is_compressed {
            return;
        }
        let is_event_stream = answer::is_event_stream(headers);
        let asks_for_stream = match &self.in_flight.operation().call {
            Call::Inference { request, .. } => request.stream,
            _ => false,
        };
        let streamed = (is_event_stream || asks_for_stream)
            .then(|| {
                let limits = Limits::of_text_bytes(self.limit);
                StreamedAnswer::new(self.api, is_event_stream, self.expected, limits)
            })
            .flatten();
        self.came = match streamed {
            Some(answer) => Came::Stream {
                answer: Box::new(answer),
                rest: None,
                is_deferrable: self.in_flight.may_settle_later(),
            },
            None => Came::Whole(Collected::new(self.limit)),
        };
    }

    /// Of a request's body that was a stream: what it asks for, now that it is sent.
    fn look_at_sent(&mut self) {
        let Sent::Streamed(sent) = &self.sent else { return };
        let body = lock(sent).beginning(LOOK_BYTES);
        let (call, expected) = opening(self.api, &self.path, &body);
        self.in_flight.operation_mut().call = call;
        self.expected = expected;
    }

    /// Whether a stream has brought no content yet.
    fn awaits_content(&self) -> bool {
        matches!(self.came, Came::Stream { .. }) && self.in_flight.operation().time_to_first_chunk.is_none()
    }

    /// How many bytes are kept to be read.
    fn kept(&self) -> usize {
        let sent = match &self.sent {
            Sent::InMemory(body) => body.len(),
            Sent::Streamed(sent) => lock(sent).kept(),
            Sent::TooLarge => 0,
        };
        let came = match &self.came {
            Came::Whole(body) | Came::Refused(_, body) | Came::Stream { rest: Some(body), .. } => body.kept(),
            Came::Nothing | Came::Stream { rest: None, .. } => 0,
        };
        sent.saturating_add(came)
    }

    fn read_pending(&mut self) {
        let Some(piece) = self.pending.take() else { return };
        let Self { in_flight, came, arrived, limit, .. } = self;
        let (answer, rest, is_deferrable) = match came {
            Came::Nothing => return,
            Came::Whole(body) | Came::Refused(_, body) => return body.push(&piece),
            Came::Stream { answer, rest, is_deferrable } => (answer, rest, is_deferrable),
        };
        let mut on_delta = |delta: Delta<'_>| note_content(in_flight, *arrived, &delta);
        if let Some(kept) = rest {
            if kept.kept().saturating_add(piece.len()) <= *limit {
                return kept.push(&piece);
            }
            // What may be kept is full: from here on it is read as it comes.
            *is_deferrable = false;
            let kept = mem::replace(kept, Collected::new(0));
            *rest = None;
            kept.into_pieces().iter().for_each(|piece| answer.feed(piece, &mut on_delta));
        }
        answer.feed(&piece, &mut on_delta);
        if *is_deferrable && in_flight.operation().time_to_first_chunk.is_some() {
            *rest = Some(Collected::new(*limit));
        }
    }
}

pub(super) fn lock(sent: &Mutex<Collected>) -> MutexGuard<'_, Collected> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first content of any kind sets the time to first chunk.
pub(super) fn note_content(in_flight: &mut InFlight, arrived: Option<Duration>, delta: &Delta<'_>) {
    if delta.is_content() && in_flight.operation().time_to_first_chunk.is_none() {
        in_flight.operation_mut().time_to_first_chunk = arrived;
    }
}

/// Whether the body is not to be read as it comes.
fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::{
        record::{ErrorKind, Server},
        testing::capture,
    };

    #[test]
    fn nothing_of_an_attempt_is_told_of_the_next() {
        let spans = capture(|| {
            let path = "/model/a-model/converse".to_owned();
            let server = Server { address: "localhost".to_owned(), port: 80 };
            let target = Target {
                api: Api::BedrockConverse,
                provider: "aws.bedrock".into(),
                server,
                is_plain: true,
                path,
                query: None,
                by_rule: false,
            };
            let mut call = ObservedCall::begin(&Recording::default(), 1024, target, &HeaderMap::new(), None);
            let mut headers = HeaderMap::new();
            headers.insert("x-amzn-requestid", HeaderValue::from_static("the first"));
            call.head(503, &headers);
            call.attempt();
            call.fail(ErrorInfo::new(ErrorKind::Connection, "broken"));
        });
        assert_eq!(spans[0].attributes["error.type"], "connection");
        assert_eq!(spans[0].attributes["tracing_genai.attempts"], 2);
        let operation = spans[0].operation.as_deref();
        assert_eq!(operation.and_then(|operation| operation.http_status), None);
        assert_eq!(operation.and_then(|operation| operation.request_id.clone()), None);
    }
}
