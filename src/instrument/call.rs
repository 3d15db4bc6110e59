//! One call of a model that another client makes, seen from its bytes.

use super::{
    collected::{Collected, members},
    rule::Target,
};
use crate::{
    capture::{ContentCapture, redact},
    diagnosis::{self, Finding},
    provider::{
        self, Api, Delta, Limits,
        answer::{self, End, StreamedAnswer},
    },
    record::{
        Call, EmbeddingsRequest, ErrorInfo, ErrorKind, Operation, OperationKind, Outcome, Request, Usage,
    },
    span::{deferred, in_flight::InFlight},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, CONTENT_ENCODING},
};
use serde_json::Value;
use std::{
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// A call under way. Dropped before its end it was abandoned, unless what came was whole.
pub(crate) struct ObservedCall(Option<Box<Watched>>);

struct Watched {
    in_flight: InFlight,
    api: Api,
    path: String,
    limit: usize,
    by_rule: bool,
    sent: Sent,
    came: Came,
    /// How many generations make the answer whole.
    expected: u32,
    status: Option<u16>,
    usage: Usage,
    /// What the request's headers hold that no message may.
    secrets: Vec<HeaderValue>,
    /// What came last: it is read when the caller has it.
    pending: Option<Bytes>,
    /// When the last piece came of a stream that has brought no content, since the call began.
    arrived: Option<Duration>,
    /// When the last byte came, if it did.
    ended: Option<SystemTime>,
}

/// The request's body.
enum Sent {
    InMemory(Bytes),
    /// Read as it is sent.
    Streamed(Arc<Mutex<Collected>>),
    /// Above the limit.
    TooLarge,
}

/// The answer's body.
enum Came {
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
enum Close {
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
        content: &ContentCapture,
        limit: usize,
        target: Target,
        headers: &HeaderMap,
        body: Option<&Bytes>,
    ) -> Self {
        let Target { api, provider, server, path, by_rule } = target;
        let (call, expected) = opening(api, &path, body.map_or(&[], |body| body));
        let mut operation = Operation::new(api.operation_kind(), call);
        operation.provider = Some(provider);
        operation.api = api.openai_api_type().map(Into::into);
        operation.server = Some(server);
        let in_flight = InFlight::start_or_adopt(operation, content.clone());
        if !in_flight.is_seen() {
            return Self::none();
        }
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
            secrets: secrets(headers),
            pending: None,
            arrived: None,
            ended: None,
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
        watched.pending = Some(piece.clone());
    }

    /// Nothing is there to be passed on: a good time to read what was.
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

/// How much of a request is looked through before it is sent.
const LOOK_BYTES: usize = 256 << 10;
/// How much of an error's body is read.
const ERROR_BYTES: usize = 1 << 20;

impl Watched {
    fn head(&mut self, status: u16, headers: &HeaderMap) {
        self.status = Some(status);
        let operation = self.in_flight.operation_mut();
        operation.http_status = Some(status);
        operation.request_id = provider::request_id(self.api, headers);
        if !(200..300).contains(&status) {
            let body = Collected::new(self.limit.min(ERROR_BYTES));
            self.came = Came::Refused(Box::new(headers.clone()), body);
            return;
        }
        self.usage = provider::usage_in_headers(self.api, headers);
        if is_compressed(headers) {
            diagnosis::note(Finding::CompressedBody);
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

    /// Whether a stream has brought no content yet.
    fn awaits_content(&self) -> bool {
        matches!(self.came, Came::Stream { .. }) && self.in_flight.operation().time_to_first_chunk.is_none()
    }

    /// How many bytes are kept to be read.
    fn kept(&self) -> usize {
        let sent = match &self.sent {
            Sent::InMemory(body) => body.len(),
            Sent::Streamed(_) | Sent::TooLarge => 0,
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

    /// Ends the span as of `ended`, with what the bodies tell if they are to be read.
    fn settle(mut self: Box<Self>, close: Close, ended: SystemTime, read_it: bool) {
        if read_it {
            self.read_request();
        }
        let outcome = match mem::replace(&mut self.came, Came::Nothing) {
            Came::Refused(headers, body) => {
                let status = self.status.unwrap_or_default();
                self.failed(provider::read_error(self.api, status, &headers, &body.into_bytes()))
            }
            Came::Stream { answer, rest, .. } if read_it => self.read_stream(*answer, rest, close),
            Came::Whole(body) if read_it && matches!(close, Close::Whole) => self.read_whole(body),
            _ => match close {
                Close::Whole => Outcome::Done,
                Close::Broken(info) => self.failed(*info),
                Close::Left => Outcome::Abandoned,
            },
        };
        self.in_flight.settle_at(outcome, ended);
    }

    fn read_request(&mut self) {
        let body = match mem::replace(&mut self.sent, Sent::TooLarge) {
            Sent::InMemory(body) => body,
            Sent::Streamed(sent) => {
                let sent = mem::replace(
                    &mut *sent.lock().unwrap_or_else(PoisonError::into_inner),
                    Collected::new(0),
                );
                if sent.is_cut() {
                    diagnosis::note(Finding::BodyOverLimit);
                }
                sent.into_bytes()
            }
            Sent::TooLarge => return,
        };
        match provider::read_request(self.api, &self.path, &body) {
            Some(call) => self.in_flight.operation_mut().call = call,
            None if self.by_rule => diagnosis::note(Finding::RuleMatchedOther),
            None => diagnosis::note(Finding::UnreadableBody),
        }
    }

    fn read_stream(&mut self, mut answer: StreamedAnswer, rest: Option<Collected>, close: Close) -> Outcome {
        let (in_flight, arrived) = (&mut self.in_flight, self.arrived);
        let mut on_delta = |delta: Delta<'_>| note_content(in_flight, arrived, &delta);
        for piece in rest.map(Collected::into_pieces).unwrap_or_default() {
            answer.feed(&piece, &mut on_delta);
        }
        let broken = match close {
            // A caller that stops at the last finish reason has the whole answer.
            Close::Left if !answer.is_whole() && !answer.is_over() => {
                self.keep(Call::with_response(answer.so_far()));
                return Outcome::Abandoned;
            }
            Close::Left => None,
            Close::Whole => {
                answer.end_of_body(&mut on_delta);
                None
            }
            Close::Broken(info) => Some(*info),
        };
        let (response, end) = answer.conclude(broken.is_some(), &mut on_delta);
        self.keep(Call::with_response(response));
        match (end, broken) {
            (End::Done, _) => {
                let usage = self.in_flight.operation().usage();
                if usage.is_none_or(|usage| usage.input_tokens.is_none() && usage.output_tokens.is_none()) {
                    diagnosis::note(Finding::StreamWithoutUsage);
                }
                Outcome::Done
            }
            (End::Told(info) | End::Cut(info), _) | (End::Broken, Some(info)) => self.failed(info),
            (End::Unread(_), _) | (End::Broken, None) => unreadable(),
        }
    }

    fn read_whole(&mut self, body: Collected) -> Outcome {
        let is_cut = body.is_cut();
        if is_cut {
            diagnosis::note(Finding::BodyOverLimit);
        }
        let body = body.into_bytes();
        let (call, end) = if self.api.operation_kind() == OperationKind::Embeddings {
            match provider::read_embeddings(self.api, &body, false) {
                Ok(embeddings) => (Call::with_embeddings(embeddings), End::Done),
                Err(info) => match provider::response_error(self.api, &body) {
                    Some(told) => (Call::with_embeddings(Default::default()), End::Told(told)),
                    None => (Call::with_embeddings(Default::default()), End::Unread(info)),
                },
            }
        } else {
            let (response, end) = answer::read_whole(self.api, &body);
            (Call::with_response(response), end)
        };
        self.keep(call);
        match end {
            End::Told(info) | End::Cut(info) => self.failed(info),
            End::Unread(_) if !is_cut => unreadable(),
            End::Unread(_) | End::Done | End::Broken => Outcome::Done,
        }
    }

    /// Puts what came into the operation, with what the headers told of its usage.
    fn keep(&mut self, came: Call) {
        match (&mut self.in_flight.operation_mut().call, came) {
            (Call::Inference { response, .. }, Call::Inference { response: came, .. }) => {
                *response = came;
                if self.usage != Usage::default() {
                    Arc::make_mut(response).usage.fill_from(&self.usage);
                }
            }
            (Call::Embeddings { response, .. }, Call::Embeddings { response: came, .. }) => {
                *response = came;
                response.usage.fill_from(&self.usage);
            }
            _ => {}
        }
    }

    /// The failure, with what the call knows of it and without the key.
    fn failed(&mut self, mut info: ErrorInfo) -> Outcome {
        let operation = self.in_flight.operation_mut();
        match (&info.request_id, &operation.request_id) {
            (None, Some(_)) => info.request_id.clone_from(&operation.request_id),
            (Some(_), None) => operation.request_id.clone_from(&info.request_id),
            _ => {}
        }
        if matches!(info.kind, ErrorKind::Timeout | ErrorKind::Connection) {
            info.http_status = info.http_status.or(self.status);
        }
        for secret in self.secrets.iter().filter_map(|secret| secret.to_str().ok()) {
            redact::forget(secret.strip_prefix("Bearer ").unwrap_or(secret), &mut info);
        }
        Outcome::Failed(Box::new(info))
    }
}

/// An answer that came well and is not what its address promises is no failure of the call.
fn unreadable() -> Outcome {
    diagnosis::note(Finding::UnreadableBody);
    Outcome::Done
}

/// The first content of any kind sets the time to first chunk.
fn note_content(in_flight: &mut InFlight, arrived: Option<Duration>, delta: &Delta<'_>) {
    if delta.is_content() && in_flight.operation().time_to_first_chunk.is_none() {
        in_flight.operation_mut().time_to_first_chunk = arrived;
    }
}

/// What is known of a call before it is made, and how many generations it asks for.
fn opening(api: Api, path: &str, body: &[u8]) -> (Call, u32) {
    let (mut model, mut stream, mut count) = (None, false, None);
    members(body.get(..LOOK_BYTES).unwrap_or(body), &mut |name, value| match (name, value) {
        ("model", Value::String(name)) => model = Some(name),
        ("stream", Value::Bool(streams)) => stream = streams,
        ("n", Value::Number(choices)) => count = choices.as_u64().and_then(|count| count.try_into().ok()),
        _ => {}
    });
    let model = model.or_else(|| provider::model_in_path(path));
    if api.operation_kind() == OperationKind::Embeddings {
        let request = Box::new(EmbeddingsRequest { model, ..Default::default() });
        return (Call::Embeddings { request, response: Box::default() }, 1);
    }
    let stream = stream || api.is_stream_path(path);
    let request = Request { model, stream, choice_count: count, ..Default::default() };
    let expected = answer::expected_choices(api, &request);
    (Call::Inference { request: Box::new(request), response: Arc::default() }, expected)
}

/// Whether the body is not to be read as it comes.
fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The keys among a request's headers.
fn secrets(headers: &HeaderMap) -> Vec<HeaderValue> {
    [AUTHORIZATION.as_str(), "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"]
        .iter()
        .filter_map(|name| headers.get(*name).cloned())
        .collect()
}

/// `body` with `include_usage`, if it asks for a stream of OpenAI's chat completions and does not say whether
/// it wants the usage.
pub(super) fn with_stream_usage(api: Api, body: &[u8]) -> Option<Bytes> {
    #[derive(serde::Deserialize)]
    struct Asked<'a> {
        #[serde(default)]
        stream: bool,
        #[serde(borrow)]
        stream_options: Option<&'a serde_json::value::RawValue>,
    }
    if api != Api::OpenAiChat {
        return None;
    }
    let asked: Asked<'_> = serde_json::from_slice(body).ok()?;
    if !asked.stream || asked.stream_options.is_some() {
        return None;
    }
    let end = memchr::memrchr(b'}', body)?;
    let mut altered = body.get(..end)?.to_vec();
    altered.extend_from_slice(br#","stream_options":{"include_usage":true}}"#);
    Some(altered.into())
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::{record::Server, testing::capture};

    #[test]
    fn nothing_of_an_attempt_is_told_of_the_next() {
        let spans = capture(|| {
            let path = "/model/a-model/converse".to_owned();
            let server = Server { address: "localhost".to_owned(), port: 80 };
            let target = Target {
                api: Api::BedrockConverse,
                provider: "aws.bedrock".into(),
                server,
                path,
                by_rule: false,
            };
            let mut call = ObservedCall::begin(&ContentCapture::off(), 1024, target, &HeaderMap::new(), None);
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
