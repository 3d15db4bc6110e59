//! Tracia's HTTP API on the loopback interface.

mod evaluation;
mod instant;
mod messages;
mod prompt;
mod prompt_store;
mod read;
mod run;
mod span;

use super::{
    ReceivedRequest, Refusal, ServiceAnswer,
    service::{JSON, Outcome, Service, State},
};
use crate::time::{now_unix_nanos, rfc3339};
use serde_json::{Map, Value, json};
use std::{io, time::Duration};

/// Tracia on 127.0.0.1: takes spans and evaluations as `https://app.tracia.io` does, stores them, and
/// refuses what is not to its rules.
///
/// | Request | Does |
/// |---|---|
/// | `POST /api/v1/spans` | stores a span; a span of the same id is there already: 409 |
/// | `POST /api/v1/spans/{id}/evaluations` | stores an evaluation; no such span: 404 |
/// | `GET /api/v1/spans` | lists the spans, newest first, by the filters of the query |
/// | `GET /api/v1/spans/{id}` | gives one |
/// | `GET /api/v1/prompts` | lists the prompts |
/// | `GET`, `PUT`, `DELETE /api/v1/prompts/{slug}` | gives, changes or deletes one; no such prompt: 404 |
/// | `POST /api/v1/prompts` | stores one; there is one of its slug: 409 |
/// | `POST /api/v1/prompts/{slug}/run` | renders the prompt and stores a span; a variable is missing: 400 |
///
/// The rules of a span are those that Tracia's libraries and documentation show, and this stand-in is
/// strict where the service may be lenient: every key is one that they know and has the type they give it,
/// `spanId` is `sp_` (or, of old, `tr_`) and 16 hex digits, `traceId` `tr_` and 16, a number of tokens or
/// milliseconds is a whole one and not null, `provider` one of the five, `input` has `messages`, or of an
/// embedding `text`. Only `variables`, `output` and `error` may be null. What the service says of a
/// repeated id is not documented: 409 is what it says of other repeated things.
///
/// It is as strict with the rest: a key or a parameter that is not documented, a page of more than 100 spans, or a time
/// without a zone is 400 `INVALID_REQUEST`. A prompt without a slug gets one of its name; other messages than those it
/// has make a new version. A run answers [what the test sets](Self::answer_runs), and calls no model.
///
/// A refused request gets the code and the message as `{"error": {"code", "message"}}`, or, after
/// [`flat_errors`](Self::flat_errors), as `{"code", "message"}`.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::testing::FakeTracia;
///
/// # fn main() -> std::io::Result<()> {
/// let tracia = FakeTracia::start()?;
/// // … export to `tracia.url()` with the key `tracia.api_key()`, make calls, flush …
/// for span in tracia.wait_for_spans(0, Duration::from_secs(5)) {
///     assert_eq!(span["model"], "gpt-4o-mini");
///     assert_eq!(span["status"], "SUCCESS");
/// }
/// assert!(tracia.refusals().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeTracia {
    service: Service<Stored>,
}

/// An evaluation of a span, as Tracia would store it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TraciaEvaluation {
    /// The `spanId` of the span.
    pub span_id: String,
    /// The key of the evaluator: `quality` is the documented one.
    pub evaluator_key: String,
    /// The value: of `quality`, 1 or 0.
    pub value: f64,
    /// The remark, if there is one.
    pub note: Option<String>,
}

#[derive(Debug, Default)]
struct Stored {
    spans: Vec<StoredSpan>,
    evaluations: Vec<TraciaEvaluation>,
    prompts: Vec<prompt_store::StoredPrompt>,
    prompts_made: usize,
    run_answer: Map<String, Value>,
    rendered: Vec<Value>,
    flat_errors: bool,
}

#[derive(Debug)]
struct StoredSpan {
    sent: Value,
    /// In nanoseconds since 1970.
    created: u64,
    /// The prompt and its version, of a run at Tracia.
    prompt: Option<(String, u64)>,
}

impl StoredSpan {
    fn id(&self) -> &str {
        self.sent["spanId"].as_str().unwrap_or_default()
    }

    /// Whether a request brought it.
    fn was_sent(&self) -> bool {
        self.prompt.is_none()
    }
}

impl FakeTracia {
    /// Starts one, on a port that is free.
    ///
    /// # Errors
    ///
    /// When the system refuses the port or the thread.
    pub fn start() -> io::Result<Self> {
        Ok(Self { service: Service::start("fake-tracia", take)? })
    }

    /// The host, `http://127.0.0.1:PORT`, in place of `https://app.tracia.io`; paths begin with `/api/v1`.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// An API key. Any other that begins with `tr_` is accepted as well.
    pub fn api_key(&self) -> &'static str {
        "tr_test"
    }

    /// The spans stored so far as they were sent, in the order of their arrival; those of runs of prompts are not
    /// among them.
    pub fn spans(&self) -> Vec<Value> {
        self.service.read(spans)
    }

    /// Blocks until at least `count` spans are stored, and gives all that are: fewer if `patience` ended
    /// first.
    pub fn wait_for_spans(&self, count: usize, patience: Duration) -> Vec<Value> {
        self.service.wait(patience, |state| spans(state).len() >= count, spans)
    }

    /// [`wait_for_spans`](Self::wait_for_spans) for async tests, under a tokio runtime. It waits on a
    /// thread of its own by the wall clock.
    pub async fn wait_for_spans_async(&self, count: usize, patience: Duration) -> Vec<Value> {
        self.service.wait_async(patience, move |state| spans(state).len() >= count, spans).await
    }

    /// The evaluations stored so far, in the order of their arrival.
    pub fn evaluations(&self) -> Vec<TraciaEvaluation> {
        self.service.read(|state| state.kept.evaluations.clone())
    }

    /// Blocks until at least `count` evaluations are stored, and gives all that are: fewer if `patience`
    /// ended first.
    pub fn wait_for_evaluations(&self, count: usize, patience: Duration) -> Vec<TraciaEvaluation> {
        let enough = |state: &State<Stored>| state.kept.evaluations.len() >= count;
        self.service.wait(patience, enough, |state| state.kept.evaluations.clone())
    }

    /// [`wait_for_evaluations`](Self::wait_for_evaluations) for async tests, under a tokio runtime.
    pub async fn wait_for_evaluations_async(
        &self,
        count: usize,
        patience: Duration,
    ) -> Vec<TraciaEvaluation> {
        let enough = move |state: &State<Stored>| state.kept.evaluations.len() >= count;
        self.service.wait_async(patience, enough, |state| state.kept.evaluations.clone()).await
    }

    /// The prompts there are, as `GET /prompts/{slug}` gives them, in the order in which they were made.
    pub fn prompts(&self) -> Vec<Value> {
        self.service.read(|state| state.kept.prompts.iter().map(prompt_store::StoredPrompt::whole).collect())
    }

    /// The messages of each run so far: the prompt's with its variables filled in, or those that the request gave.
    pub fn rendered(&self) -> Vec<Value> {
        self.service.read(|state| state.kept.rendered.clone())
    }

    /// Answers runs of prompts from now on with these keys, above those that a run has by itself: `text`, `toolCalls`,
    /// `finishReason`, `usage` and the like.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let tracia = tracing_genai::testing::FakeTracia::start()?;
    /// tracia.answer_runs([("text", "Hello, Ann.".into())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer_runs<K: Into<String>>(&self, keys: impl IntoIterator<Item = (K, Value)>) {
        let keys: Map<String, Value> = keys.into_iter().map(|(key, value)| (key.into(), value)).collect();
        self.service.change(|stored| stored.run_answer = keys);
    }

    /// The requests so far, in the order of their arrival, whatever they were answered.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.service.read(|state| state.requests.clone())
    }

    /// Blocks until at least `count` requests came, answered or not, and gives all that did: fewer if
    /// `patience` ended first.
    pub fn wait_for_requests(&self, count: usize, patience: Duration) -> Vec<ReceivedRequest> {
        let enough = |state: &State<Stored>| state.requests.len() >= count;
        self.service.wait(patience, enough, |state| state.requests.clone())
    }

    /// [`wait_for_requests`](Self::wait_for_requests) for async tests, under a tokio runtime.
    pub async fn wait_for_requests_async(&self, count: usize, patience: Duration) -> Vec<ReceivedRequest> {
        let enough = move |state: &State<Stored>| state.requests.len() >= count;
        self.service.wait_async(patience, enough, |state| state.requests.clone()).await
    }

    /// The requests that were refused, and why.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.service.read(|state| state.refusals.clone())
    }

    /// Answers the next so many requests that have no answer yet with this one.
    pub fn answer_next(&self, requests: usize, answer: &ServiceAnswer) {
        self.service.answer_next(requests, answer);
    }

    /// An answer with this status and an error of Tracia's: `UNAUTHORIZED`, `NOT_FOUND`, `CONFLICT`,
    /// `INVALID_REQUEST`, `PROVIDER_ERROR` and others.
    pub fn error(status: u16, code: &str, message: &str) -> ServiceAnswer {
        ServiceAnswer::body(status, JSON, envelope(false, code, message).to_string())
    }

    /// Gives errors from now on as Tracia's documentation writes them, `{"code", "message"}`, not as its
    /// libraries read them.
    pub fn flat_errors(&self) {
        self.service.change(|stored| stored.flat_errors = true);
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

fn spans(state: &State<Stored>) -> Vec<Value> {
    state.kept.spans.iter().filter(|span| span.was_sent()).map(|span| span.sent.clone()).collect()
}

fn envelope(flat: bool, code: &str, message: &str) -> Value {
    let error = json!({"code": code, "message": message});
    if flat { error } else { json!({"error": error}) }
}

/// Why a request is refused.
struct Wrong {
    status: u16,
    code: &'static str,
    message: String,
}

fn invalid(message: impl Into<String>) -> Wrong {
    Wrong { status: 400, code: "INVALID_REQUEST", message: message.into() }
}

fn conflict(message: impl Into<String>) -> Wrong {
    Wrong { status: 409, code: "CONFLICT", message: message.into() }
}

fn not_found(message: impl Into<String>) -> Wrong {
    Wrong { status: 404, code: "NOT_FOUND", message: message.into() }
}

fn take(stored: &mut Stored, request: &ReceivedRequest) -> Outcome {
    match answer(stored, request) {
        Ok(body) => Outcome::json(200, &body),
        Err(Wrong { status, code, message }) => {
            Outcome::json(status, &envelope(stored.flat_errors, code, &message)).because(message)
        }
    }
}

fn answer(stored: &mut Stored, request: &ReceivedRequest) -> Result<Value, Wrong> {
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if !key.is_some_and(|key| key.len() > 3 && key.starts_with("tr_")) {
        let message = "no valid API key after \"Bearer \"".to_owned();
        return Err(Wrong { status: 401, code: "UNAUTHORIZED", message });
    }
    let path = request.route();
    let segments: Option<Vec<String>> =
        path.strip_prefix("/api/v1/").map(|path| path.split('/').map(read::decoded).collect());
    let segments: Vec<&str> = segments.iter().flatten().map(String::as_str).collect();
    match (request.method.as_str(), &*segments) {
        ("POST", ["spans"]) => span::store(stored, &body(request)?),
        ("POST", ["spans", id, "evaluations"]) => evaluation::store(stored, id, &body(request)?),
        ("GET", ["spans"]) => read::list(stored, request),
        (_, _) if request.path.contains('?') => Err(invalid("this takes no query")),
        ("GET", ["spans", id]) => read::one(stored, id),
        ("GET", ["prompts"]) => Ok(prompt::list(stored)),
        ("POST", ["prompts"]) => prompt::create(stored, &body(request)?),
        ("GET", ["prompts", slug]) => prompt::one(stored, slug),
        ("PUT", ["prompts", slug]) => prompt::update(stored, slug, &body(request)?),
        ("DELETE", ["prompts", slug]) => prompt::delete(stored, slug),
        ("POST", ["prompts", slug, "run"]) => run::run(stored, slug, &body(request)?),
        _ => Err(not_found(format!("{} {path} is nothing of Tracia's", request.method))),
    }
}

fn body(request: &ReceivedRequest) -> Result<Value, Wrong> {
    if !request.header("content-type").is_some_and(|value| value.starts_with(JSON)) {
        return Err(invalid("the content type is not application/json"));
    }
    match serde_json::from_slice(&request.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(invalid("the body is no object")),
        Err(error) => Err(invalid(format!("the body is no JSON: {error}"))),
    }
}

fn now() -> String {
    rfc3339(now_unix_nanos())
}

/// Refuses what has another key than these.
fn known_keys(sent: &Value, known: &[&str]) -> Result<(), Wrong> {
    match sent.as_object().into_iter().flatten().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(invalid(format!("{key} is no key of this request"))),
        None => Ok(()),
    }
}
