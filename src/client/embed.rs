use super::{Client, EmbeddingsReply, chat::failure, http};
use crate::{
    Error,
    provider::{self, Api, openai},
    record::{Call, EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo, ErrorKind, Outcome},
};
use serde_json::Value;
use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

/// A call of an embedding model, made by [`Client::embed`].
///
/// ```no_run
/// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
/// let reply = client.embed("text-embedding-3-small").input("sea").input("land").send().await?;
/// assert_eq!(reply.vectors().len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a call is made by `send` or `.await`"]
pub struct Embed {
    client: Client,
    request: EmbeddingsRequest,
    timeout: Option<Duration>,
}

impl Embed {
    pub(super) fn new(client: Client, model: String) -> Self {
        let request = EmbeddingsRequest { model: Some(model), ..EmbeddingsRequest::default() };
        Self { client, request, timeout: None }
    }

    /// One more text, or list of token ids, to embed.
    pub fn input(mut self, input: impl Into<EmbeddingInput>) -> Self {
        self.request.input.push(input.into());
        self
    }

    /// More to embed.
    pub fn inputs<T: Into<EmbeddingInput>>(mut self, inputs: impl IntoIterator<Item = T>) -> Self {
        self.request.input.extend(inputs.into_iter().map(Into::into));
        self
    }

    /// The length of the vectors, for models that can shorten them.
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.request.dimensions = Some(dimensions);
        self
    }

    /// How the vectors travel: `float` or the shorter `base64`; the server's choice by default.
    pub fn encoding_format(mut self, format: impl Into<String>) -> Self {
        self.request.encoding_formats = vec![format.into()];
        self
    }

    /// The end user's id, which the provider uses against abuse.
    pub fn end_user(mut self, id: impl Into<String>) -> Self {
        self.request.user = Some(id.into());
        self
    }

    /// A parameter of the provider's own, sent as it is.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.request.options.insert(name.into(), value.into());
        self
    }

    /// How long the call may take; the client's time-out by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the call.
    ///
    /// # Errors
    /// A setting that is missing or wrong, before anything is sent; a failure of the transport; the
    /// provider's own error.
    pub async fn send(self) -> Result<EmbeddingsReply, Error> {
        let Self { client, request, timeout } = self;
        client.0.endpoint.check_model(request.model.as_deref().unwrap_or_default())?;
        if request.input.is_empty() {
            return Err(Error::configuration("nothing to embed: give `.input(..)` at least once"));
        }
        let expected = request.input.len();
        let body = openai::embeddings::write_request(&request)?;
        let api = Api::OpenAiEmbeddings;
        let http = http::request(&client, api, body);
        let response = Box::default();
        let mut call = client.start(api, Call::Embeddings { request: Box::new(request), response })?;

        let timeout = timeout.unwrap_or(client.0.timeout);
        let result = match http::exchange(&mut call, api, http, timeout).await {
            Ok(body) => {
                read(api, &body, expected).map_err(|info| failure(info, call.operation().http_status))
            }
            Err(error) => Err(error),
        };
        let request_id = call.operation().request_id.clone();
        match result {
            Ok(mut embeddings) => {
                // The vectors are the caller's; the record has no use for a copy.
                let vectors = std::mem::take(&mut embeddings.vectors);
                if let Call::Embeddings { response, .. } = &mut call.operation_mut().call {
                    **response = embeddings.clone();
                }
                call.settle(Outcome::Done);
                Ok(EmbeddingsReply::new(Embeddings { vectors, ..embeddings }, request_id))
            }
            Err(error) => Err(client.fail(&mut call, error)),
        }
    }
}

/// As many vectors as there were inputs, or an error: each vector is known by its place.
fn read(api: Api, body: &[u8], expected: usize) -> Result<Embeddings, ErrorInfo> {
    let embeddings = provider::read_embeddings(api, body, true)
        .map_err(|info| provider::response_error(api, body).unwrap_or(info))?;
    if embeddings.count == expected {
        return Ok(embeddings);
    }
    let message = format!("{} vectors came for {expected} inputs", embeddings.count);
    Err(ErrorInfo::new(ErrorKind::Protocol, message))
}

impl fmt::Debug for Embed {
    /// Without what is embedded: arguments of traced functions are logged by `Debug`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = self.request.input.len();
        let mut debug = formatter.debug_struct("Embed");
        debug.field("model", &self.request.model).field("inputs", &inputs).finish_non_exhaustive()
    }
}

impl IntoFuture for Embed {
    type Output = Result<EmbeddingsReply, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
