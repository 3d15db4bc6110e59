use super::{
    Client, EmbeddingsReply, Provider, chat::failure, context::CallContext, exchange::Exchange, validate,
};
use crate::{
    Error,
    provider::{self, Api},
    record::{Call, EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo, ErrorKind, Outcome, Usage},
    vocabulary::tracia::ErrorCode,
};
use bytes::Bytes;
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
    provider: Option<Provider>,
    request: EmbeddingsRequest,
    pub(super) context: CallContext,
    timeout: Option<Duration>,
}

impl Embed {
    pub(super) fn new(client: Client, model: String) -> Self {
        let request = EmbeddingsRequest { model: Some(model), ..EmbeddingsRequest::default() };
        Self { client, provider: None, request, context: CallContext::default(), timeout: None }
    }

    /// Who is called, for a model whose name does not tell, or tells another.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
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

    /// The end user's id, which the provider uses against abuse. For the telemetry it is [`user_id`](Self::user_id).
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
        let timeout = self.timeout.unwrap_or(self.client.0.timeout);
        let expected = self.request.input.len();
        let (mut exchange, bodies) = self.prepare()?;
        let came = if bodies.is_empty() {
            exchange.whole(timeout).await.map(|body| vec![(body, exchange.usage().clone())])
        } else {
            exchange.each(bodies, timeout).await
        };
        let result = came.and_then(|answers| {
            read(exchange.api, &answers, expected)
                .map_err(|info| failure(info, exchange.call.operation().http_status))
        });
        match result {
            Ok(mut embeddings) => {
                // The vectors are the caller's; the record has no use for a copy.
                let vectors = std::mem::take(&mut embeddings.vectors);
                if let Call::Embeddings { response, .. } = &mut exchange.call.operation_mut().call {
                    **response = embeddings.clone();
                }
                let about = exchange.about_answered();
                exchange.settle(Outcome::Done);
                Ok(EmbeddingsReply::new(Embeddings { vectors, ..embeddings }, about))
            }
            Err(error) => Err(exchange.fail(error)),
        }
    }

    /// Checks the request, writes it, and opens its span; the bodies are for a model that takes one text a
    /// request.
    fn prepare(self) -> Result<(Exchange, Vec<Vec<u8>>), Error> {
        let Self { client, provider, mut request, context, .. } = self;
        validate::model(request.model.as_deref())?;
        validate::inputs(&request.input)?;
        context.check()?;
        let model = request.model.as_deref().unwrap_or_default();
        let (route, model) = client.0.routes.of(model, provider, context.key())?;
        let api = match route.provider {
            Provider::Voyage => Api::VoyageEmbeddings,
            Provider::Google => Api::GoogleBatchEmbedContents,
            Provider::VertexAi => Api::VertexPredict,
            Provider::Bedrock => Api::BedrockEmbeddings,
            provider @ Provider::Anthropic => {
                return Err(Error::configuration(format!(
                    "{provider} has no embedding models that can be called here; `.provider(..)` names another"
                ))
                .with_tracia_code(ErrorCode::UnsupportedModel));
            }
            _ => Api::OpenAiEmbeddings,
        };
        // Amazon Titan takes one text a request.
        let is_each = api == Api::BedrockEmbeddings
            && !provider::bedrock::embeds_many(&request)
            && request.input.len() > 1;
        let url = route.url(api, model, false);
        if request.model.as_deref() != Some(model) {
            request.model = Some(model.to_owned());
        }
        let mut bodies = Vec::new();
        if is_each {
            let inputs = std::mem::take(&mut request.input);
            let mut one = request.clone();
            for input in &inputs {
                one.input = vec![input.clone()];
                bodies.push(provider::write_embeddings(api, &one, route.dialect)?);
            }
            request.input = inputs;
        }
        let body =
            if is_each { Vec::new() } else { provider::write_embeddings(api, &request, route.dialect)? };
        let call = Call::Embeddings { request: Box::new(request), response: Box::default() };
        Ok((Exchange::start(client, route, api, url, body, call, context)?, bodies))
    }
}

/// As many vectors as there were inputs, or an error: each vector is known by its place.
fn read(api: Api, answers: &[(Bytes, Usage)], expected: usize) -> Result<Embeddings, ErrorInfo> {
    let mut all = Embeddings::default();
    for (place, (body, in_headers)) in answers.iter().enumerate() {
        let mut one = provider::read_embeddings(api, body, true)
            .map_err(|info| provider::response_error(api, body).unwrap_or(info))?;
        one.usage.fill_from(in_headers);
        if place == 0 {
            all = one;
            continue;
        }
        all.count = all.count.saturating_add(one.count);
        all.vectors.extend(one.vectors);
        let (sum, more) = (all.usage.input_tokens, one.usage.input_tokens);
        all.usage.input_tokens = sum.zip(more).map(|(sum, more)| sum.saturating_add(more));
    }
    if all.count == expected {
        return Ok(all);
    }
    let message = format!("{} vectors came for {expected} inputs", all.count);
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
