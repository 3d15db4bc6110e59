//! PostHog's ingestion of AI events on the loopback interface.

mod capture;
mod errors;
mod event_type;
mod fan_out;
mod json;
mod mapping;
mod messages;
mod normalize;
mod otlp;

use super::{
    ReceivedRequest, Refusal, ServiceAnswer,
    service::{JSON, Outcome, Service},
};
use crate::time::now_unix_nanos;
use serde_json::{Map, Value};
use std::{collections::HashSet, io, time::Duration};

/// PostHog on 127.0.0.1: takes AI events over OTLP and by the capture API under the rules and limits of
/// the real service, and shows the events it would store.
///
/// | Path | Takes |
/// |---|---|
/// | `/i/v0/ai/otel` | OTLP traces, protobuf or JSON, plain or gzip |
/// | `/i/v0/e/`, `/e/`, `/capture/`, `/track/` | one event, 2 MiB at most |
/// | `/batch/` | events, 20 MiB at most, 983 040 bytes at most for each AI event |
/// | `/i/v0/ai/batch/` | AI events, 20 MiB at most, 8 MiB at most each |
///
/// Over OTLP it does as PostHog does, which differs from an OTLP receiver:
///
/// - a request is taken whole or not at all: over 4 MiB, on the wire or unzipped, it answers 413; over
///   1000 spans or 100 AI spans, 400;
/// - a span without an attribute whose key says it is of AI (`gen_ai.…` and some of other libraries) is
///   dropped with status 200, and [`refusals`](Self::refusals) has it;
/// - the token is a bearer's; a token that is not in the form of one is 401, one that does not begin with
///   `phc_` belongs to no project: 200, and nothing stored;
/// - the answer is `{}`, JSON even to protobuf; nothing is deduplicated.
///
/// The events are those after PostHog's own mapping of attributes to `$ai_*` properties: names, messages,
/// tokens, latency, errors, ids. Not rebuilt are its prices, its anonymization of messages of errors to the
/// letter ([`$ai_error_normalized`](PostHogEvent::properties) has uuids and numbers replaced, no more), and
/// what it adds for spans of some other libraries: [`PostHogEvent::middleware`] says when it would.
/// Where PostHog is in transition this is the older state, in which `gen_ai.conversation.id` is no session.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::testing::FakePostHog;
///
/// # fn main() -> std::io::Result<()> {
/// let posthog = FakePostHog::start()?;
/// // … export to `posthog.url()` with the key `posthog.project_key()`, make calls, flush …
/// for event in posthog.wait_for_events(0, Duration::from_secs(5)) {
///     assert_eq!(event.name, "$ai_generation");
///     assert_eq!(event.properties["$ai_model"], "gpt-4o-mini");
/// }
/// assert!(posthog.refusals().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakePostHog {
    service: Service<Events>,
}

/// An event as PostHog would store it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PostHogEvent {
    /// The name: `$ai_generation`, `$ai_embedding`, `$ai_span`, `$ai_trace` and so on.
    pub name: String,
    /// Whose event it is. Over OTLP without a user, one random UUID for each request.
    pub distinct_id: String,
    /// The properties, `$ai_*` and others.
    pub properties: Map<String, Value>,
    /// When it was, RFC 3339. Over OTLP the start of the span in UTC; of a capture as it was sent; the
    /// time of arrival if there is neither.
    pub timestamp: String,
    /// The id of the event: that of the sender, or one made on arrival. Over OTLP always the latter.
    pub uuid: String,
    /// The project key it was sent with.
    pub project_key: String,
    /// The library whose mapping PostHog would have applied beside the general one, because of the key of
    /// an attribute: `pydantic-ai`, `traceloop` or `vercel-ai`. `None` is what spans of the conventions
    /// should get.
    pub middleware: Option<&'static str>,
}

/// What is stored.
#[derive(Debug, Default)]
struct Events {
    events: Vec<PostHogEvent>,
    /// By the key of the project.
    uuids: HashSet<(String, String)>,
    made: u64,
}

impl FakePostHog {
    /// Starts one, on a port that is free.
    ///
    /// # Errors
    ///
    /// When the system refuses the port or the thread.
    pub fn start() -> io::Result<Self> {
        Ok(Self { service: Service::start("fake-posthog", take)? })
    }

    /// The host, `http://127.0.0.1:PORT`, in place of `https://us.i.posthog.com`.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// A project key. Any other that begins with `phc_` is accepted as well.
    pub fn project_key(&self) -> &'static str {
        "phc_test"
    }

    /// The events stored so far, in the order of their arrival.
    pub fn events(&self) -> Vec<PostHogEvent> {
        self.service.read(|state| state.kept.events.clone())
    }

    /// Blocks until at least `count` events are stored, and gives all that are: fewer if `patience` ended
    /// first.
    pub fn wait_for_events(&self, count: usize, patience: Duration) -> Vec<PostHogEvent> {
        let enough = |state: &super::service::State<Events>| state.kept.events.len() >= count;
        self.service.wait(patience, enough, |state| state.kept.events.clone())
    }

    /// [`wait_for_events`](Self::wait_for_events) for async tests, under a tokio runtime. It waits on a
    /// thread of its own by the wall clock.
    pub async fn wait_for_events_async(&self, count: usize, patience: Duration) -> Vec<PostHogEvent> {
        let enough = move |state: &super::service::State<Events>| state.kept.events.len() >= count;
        self.service.wait_async(patience, enough, |state| state.kept.events.clone()).await
    }

    /// The requests so far, in the order of their arrival, whatever they were answered.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.service.read(|state| state.requests.clone())
    }

    /// Blocks until at least `count` requests came, answered or not, and gives all that did: fewer if
    /// `patience` ended first.
    pub fn wait_for_requests(&self, count: usize, patience: Duration) -> Vec<ReceivedRequest> {
        let enough = |state: &super::service::State<Events>| state.requests.len() >= count;
        self.service.wait(patience, enough, |state| state.requests.clone())
    }

    /// [`wait_for_requests`](Self::wait_for_requests) for async tests, under a tokio runtime.
    pub async fn wait_for_requests_async(&self, count: usize, patience: Duration) -> Vec<ReceivedRequest> {
        let enough = move |state: &super::service::State<Events>| state.requests.len() >= count;
        self.service.wait_async(patience, enough, |state| state.requests.clone()).await
    }

    /// What was not stored, and why: requests that were refused, and, with the status 200 as the sender
    /// got it, what PostHog drops without a word.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.service.read(|state| state.refusals.clone())
    }

    /// Answers the next so many requests that have no answer yet with this one.
    pub fn answer_next(&self, requests: usize, answer: &ServiceAnswer) {
        self.service.answer_next(requests, answer);
    }

    /// The answer over OTLP once the quota is used up: 400, so that exporters do not try again.
    pub fn quota_exceeded() -> ServiceAnswer {
        ServiceAnswer::body(400, JSON, r#"{"error":"quota exceeded"}"#)
    }

    /// Whether any request so far had this text in its path, a header, or its body, zipped or not: for
    /// tests of what must not leave the process.
    pub fn saw(&self, text: &str) -> bool {
        self.service.saw(text)
    }

    /// The most requests there were at one time without an answer. Without a
    /// [gate](ServiceAnswer::held) each is answered at once.
    pub fn most_at_once(&self) -> usize {
        self.service.most_in_flight()
    }
}

fn take(events: &mut Events, request: &ReceivedRequest) -> Outcome {
    let take: fn(&mut Events, &ReceivedRequest) -> Outcome = match request.route() {
        "/i/v0/ai/otel" | "/i/v0/ai/otel/" => otlp::take,
        path => match capture::Endpoint::of(path) {
            Some(_) => capture::take,
            None => return Outcome::text(404, "").because(format!("{path} is no path of PostHog")),
        },
    };
    if request.method != http::Method::POST {
        return Outcome::text(405, "").because(format!("{} where POST is asked for", request.method));
    }
    take(events, request)
}

impl Events {
    /// Stores an event, unless its project has one of the same id already.
    fn store(&mut self, event: PostHogEvent) -> Result<(), String> {
        if !event.project_key.starts_with("phc_") {
            return Err("the token is of no project".to_owned());
        }
        if !self.uuids.insert((event.project_key.clone(), event.uuid.clone())) {
            return Err(format!("an event {} is there already", event.uuid));
        }
        self.events.push(event);
        Ok(())
    }

    /// A UUID, version 7 in form: the time and a count, so two are never the same.
    fn new_uuid(&mut self) -> String {
        self.made += 1;
        let millis = now_unix_nanos() / 1_000_000;
        let (high, low) = (millis >> 16 & 0xffff_ffff, millis & 0xffff);
        format!("{high:08x}-{low:04x}-7000-8000-{:012x}", self.made)
    }
}

/// Whether PostHog takes a token for one, known to it or not.
fn well_formed(token: &str) -> bool {
    !token.is_empty() && token.is_ascii() && token.len() <= 64 && !token.starts_with("phx_")
}

/// How the body of a request cannot be read: the status and why.
type Unreadable = (u16, String);

/// The body without its gzip, `limit` bytes at most.
fn unzip(body: &[u8], limit: usize) -> Result<Vec<u8>, Unreadable> {
    use std::io::Read as _;
    let mut unzipped = Vec::new();
    // One byte more tells too long from just as long.
    let reader = flate2::read::MultiGzDecoder::new(body).take(limit as u64 + 1);
    let read = { reader }.read_to_end(&mut unzipped);
    read.map_err(|error| (400, format!("the gzip is broken: {error}")))?;
    if unzipped.len() > limit {
        return Err((413, format!("over {limit} bytes unzipped")));
    }
    Ok(unzipped)
}
