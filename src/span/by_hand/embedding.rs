use super::{OpenSpan, server};
use crate::record::{
    Call, EmbeddingInput, Embeddings, EmbeddingsRequest, Operation, OperationKind, Server, Usage,
};
use std::{
    borrow::Cow,
    fmt::{self, Display},
    future::Future,
};

/// The span of one call of an embedding model that nobody else can see (`embeddings`). Its kind is CLIENT, as the
/// conventions have it, for a model in this process too.
///
/// ```
/// use tracing_genai::span::Embedding;
///
/// # async fn run() -> Result<(), std::io::Error> {
/// async fn embed(texts: &[&str]) -> Result<Vec<Vec<f32>>, std::io::Error> {
///     Ok(vec![vec![0.5; 384]; texts.len()])
/// }
///
/// let texts = ["sea", "shore"];
/// let vectors = Embedding::new("fastembed", "all-MiniLM-L6-v2")
///     .run_with(embed(&texts), |span, vectors| {
///         span.vectors(vectors.len(), vectors.first().map_or(0, Vec::len)).input_tokens(4);
///     })
///     .await?;
/// # let _ = vectors;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a span is made by `run`, `run_with` or `start`"]
pub struct Embedding {
    provider: Cow<'static, str>,
    server: Option<Server>,
    request: EmbeddingsRequest,
}

impl Embedding {
    /// A call of this model of this provider; see [`Generation::new`](super::Generation::new).
    pub fn new(provider: impl Into<Cow<'static, str>>, model: impl Into<String>) -> Self {
        let model = Some(model.into());
        Self::from_request(provider, EmbeddingsRequest { model, ..EmbeddingsRequest::default() })
    }

    /// A call with this request.
    pub fn from_request(provider: impl Into<Cow<'static, str>>, request: EmbeddingsRequest) -> Self {
        Self { provider: provider.into(), server: None, request }
    }

    /// The server that is called.
    pub fn server(mut self, address: impl Into<String>, port: u16) -> Self {
        self.server = server(address, port);
        self
    }

    /// One more thing to embed, for destinations that may see content: no attribute has it.
    pub fn input(mut self, input: impl Into<EmbeddingInput>) -> Self {
        self.request.input.push(input.into());
        self
    }

    /// How long the vectors are to be.
    pub fn dimensions(mut self, count: u32) -> Self {
        self.request.dimensions = Some(count);
        self
    }

    /// Opens the span, to set on it what comes as it comes.
    pub fn start(self) -> OpenSpan<Self> {
        let call = Call::Embeddings { request: Box::new(self.request), response: Box::default() };
        let mut operation = Operation::new(OperationKind::Embeddings, call);
        operation.provider = Some(self.provider);
        operation.server = self.server;
        OpenSpan::new(operation, None)
    }

    /// Runs the call inside its span; nothing is known of its answer. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run<T, E: Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.run_with(work, |_, _| ()).await
    }

    /// Runs the call inside its span; `keep` sets what is to be known of the answer. Otherwise as
    /// [`Generation::run_with`](super::Generation::run_with).
    ///
    /// # Errors
    /// Those of `work`, untouched.
    pub async fn run_with<T, E: Display>(
        self,
        work: impl Future<Output = Result<T, E>>,
        keep: impl FnOnce(&mut OpenSpan<Self>, &T),
    ) -> Result<T, E> {
        self.start().through(work, keep).await
    }
}

/// The answer of an embedding model.
impl OpenSpan<Embedding> {
    /// All that came, in place of what was set before.
    pub fn response(&mut self, embeddings: Embeddings) -> &mut Self {
        self.set_embeddings(|came| *came = embeddings)
    }

    /// How many vectors came, and how long they are.
    pub fn vectors(&mut self, count: usize, dimensions: usize) -> &mut Self {
        self.set_embeddings(|came| {
            came.count = count;
            came.dimensions = Some(dimensions);
        })
    }

    /// The model that answered, where it tells.
    pub fn model(&mut self, model: impl Into<String>) -> &mut Self {
        self.set_embeddings(|came| came.model = Some(model.into()))
    }

    /// The tokens of what was embedded.
    pub fn input_tokens(&mut self, count: u64) -> &mut Self {
        self.usage(Usage { input_tokens: Some(count), ..Usage::default() })
    }

    /// What it used, in full.
    pub fn usage(&mut self, usage: Usage) -> &mut Self {
        self.set_embeddings(|came| came.usage = usage)
    }

    fn set_embeddings(&mut self, set: impl FnOnce(&mut Embeddings)) -> &mut Self {
        self.set(|call| {
            if let Call::Embeddings { response, .. } = call {
                set(response);
            }
        })
    }
}

impl fmt::Debug for Embedding {
    /// Without what is said: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Embedding").field("model", &self.request.model).finish_non_exhaustive()
    }
}
