use crate::{record::Usage, testing::Gate};
use bytes::Bytes;

/// What a [`FakeProvider`](super::FakeProvider) answers one request with.
///
/// Text, tool calls, refusals, embeddings and errors take the shape that the request asks for: of its
/// endpoint, in one piece or streamed, as events with a word each. All others are sent as they are,
/// whatever the request was.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) content: Content,
    pub(super) headers: Vec<(String, String)>,
    pub(super) usage: Option<Usage>,
    pub(super) model: Option<String>,
    pub(super) holds: Vec<(Point, Gate)>,
    pub(super) close_after: Option<usize>,
    pub(super) stream_error: Option<(usize, ProviderError)>,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Default,
    Text(String),
    Refusal(String),
    ToolCalls(Vec<(String, String)>),
    Embeddings(Vec<Vec<f32>>),
    Error(u16, ProviderError),
    Verbatim { status: u16, content_type: String, chunks: Vec<Bytes>, whole: bool },
    Never,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Head,
    Chunk(usize),
}

/// What there is to tell of an error; how much of it is told depends on the provider.
#[derive(Clone, Debug)]
pub(super) struct ProviderError {
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) param: Option<&'static str>,
}

impl ProviderError {
    pub(super) fn new(kind: &str, code: Option<&str>, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), code: code.map(str::to_owned), message: message.into(), param: None }
    }
}

impl Answer {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            headers: Vec::new(),
            usage: None,
            model: None,
            holds: Vec::new(),
            close_after: None,
            stream_error: None,
        }
    }

    /// What the provider answers of its own accord, to be [held](Self::held),
    /// [cut](Self::close_after) or otherwise changed.
    pub fn usual() -> Self {
        Self::new(Content::Default)
    }

    /// The assistant says this.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }

    /// The assistant refuses, in these words. Google's does so without any: it ends with `SAFETY`.
    pub fn refusal(refusal: impl Into<String>) -> Self {
        Self::new(Content::Refusal(refusal.into()))
    }

    /// The assistant calls a tool; `arguments` is JSON, or as broken as a model's can be.
    pub fn tool_call(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self::tool_calls([(name, arguments)])
    }

    /// The assistant calls several tools at once: name and arguments of each.
    pub fn tool_calls(calls: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let calls = calls.into_iter().map(|(name, arguments)| (name.into(), arguments.into()));
        Self::new(Content::ToolCalls(calls.collect()))
    }

    /// These vectors, in this order.
    pub fn embeddings(vectors: Vec<Vec<f32>>) -> Self {
        Self::new(Content::Embeddings(vectors))
    }

    /// An error as the endpoint's provider gives it. What is its `kind` and its `code` there:
    ///
    /// - OpenAI, Azure: `type` and `code`, for example `(429, "requests", "rate_limit_exceeded",
    ///   "Slow down.")`. A `code` of `None` is sent as `null`; by Azure as the status, which leaves an
    ///   empty `type` out.
    /// - Anthropic: `type`, for example `"overloaded_error"`; it has no code.
    /// - Google: `status`, for example `"RESOURCE_EXHAUSTED"`, and the `reason` of an `ErrorInfo`.
    /// - Bedrock: the exception, for example `"ThrottlingException"`; it has no code.
    /// - Voyage: neither, it has a message only.
    pub fn error<'a>(
        status: u16,
        kind: &str,
        code: impl Into<Option<&'a str>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Content::Error(status, ProviderError::new(kind, code.into(), message)))
    }

    /// This body.
    pub fn raw(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Content::Verbatim {
            status,
            content_type: content_type.into(),
            chunks: vec![body.into()],
            whole: true,
        })
    }

    /// This body in these chunks, each in a write of its own: for exchanges that were recorded, cut
    /// wherever the test wants.
    pub fn chunks(status: u16, content_type: impl Into<String>, chunks: Vec<Bytes>) -> Self {
        Self::new(Content::Verbatim { status, content_type: content_type.into(), chunks, whole: false })
    }

    /// No answer at all: the connection stays open until the client leaves.
    pub fn never() -> Self {
        Self::new(Content::Never)
    }

    /// The connection is closed without an answer.
    pub fn drop_connection() -> Self {
        Self::new(Content::Drop)
    }

    /// Sends this header too, in place of the provider's own of that name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Reports these tokens in place of counted words, as the provider counts: Anthropic's and
    /// Bedrock's input leaves out what was cached, Google's output what was thought. A stream of chat completions
    /// reports them only if the request asked for it, as ever.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Reports this model in place of the requested one, or of its dated name.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Waits at this gate before anything is sent, the status included.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.holds.push((Point::Head, gate.clone()));
        self
    }

    /// Waits at this gate after so many chunks of the body: with 0 when the head was sent. A stream
    /// has a chunk for each event, the first of which carry no content (Google's do).
    #[must_use]
    pub fn held_after(mut self, chunks: usize, gate: &Gate) -> Self {
        self.holds.push((Point::Chunk(chunks), gate.clone()));
        self
    }

    /// Closes the connection after so many chunks, before the body's end: the client sees a body
    /// that is incomplete, even if it got every byte.
    #[must_use]
    pub fn close_after(mut self, chunks: usize) -> Self {
        self.close_after = Some(chunks);
        self
    }

    /// After so many chunks of a stream sends an error, as the endpoint does it, and ends. Bedrock begins
    /// its exceptions with a small letter there, as in `"throttlingException"`.
    #[must_use]
    pub fn mid_stream_error<'a>(
        mut self,
        chunks: usize,
        kind: &str,
        code: impl Into<Option<&'a str>>,
        message: impl Into<String>,
    ) -> Self {
        self.stream_error = Some((chunks, ProviderError::new(kind, code.into(), message)));
        self
    }

    /// Whether it is the same whatever the request was.
    pub(super) fn is_verbatim(&self) -> bool {
        matches!(self.content, Content::Error(..) | Content::Verbatim { .. } | Content::Never | Content::Drop)
    }

    pub(super) fn gates(&self) -> impl Iterator<Item = Gate> + use<'_> {
        self.holds.iter().map(|(_, gate)| gate.clone())
    }

    pub(super) fn gates_at(&self, point: Point) -> impl Iterator<Item = &Gate> {
        self.holds.iter().filter(move |(at, _)| *at == point).map(|(_, gate)| gate)
    }
}
