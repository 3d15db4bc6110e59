//! What the stand-ins of services that store what they are sent have in common: a log of requests,
//! answers on demand, and waiting.

use super::{
    ReceivedRequest, ServiceAnswer,
    body::{AnyBody, Script, Step},
    gate::Watch,
    loopback::Loopback,
    service_answer::Kind,
    signal::Signal,
};
use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use std::{collections::VecDeque, fmt, io, sync::Arc, time::Duration};

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// What a stand-in did not take, and why.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The number of the request, from 0, in the order of arrival.
    pub request: usize,
    /// The status it was answered with; 200 if the service said nothing of the loss.
    pub status: u16,
    /// The reason in words, for a person to read: it may be worded otherwise in another version.
    pub reason: String,
}

/// What a service does with a request by itself.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// Why something, or all, was not taken.
    pub(super) untaken: Vec<String>,
}

impl Outcome {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        let body = Bytes::from(body.to_string());
        Self { status, content_type: JSON, body, untaken: Vec::new() }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: TEXT,
            body: Bytes::copy_from_slice(body.as_bytes()),
            untaken: Vec::new(),
        }
    }

    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.untaken.push(reason.into());
        self
    }
}

/// What the service has, with the log of what it was asked.
#[derive(Debug, Default)]
pub(super) struct State<T> {
    pub(super) kept: T,
    pub(super) requests: Vec<ReceivedRequest>,
    pub(super) refusals: Vec<Refusal>,
    answers: VecDeque<ServiceAnswer>,
    in_flight: usize,
    most_in_flight: usize,
}

pub(super) struct Service<T> {
    server: Loopback,
    shared: Arc<Signal<State<T>>>,
}

type Take<T> = fn(&mut T, &ReceivedRequest) -> Outcome;

impl<T: Default + Send + 'static> Service<T> {
    pub(super) fn start(name: &str, take: Take<T>) -> io::Result<Self> {
        let shared = Arc::<Signal<State<T>>>::default();
        let for_server = Arc::clone(&shared);
        let server = Loopback::http1(name, move |request| reply(Arc::clone(&for_server), request, take))?;
        Ok(Self { server, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&State<T>) -> R) -> R {
        read(&self.shared.lock())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut T)) {
        self.shared.update(|state| change(&mut state.kept));
    }

    pub(super) fn answer_next(&self, requests: usize, answer: &ServiceAnswer) {
        self.shared.update(|state| state.answers.extend(std::iter::repeat_n(answer.clone(), requests)));
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// Whether a request had `needle` in its path, a header, or its body, zipped or not.
    pub(super) fn saw(&self, needle: &str) -> bool {
        let requests = self.shared.lock().requests.clone();
        requests.iter().any(|request| shows(request, needle.as_bytes()))
    }

    /// Blocks until `holds` or `patience` is over; then what `read` finds.
    pub(super) fn wait<R>(
        &self,
        patience: Duration,
        holds: impl FnMut(&State<T>) -> bool,
        read: impl FnOnce(&State<T>) -> R,
    ) -> R {
        read(&self.shared.block_until(patience, holds))
    }

    /// [`wait`](Self::wait) on a thread of its own.
    pub(super) async fn wait_async<R: Send + 'static>(
        &self,
        patience: Duration,
        holds: impl FnMut(&State<T>) -> bool + Send + 'static,
        read: fn(&State<T>) -> R,
    ) -> R {
        let shared = Arc::clone(&self.shared);
        let waiting = tokio::task::spawn_blocking(move || read(&shared.block_until(patience, holds)));
        match waiting.await {
            Ok(found) => found,
            Err(_) => self.read(read),
        }
    }
}

fn shows(request: &ReceivedRequest, needle: &[u8]) -> bool {
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, needle).is_some();
    has(request.path.as_bytes())
        || has(&request.body)
        || has(&request.unzipped_body())
        || request.headers.iter().any(|(name, value)| has(name.as_str().as_bytes()) || has(value.as_bytes()))
}

/// One request that is not answered yet.
struct InFlight<T>(Arc<Signal<State<T>>>);

impl<T> Drop for InFlight<T> {
    fn drop(&mut self) {
        self.0.update(|state| state.in_flight -= 1);
    }
}

async fn reply<T>(
    shared: Arc<Signal<State<T>>>,
    request: ReceivedRequest,
    take: Take<T>,
) -> io::Result<Response<AnyBody>> {
    let (number, answer) = shared.update(|state| {
        state.requests.push(request.clone());
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        (state.requests.len() - 1, state.answers.pop_front())
    });
    let in_flight = InFlight(Arc::clone(&shared));
    let answer = answer.unwrap_or_else(ServiceAnswer::usual);
    let mut watch = Watch::new(answer.gates.iter().cloned());
    for gate in &answer.gates {
        gate.pass().await;
    }
    let usual = answer.taken.then(|| {
        shared.update(|state| {
            let outcome = take(&mut state.kept, &request);
            let status = outcome.status;
            let refusals = outcome.untaken.iter();
            let refusals = refusals.map(|reason| Refusal { request: number, status, reason: reason.clone() });
            state.refusals.extend(refusals);
            outcome
        })
    });
    drop(in_flight);
    let (status, content_type, body) = match (&answer.kind, usual) {
        (Kind::Usual, Some(usual)) => (usual.status, usual.content_type.to_owned(), usual.body),
        (Kind::Instead { status, content_type, body }, usual) => {
            if usual.is_none() {
                let reason = "answered as the test asked".to_owned();
                shared.update(|state| {
                    state.refusals.push(Refusal { request: number, status: *status, reason });
                });
            }
            (*status, content_type.clone(), body.clone())
        }
        // What is usual is always taken.
        (Kind::HangUp | Kind::Usual, _) => {
            watch.sent();
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "hung up as the test asked"));
        }
    };
    let length = body.len() as u64;
    let script = Script::new([Step::Chunk(body)], Some(length), watch);
    let mut response = Response::new(script.boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(content_type) = content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().extend(answer.headers());
    Ok(response)
}

impl<T> fmt::Debug for Service<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("server", &self.server).finish_non_exhaustive()
    }
}
