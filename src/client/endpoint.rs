//! What a user says of a provider: where it is, with which key it is called.

use crate::{Error, provider::Provider};
use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use std::{borrow::Cow, error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc};

/// Where the calls of one provider go, and with which key. What is not set comes from the
/// environment.
///
/// | provider | key | address |
/// |---|---|---|
/// | [`OpenAi`](Provider::OpenAi) | `OPENAI_API_KEY` | `OPENAI_BASE_URL`, else `https://api.openai.com/v1` |
/// | [`AzureOpenAi`](Provider::AzureOpenAi) | `AZURE_OPENAI_API_KEY` | `AZURE_OPENAI_ENDPOINT`, `OPENAI_API_VERSION` |
/// | [`Anthropic`](Provider::Anthropic) | `ANTHROPIC_API_KEY` | `ANTHROPIC_BASE_URL`, else `https://api.anthropic.com` |
/// | [`Google`](Provider::Google) | `GOOGLE_API_KEY`, `GEMINI_API_KEY` | `GOOGLE_GEMINI_BASE_URL`, else `https://generativelanguage.googleapis.com` |
/// | [`VertexAi`](Provider::VertexAi) | [`token_source`](Self::token_source) | `GOOGLE_CLOUD_PROJECT`, `GOOGLE_CLOUD_LOCATION` |
/// | [`Bedrock`](Provider::Bedrock) | `AWS_BEARER_TOKEN_BEDROCK`, `BEDROCK_API_KEY`, or with the feature `bedrock` AWS's own chain of credentials | region: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's; `AWS_ENDPOINT_URL_BEDROCK_RUNTIME` |
/// | [`Voyage`](Provider::Voyage) | `VOYAGE_API_KEY` | `https://api.voyageai.com/v1` |
/// | [`Mistral`](Provider::Mistral) | `MISTRAL_API_KEY` | `https://api.mistral.ai/v1` |
/// | [`Cohere`](Provider::Cohere) | `CO_API_KEY`, `COHERE_API_KEY` | `https://api.cohere.ai/compatibility/v1` |
/// | [`Groq`](Provider::Groq) | `GROQ_API_KEY` | `https://api.groq.com/openai/v1` |
/// | [`XAi`](Provider::XAi) | `XAI_API_KEY` | `https://api.x.ai/v1` |
/// | [`DeepSeek`](Provider::DeepSeek) | `DEEPSEEK_API_KEY` | `https://api.deepseek.com` |
/// | [`OpenRouter`](Provider::OpenRouter) | `OPENROUTER_API_KEY` | `https://openrouter.ai/api/v1` |
///
/// ```
/// use tracing_genai::{Client, client::{Endpoint, Provider}};
///
/// let client = Client::builder()
///     .endpoint(Endpoint::new(Provider::Anthropic).api_key("sk-ant-…"))
///     .endpoint(Endpoint::new(Provider::AzureOpenAi).base_url("https://mine.openai.azure.com").api_key("…"))
///     .build()?;
/// # Ok::<(), tracing_genai::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "an endpoint is for `ClientBuilder::endpoint`"]
pub struct Endpoint {
    pub(super) provider: Provider,
    pub(super) provider_name: Option<Cow<'static, str>>,
    pub(super) base_url: Option<String>,
    pub(super) key: Option<Key>,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) location: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) headers: Vec<(String, SecretString)>,
    pub(super) trace_context: Option<bool>,
    #[cfg(feature = "bedrock")]
    pub(super) credentials: Option<aws_credential_types::provider::SharedCredentialsProvider>,
}

/// How calls are authenticated.
#[derive(Clone)]
pub(super) enum Key {
    Fixed(SecretString),
    Fetched(TokenSource),
}

pub(super) type TokenSource = Arc<dyn Fn() -> Token + Send + Sync>;
type Token = Pin<Box<dyn Future<Output = Result<SecretString, BoxError>> + Send>>;
type BoxError = Box<dyn StdError + Send + Sync>;

impl Endpoint {
    /// The provider's own address and the key of the environment.
    pub fn new(provider: Provider) -> Self {
        Self {
            provider,
            provider_name: None,
            base_url: None,
            key: None,
            organization: None,
            project: None,
            location: None,
            api_version: None,
            headers: Vec::new(),
            trace_context: None,
            #[cfg(feature = "bedrock")]
            credentials: None,
        }
    }

    /// This, and where it is silent what `other` says.
    pub(super) fn over(self, other: Self) -> Self {
        let mut headers = other.headers;
        headers.extend(self.headers);
        Self {
            provider: self.provider,
            provider_name: self.provider_name.or(other.provider_name),
            base_url: self.base_url.or(other.base_url),
            key: self.key.or(other.key),
            organization: self.organization.or(other.organization),
            project: self.project.or(other.project),
            location: self.location.or(other.location),
            api_version: self.api_version.or(other.api_version),
            headers,
            trace_context: self.trace_context.or(other.trace_context),
            #[cfg(feature = "bedrock")]
            credentials: self.credentials.or(other.credentials),
        }
    }

    /// Where AWS credentials come from (Amazon Bedrock); AWS's own chain by default. They are kept until they
    /// expire or are refused.
    #[cfg(feature = "bedrock")]
    pub fn credentials(
        mut self,
        provider: impl aws_credential_types::provider::ProvideCredentials + 'static,
    ) -> Self {
        self.credentials = Some(aws_credential_types::provider::SharedCredentialsProvider::new(provider));
        self
    }

    /// The key. A server on this machine needs none.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.key = Some(Key::Fixed(key.into()));
        self
    }

    /// Asks for a bearer token before each request, as Vertex AI wants it: its tokens last an hour.
    /// Whatever gives it should keep it until it expires.
    ///
    /// ```
    /// use tracing_genai::client::{Endpoint, Provider};
    ///
    /// async fn token() -> Result<String, std::io::Error> {
    ///     Ok("ya29.…".to_owned()) // from `gcp_auth` or the metadata server
    /// }
    /// let endpoint = Endpoint::new(Provider::VertexAi).project("mine").token_source(token);
    /// ```
    pub fn token_source<F, T, E>(mut self, source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<SecretString>,
        E: Into<BoxError>,
    {
        let fetch = move || -> Token {
            let token = source();
            Box::pin(async move { token.await.map(Into::into).map_err(Into::into) })
        };
        self.key = Some(Key::Fetched(Arc::new(fetch)));
        self
    }

    /// Where the API is: what precedes `/chat/completions`, and for Anthropic and Google the host. The
    /// key goes to this address, the environment's too unless [`api_key`](Self::api_key) gives another.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The value of `gen_ai.provider.name`; by default the host tells it, else the provider.
    pub fn provider_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.provider_name = Some(name.into());
        self
    }

    /// The organisation that is billed (OpenAI); `OPENAI_ORG_ID` by default.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// The project that is billed (OpenAI, `OPENAI_PROJECT_ID` by default) or called (Vertex AI,
    /// `GOOGLE_CLOUD_PROJECT` by default).
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// The region that is called (Vertex AI: `GOOGLE_CLOUD_LOCATION` by default, else `global`; Amazon
    /// Bedrock: `AWS_REGION` or `AWS_DEFAULT_REGION` by default, else the profile's).
    pub fn location(mut self, region: impl Into<String>) -> Self {
        self.location = Some(region.into());
        self
    }

    /// The version of the API: Azure OpenAI's `api-version` (`OPENAI_API_VERSION`, else `2024-10-21`), or
    /// Anthropic's `anthropic-version` (`2023-06-01`).
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// One more header of every request, such as `anthropic-beta`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether each request tells the trace that it belongs to (`traceparent`, `tracestate`, with the id of the
    /// call's own span), so that the spans of the server join it. Off by default: it is meant for a gateway
    /// that traces or a server of your own, and no business of a public provider's.
    pub fn trace_context(mut self, on: bool) -> Self {
        self.trace_context = Some(on);
        self
    }
}

impl fmt::Debug for Endpoint {
    /// Without keys and queries, which may hold one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoint")
            .field("provider", &self.provider)
            .field("base_url", &self.base_url.as_deref().map(without_secrets))
            .finish_non_exhaustive()
    }
}

/// An address without what may hold a key: its query, and a user's name and password.
pub(super) fn without_secrets(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// A header of the user's.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let unusable = |what: &str| {
        Error::configuration(format!("{what} of the header {name:?} has characters that no header may have"))
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable("the name"))?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| unusable("the value"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}
