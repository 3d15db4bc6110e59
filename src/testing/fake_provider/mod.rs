//! A provider on the loopback interface that answers as the real ones do.

mod answer;
mod anthropic;
mod azure;
mod bedrock;
mod bedrock_embeddings;
mod bedrock_invoke;
mod bedrock_streams;
mod chat;
mod embeddings;
mod endpoint;
mod google;
mod google_embeddings;
mod openai;
mod prompt;
mod render;
mod responses;
mod urls;
mod voyage;

pub use answer::Answer;

use super::{
    ReceivedRequest,
    body::{AnyBody, Script, Step},
    gate::Watch,
    loopback::Loopback,
};
use answer::{Content, Point};
use endpoint::Endpoint;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use render::Rendered;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A provider on 127.0.0.1 that answers as the real ones do, for tests that need neither a key nor a
/// network. Which of them it is, the path of a request says:
///
/// | Provider | Address | Endpoints |
/// |---|---|---|
/// | OpenAI | [`base_url`](Self::base_url) | chat completions, responses, embeddings, models |
/// | Azure OpenAI | [`azure_url`](Self::azure_url) | chat completions and embeddings of a deployment |
/// | Anthropic | [`anthropic_url`](Self::anthropic_url) | messages |
/// | Gemini API | [`google_url`](Self::google_url) | `generateContent`, `streamGenerateContent`, `embedContent`, `batchEmbedContents` |
/// | Vertex AI | [`vertex_url`](Self::vertex_url) | the same, and `predict` for embeddings |
/// | Voyage AI | [`voyage_url`](Self::voyage_url) | embeddings |
/// | Amazon Bedrock | [`bedrock_url`](Self::bedrock_url) | `Converse`, `ConverseStream`; `InvokeModel` and its stream for Claude, Nova, Llama, and Cohere's and Titan's embeddings |
/// | Mistral | [`mistral_url`](Self::mistral_url) | chat completions and embeddings, as OpenAI's |
/// | Cohere | [`cohere_url`](Self::cohere_url) | chat completions and embeddings, as OpenAI's |
///
/// Without being told anything it
///
/// - repeats what the user said, in one piece or streamed, calls the first tool that is offered with
///   arguments after its schema, tells what a tool returned, and honours the limits of tokens, the
///   number of choices, the format of the answer and the choice of a tool;
/// - embeds texts as unit vectors that depend on the input alone, in as many dimensions as asked for;
/// - gives the provider's errors for a wrong path, no key, a model whose name begins with `no-such`,
///   for what is not JSON, and for what lacks something required.
///
/// Answers are the same in every run: a token is a word, ids are counted, times stand still.
/// [`enqueue`](Self::enqueue) makes it say something else.
///
/// It has a thread of its own, so it serves blocking clients, current-thread runtimes and tests
/// with a paused clock alike. It goes when it is dropped, its connections with it.
///
/// ```
/// use tracing_genai::testing::{Answer, FakeProvider};
///
/// # fn main() -> std::io::Result<()> {
/// let provider = FakeProvider::start()?;
/// provider.enqueue(Answer::text("Bonjour."));
/// // … point the client under test at `provider.base_url()`, make a call …
/// for request in provider.requests() {
///     assert_eq!(request.json()["model"], "gpt-4o-mini");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeProvider {
    server: Loopback,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    requests: Vec<ReceivedRequest>,
    answers: VecDeque<Answer>,
}

impl FakeProvider {
    /// Starts one, on a port that is free.
    ///
    /// # Errors
    ///
    /// When the system refuses the port or the thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let for_server = Arc::clone(&shared);
        let server = Loopback::http1("fake-provider", move |request| {
            let shared = Arc::clone(&for_server);
            async move {
                let (number, answer) = shared.receive(&request);
                reply(answer, &request, number).await
            }
        })?;
        Ok(Self { server, shared })
    }

    /// Answers the next request that has no answer yet with this one.
    ///
    /// An answer that is made to fit its request waits for one that gets no error by itself.
    pub fn enqueue(&self, answer: Answer) {
        self.shared.lock().answers.push_back(answer);
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.lock().requests.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the request; its number and the answer it gets.
    fn receive(&self, request: &ReceivedRequest) -> (usize, Answer) {
        let usual = endpoint::refusal(request)
            .map_or_else(Answer::usual, |(status, error)| Answer::new(Content::Error(status, error)));
        let generates = Endpoint::of(request).is_some_and(|endpoint| endpoint.generates());
        let mut state = self.lock();
        state.requests.push(request.clone());
        let number = state.requests.len();
        let fits = state
            .answers
            .front()
            .is_some_and(|next| next.is_verbatim() || (!usual.is_verbatim() && generates));
        let answer = if fits { state.answers.pop_front() } else { None };
        (number, answer.unwrap_or(usual))
    }
}

async fn reply(answer: Answer, request: &ReceivedRequest, number: usize) -> io::Result<Response<AnyBody>> {
    let mut watch = Watch::new(answer.gates());
    for gate in answer.gates_at(Point::Head) {
        gate.pass().await;
    }
    let rendered = match &answer.content {
        // Ends when the client leaves: then this future is dropped.
        Content::Never => std::future::pending().await,
        Content::Drop => {
            watch.sent();
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "dropped as the test asked"));
        }
        _ => render::render(&answer, request, number),
    };
    let headers = match headers(&rendered, &answer) {
        Ok(headers) => headers,
        Err(error) => return Ok(impossible(&error)),
    };
    let Ok(status) = http::StatusCode::from_u16(rendered.status) else {
        return Ok(impossible(&format!("{} is no status", rendered.status)));
    };
    let length = rendered
        .whole
        .then(|| rendered.chunks.iter().map(|chunk| chunk.len() as u64).sum())
        .filter(|_| answer.close_after.is_none());
    let script = Script::new(steps(rendered.chunks, &answer), length, watch);
    let mut response = Response::new(script.boxed_unsync());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn steps(chunks: Vec<bytes::Bytes>, answer: &Answer) -> Vec<Step> {
    let mut steps = Vec::new();
    let last = answer.close_after.map_or(chunks.len(), |limit| limit.min(chunks.len()));
    let mut chunks = chunks.into_iter();
    for sent in 0..=last {
        steps.extend(answer.gates_at(Point::Chunk(sent)).cloned().map(Step::Wait));
        if sent < last {
            steps.extend(chunks.next().map(Step::Chunk));
        }
    }
    if answer.close_after.is_some() {
        steps.push(Step::Abort);
    }
    steps
}

fn headers(rendered: &Rendered, answer: &Answer) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let set = |name: &str, value: &str| {
        let name = name.parse::<HeaderName>().map_err(|error| format!("{name}: {error}"))?;
        let value = value.parse::<HeaderValue>().map_err(|error| format!("{name}: {error}"))?;
        Ok::<_, String>((name, value))
    };
    let mut own = vec![("content-type", rendered.content_type.clone())];
    own.extend(rendered.headers.iter().cloned());
    for (name, value) in &own {
        let (name, value) = set(name, value)?;
        headers.insert(name, value);
    }
    for (name, _) in &answer.headers {
        headers.remove(name.as_str());
    }
    for (name, value) in &answer.headers {
        let (name, value) = set(name, value)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// An answer that cannot be sent is the test's mistake, and says so.
fn impossible(reason: &str) -> Response<AnyBody> {
    let body = Full::new(format!("this answer cannot be sent: {reason}").into());
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}
