//! Clients, bodies and services for the tests, and what came of them.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;
use tracing_genai::{
    instrument::{RequestBody, ResponseBody, tower::GenAiLayer, tower::GenAiService},
    record::Call,
    testing::FinishedSpan,
};

pub(crate) const URL: &str = "https://api.openai.com/v1/chat/completions";
pub(crate) const ASKED: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}"#;
pub(crate) const ASKED_STREAM: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
pub(crate) const ANSWER: &str = r#"{"id":"c-1","model":"gpt-4o-mini-2024","choices":[{"index":0,"message":{"role":"assistant","content":"Hej."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
/// The events of a stream, the last of which is its end.
pub(crate) const EVENTS: [&str; 5] = [
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-mini-2024\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-mini-2024\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hej.\"}}]}\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-mini-2024\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c-1\",\"model\":\"gpt-4o-mini-2024\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n",
    "data: [DONE]\n\n",
];

/// What a body does when it is polled.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Fail(&'static str),
    /// Not yet, but soon.
    Pending,
    Panic,
}

pub(crate) fn data(text: &'static str) -> Step {
    Step::Data(Bytes::from_static(text.as_bytes()))
}

/// A body that does as it is told, and counts.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    steps: VecDeque<Step>,
    length: Option<u64>,
    pub(crate) polls: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), length: None, polls: Arc::default() }
    }

    /// A body that knows how long it is.
    pub(crate) fn sized(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut body = Self::new(steps);
        body.length = Some(body.left());
        body
    }

    pub(crate) fn events() -> Self {
        Self::new(EVENTS.map(data))
    }

    /// The same from the beginning, and its own count.
    pub(crate) fn fresh(&self) -> Self {
        Self { polls: Arc::default(), ..self.clone() }
    }

    fn left(&self) -> u64 {
        let lengths = self.steps.iter().map(|step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        lengths.sum()
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Step::Fail(words)) => Poll::Ready(Some(Err(io::Error::other(words)))),
            Some(Step::Pending) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Panic) => panic!("as the test asked"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.length.is_some() && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, |_| SizeHint::with_exact(self.left()))
    }
}

/// A service that is a function.
#[derive(Clone)]
pub(crate) struct ServiceFn<F>(pub(crate) F);

impl<F, Q, W, R, E> Service<Q> for ServiceFn<F>
where
    F: FnMut(Q) -> W,
    W: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = W;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> W {
        (self.0)(request)
    }
}

/// The layer over a service that reads what is sent, and then answers with what `answer` gives.
pub(crate) fn answering(
    answer: impl Fn() -> Response<Scripted> + Clone + Send + 'static,
) -> GenAiService<
    impl Service<Request<RequestBody<Full<Bytes>>>, Response = Response<Scripted>, Error = Infallible> + Clone,
> {
    let service = ServiceFn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let answer = answer.clone();
        async move {
            request.into_body().collect().await.unwrap();
            Ok::<_, Infallible>(answer())
        }
    });
    GenAiLayer::new().layer(service)
}

pub(crate) fn unary(body: Scripted) -> Response<Scripted> {
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

pub(crate) fn streamed(body: Scripted) -> Response<Scripted> {
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

pub(crate) fn post<B>(body: B) -> Request<B> {
    Request::post(URL).header("content-type", "application/json").body(body).unwrap()
}

pub(crate) fn asked(body: &'static str) -> Request<Full<Bytes>> {
    post(Full::new(Bytes::from_static(body.as_bytes())))
}

/// The next frame's data; `None` at the end.
pub(crate) async fn chunk<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Bytes, B::Error>> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads a body to its end.
pub(crate) async fn drain<B: Body<Data = Bytes>>(body: ResponseBody<B>) -> Result<Bytes, B::Error> {
    Ok(body.collect().await?.to_bytes())
}

/// A span that another makes here: what ended before it stands before it.
pub(crate) fn mark() {
    tracing::info_span!("mark").in_scope(|| ());
}

/// The names of spans in the order of their ends.
pub(crate) fn names(spans: &[FinishedSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// The outcome of the only call among `spans`.
pub(crate) fn only(spans: &[FinishedSpan]) -> &FinishedSpan {
    let mut calls = spans.iter().filter(|span| span.attribute("tracing_genai.outcome").is_some());
    let only = calls.next().expect("a call's span");
    assert!(calls.next().is_none(), "one span: {:?}", names(spans));
    only
}

pub(crate) fn outcome(span: &FinishedSpan) -> &str {
    span.attributes["tracing_genai.outcome"].as_str().unwrap()
}

/// What the model said, as far as it came.
pub(crate) fn said(span: &FinishedSpan) -> String {
    match &span.operation.as_ref().unwrap().call {
        Call::Inference { response, .. } => response.text(),
        other => panic!("{other:?}"),
    }
}
