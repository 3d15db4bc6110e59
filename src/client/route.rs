//! Where a call goes: an endpoint with everything filled in and checked.

#[cfg(feature = "bedrock")]
use super::aws::{Signer, profile_region};
use super::endpoint::{Endpoint, Key, TokenSource, header, without_secrets};
use super::key::{check_owner, forget, key_header};
use crate::{
    Error,
    provider::{Api, Provider, openai::Dialect, provider_name},
    record::{ErrorInfo, Server},
};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
#[cfg(feature = "bedrock")]
use std::sync::Arc;
use std::{borrow::Cow, fmt};

/// The version that Azure OpenAI's deployments are called with: its latest stable one.
const AZURE_VERSION: &str = "2024-10-21";
/// The only version of Anthropic's API.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// What gives a call its own key.
const CALL_KEY: &str = "`.provider_api_key(..)`";

/// Where a provider is and what its variables are called.
struct Facts {
    base_url: &'static str,
    /// Where the address may be given.
    address: &'static [&'static str],
    /// Where the key may be given.
    keys: &'static [&'static str],
}

fn facts(provider: Provider) -> Facts {
    let facts = |base_url, address, keys| Facts { base_url, address, keys };
    match provider {
        Provider::OpenAi => facts("https://api.openai.com/v1", &["OPENAI_BASE_URL"], &["OPENAI_API_KEY"]),
        Provider::AzureOpenAi => facts("", &["AZURE_OPENAI_ENDPOINT"], &["AZURE_OPENAI_API_KEY"]),
        Provider::Anthropic => {
            facts("https://api.anthropic.com", &["ANTHROPIC_BASE_URL"], &["ANTHROPIC_API_KEY"])
        }
        Provider::Google => facts(
            "https://generativelanguage.googleapis.com",
            &["GOOGLE_GEMINI_BASE_URL"],
            &["GOOGLE_API_KEY", "GEMINI_API_KEY"],
        ),
        Provider::VertexAi => facts("", &[], &[]),
        Provider::Bedrock => facts(
            "",
            &["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"],
            &["AWS_BEARER_TOKEN_BEDROCK", "BEDROCK_API_KEY"],
        ),
        Provider::Voyage => facts("https://api.voyageai.com/v1", &[], &["VOYAGE_API_KEY"]),
        Provider::Mistral => facts("https://api.mistral.ai/v1", &[], &["MISTRAL_API_KEY"]),
        Provider::Cohere => {
            facts("https://api.cohere.ai/compatibility/v1", &[], &["CO_API_KEY", "COHERE_API_KEY"])
        }
        Provider::Groq => facts("https://api.groq.com/openai/v1", &[], &["GROQ_API_KEY"]),
        Provider::XAi => facts("https://api.x.ai/v1", &[], &["XAI_API_KEY"]),
        Provider::DeepSeek => facts("https://api.deepseek.com", &[], &["DEEPSEEK_API_KEY"]),
        Provider::OpenRouter => facts("https://openrouter.ai/api/v1", &[], &["OPENROUTER_API_KEY"]),
    }
}

/// Why there is no route.
#[derive(Debug)]
pub(super) enum NoRoute {
    /// Nothing was said of this provider; why a call of it cannot be made.
    Unset(String),
    /// All but a key was said: why a call cannot be made without one, and the way for calls with their own.
    Keyless(String, Box<Route>),
    /// What was said is wrong.
    Wrong(Error),
}

impl From<Error> for NoRoute {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

/// Where calls go.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) provider: Provider,
    pub(super) provider_name: Cow<'static, str>,
    pub(super) server: Server,
    pub(super) dialect: Dialect,
    /// Whether it is at an address of nobody's own, where any model may be.
    pub(super) is_gateway: bool,
    /// Whether it is at the provider's own address, which takes none but its keys.
    is_own: bool,
    address: Address,
    headers: HeaderMap,
    /// Whether requests tell their trace.
    pub(super) trace_context: bool,
    key: Option<Key>,
    #[cfg(feature = "bedrock")]
    pub(super) signer: Option<Arc<Signer>>,
}

/// The addresses of a provider's APIs, made once where no model is in them.
#[derive(Clone)]
enum Address {
    OpenAi {
        chat: Url,
        responses: Url,
        embeddings: Url,
    },
    /// Deployments of Azure OpenAI below this address, which has the version.
    Deployments {
        base: Url,
        responses: Url,
    },
    Anthropic(Url),
    /// The Gemini API's, up to what precedes `models/`.
    Models(Url),
    /// Vertex AI's: up to what precedes `projects/`, and up to the region.
    Vertex {
        root: Url,
        place: Url,
    },
    /// Amazon Bedrock's, up to what precedes `model/`.
    Bedrock(Url),
}

impl Route {
    /// From `endpoint`, and where it is silent from `lookup`, the environment.
    pub(super) fn new(endpoint: Endpoint, lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, NoRoute> {
        let lookup = |name: &&str| lookup(name).filter(|value| !value.trim().is_empty());
        let provider = endpoint.provider;
        let facts = facts(provider);
        let (base, setting) = match endpoint.base_url {
            Some(given) => (Some(given), "`.base_url(..)`"),
            None => (
                facts.address.iter().find_map(lookup),
                facts.address.first().copied().unwrap_or("the address"),
            ),
        };
        let is_given = base.is_some();
        let wrong = |why: String| Error::configuration(format!("{setting} is no address to call: {why}"));
        let base = match base {
            Some(base) => parse(&base, provider).map_err(wrong)?,
            None if provider == Provider::VertexAi => {
                let location = location(endpoint.location.as_deref(), &lookup)?;
                parse(&vertex_host(&location), provider).map_err(wrong)?
            }
            None if provider == Provider::Bedrock => {
                let region = aws_region(endpoint.location.as_deref(), &lookup)?;
                parse(&bedrock_host(&region), provider).map_err(wrong)?
            }
            None if facts.base_url.is_empty() => return Err(NoRoute::Unset(unset(provider))),
            None => parse(facts.base_url, provider).map_err(wrong)?,
        };
        let server = Server {
            // An IPv6 address stands in brackets in a URL alone.
            address: base.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: base.port_or_known_default().unwrap_or_default(),
        };
        let by_host = provider_name(&server.address, server.port);

        #[cfg(feature = "bedrock")]
        let has_credentials = endpoint.credentials.is_some();
        #[cfg(not(feature = "bedrock"))]
        let has_credentials = false;
        // What was said in code goes before the environment.
        let from_env = || {
            let named = facts.keys.iter().filter(|_| !has_credentials);
            named.into_iter().find_map(|name| Some((lookup(name)?, *name)))
        };
        let (key, key_name) = match (endpoint.key, from_env()) {
            (Some(key), _) => (Some(key), "`.api_key(..)`"),
            (None, Some((key, name))) => (Some(Key::Fixed(key.into())), name),
            (None, None) => (None, ""),
        };
        let is_own = by_host == Some(provider.name());
        let mut headers = HeaderMap::new();
        // Why there is no call without a key of its own.
        let mut missing = None;
        #[cfg(feature = "bedrock")]
        let mut signer = None;
        match &key {
            Some(Key::Fixed(key)) => {
                let (name, value) = key_header(provider, key, key_name)?;
                // Anybody may stand behind a gateway; the provider itself takes only its own.
                if is_own {
                    check_owner(key, provider, key_name)?;
                }
                headers.insert(name, value);
            }
            Some(Key::Fetched(_)) => {}
            #[cfg(feature = "bedrock")]
            None if provider == Provider::Bedrock => {
                let region = aws_region(endpoint.location.as_deref(), &lookup)?;
                signer = Some(Arc::new(Signer::new(region, endpoint.credentials.clone())));
            }
            #[cfg(not(feature = "bedrock"))]
            None if provider == Provider::Bedrock => {
                missing = Some(
                    "no API key for Amazon Bedrock: set AWS_BEARER_TOKEN_BEDROCK or `.api_key(..)`; AWS \
                     credentials take the feature `bedrock`"
                        .to_owned(),
                );
            }
            None if is_loopback(&base) => {}
            None if provider == Provider::VertexAi => {
                missing = Some(
                    "no token for Vertex AI: give `.token_source(..)` or `.api_key(..)` on its `Endpoint`"
                        .to_owned(),
                );
            }
            None => {
                missing = Some(format!(
                    "no API key for {}: set {} or `.api_key(..)`",
                    server.address,
                    facts.keys.join(" or ")
                ));
            }
        }
        let build = || -> Result<Self, NoRoute> {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if provider == Provider::Anthropic {
                let version = endpoint.api_version.as_deref().unwrap_or(ANTHROPIC_VERSION);
                let (name, value) = header("anthropic-version", version)?;
                headers.insert(name, value);
            }
            if provider == Provider::OpenAi {
                let (organization, project) = (endpoint.organization.clone(), endpoint.project.clone());
                let billed = [
                    ("openai-organization", organization.or_else(|| lookup(&"OPENAI_ORG_ID"))),
                    ("openai-project", project.or_else(|| lookup(&"OPENAI_PROJECT_ID"))),
                ];
                for (name, value) in billed {
                    let Some(value) = value else { continue };
                    let (name, mut value) = header(name, &value)?;
                    value.set_sensitive(false);
                    headers.insert(name, value);
                }
            }
            let own = endpoint.headers.iter().map(|(name, value)| header(name, value.expose_secret()));
            let own = own.collect::<Result<Vec<_>, _>>()?;
            for (name, _) in &own {
                headers.remove(name);
            }
            for (name, value) in own {
                headers.append(name, value);
            }

            let is_gateway = is_given && by_host.is_none_or(|name| name == "ollama");
            let is_host =
                |provider: Provider| endpoint.provider == provider || by_host == Some(provider.name());
            let dialect = Dialect {
                max_completion_tokens: matches!(by_host, Some("openai" | "azure.ai.openai"))
                    || provider == Provider::AzureOpenAi,
                // Mistral tells it unasked, and refuses the question.
                stream_usage: !is_host(Provider::Mistral),
                random_seed: is_host(Provider::Mistral),
                output_dimension: is_host(Provider::Mistral),
                reasoning_content: is_host(Provider::DeepSeek) || by_host == Some("moonshot_ai"),
                openai_limits: matches!(by_host, Some("openai" | "azure.ai.openai"))
                    || provider == Provider::AzureOpenAi,
            };
            let address = match provider {
                Provider::Anthropic => Address::Anthropic(below(&versioned(&base, "v1"), "messages")),
                Provider::Google => Address::Models(versioned(&base, "v1beta")),
                Provider::Bedrock => Address::Bedrock(base),
                Provider::VertexAi => {
                    let project = endpoint.project.or_else(|| lookup(&"GOOGLE_CLOUD_PROJECT"));
                    let Some(project) = project else {
                        return Err(NoRoute::Unset(
                            "no project for Vertex AI: set GOOGLE_CLOUD_PROJECT or `.project(..)`".to_owned(),
                        ));
                    };
                    let location = location(endpoint.location.as_deref(), &lookup)?;
                    let is_project = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
                    if !project.trim().bytes().all(is_project) {
                        return Err(NoRoute::Wrong(Error::configuration(format!(
                            "{project:?} is no project of Google Cloud: check GOOGLE_CLOUD_PROJECT or `.project(..)`"
                        ))));
                    }
                    let root = versioned(&base, "v1");
                    let place = below(&root, &format!("projects/{}/locations/{location}", project.trim()));
                    Address::Vertex { root, place }
                }
                Provider::AzureOpenAi if !is_versioned(&base) => {
                    let version = endpoint.api_version.or_else(|| lookup(&"OPENAI_API_VERSION"));
                    let mut base = if base.path().trim_end_matches('/').ends_with("/openai") {
                        base
                    } else {
                        below(&base, "openai")
                    };
                    // Responses have no dated stable version, only the address without one.
                    let mut responses = below(&base, "v1/responses");
                    if base.query_pairs().any(|(name, _)| name == "api-version") {
                        responses = below(&base, "responses");
                    } else if let Some(version) = &version {
                        base.query_pairs_mut().append_pair("api-version", version.trim());
                        responses = below(&base, "responses");
                    } else {
                        base.query_pairs_mut().append_pair("api-version", AZURE_VERSION);
                    }
                    Address::Deployments { base, responses }
                }
                _ => Address::OpenAi {
                    chat: below(&base, "chat/completions"),
                    responses: below(&base, "responses"),
                    embeddings: below(&base, "embeddings"),
                },
            };
            let provider_name = endpoint
                .provider_name
                .or(by_host.map(Cow::Borrowed))
                .unwrap_or(Cow::Borrowed(provider.name()));
            Ok(Self {
                provider,
                provider_name,
                server,
                dialect,
                is_gateway,
                is_own,
                address,
                headers,
                trace_context: endpoint.trace_context.unwrap_or_default(),
                key,
                #[cfg(feature = "bedrock")]
                signer,
            })
        };
        match (missing, build()) {
            (None, built) => built,
            (Some(why), Ok(route)) => Err(NoRoute::Keyless(why, Box::new(route))),
            (Some(why), Err(_)) => Err(NoRoute::Unset(why)),
        }
    }

    /// The same way with another key.
    ///
    /// # Errors
    /// One that cannot be a key, or is another provider's.
    pub(super) fn with_key(&self, key: &SecretString) -> Result<Self, Error> {
        let (name, value) = key_header(self.provider, key, CALL_KEY)?;
        if self.is_own {
            check_owner(key, self.provider, CALL_KEY)?;
        }
        let mut route = self.clone();
        route.headers.insert(name, value);
        route.key = Some(Key::Fixed(key.clone()));
        #[cfg(feature = "bedrock")]
        {
            route.signer = None;
        }
        Ok(route)
    }

    /// The address of this API for this model.
    pub(super) fn url(&self, api: Api, model: &str, stream: bool) -> Url {
        match &self.address {
            Address::OpenAi { chat, responses, embeddings } => match api {
                Api::OpenAiResponses => responses.clone(),
                Api::OpenAiEmbeddings | Api::VoyageEmbeddings => embeddings.clone(),
                _ => chat.clone(),
            },
            Address::Deployments { base, responses } => match api {
                Api::OpenAiResponses => responses.clone(),
                Api::OpenAiEmbeddings => deployment(base, model, "embeddings"),
                _ => deployment(base, model, "chat/completions"),
            },
            Address::Anthropic(messages) => messages.clone(),
            Address::Bedrock(base) => {
                let method = match (api, stream) {
                    (Api::BedrockConverse, false) => "converse",
                    (Api::BedrockConverse, true) => "converse-stream",
                    (_, true) => "invoke-with-response-stream",
                    _ => "invoke",
                };
                below(base, &format!("model/{}/{method}", one_part(model)))
            }
            Address::Models(base) => {
                // `models/x` and `tunedModels/x` are names of models too.
                let folder = if model.contains('/') { "" } else { "models/" };
                google(base, &format!("{folder}{model}"), api, stream)
            }
            Address::Vertex { root, place } => match model.split('/').next() {
                Some("projects") => google(root, model, api, stream),
                Some("publishers") => google(place, model, api, stream),
                _ => google(place, &format!("publishers/google/models/{model}"), api, stream),
            },
        }
    }

    /// The headers of every request, a key that never changes among them.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// Where the token of a request comes from, if it is not the same for all.
    pub(super) fn token_source(&self) -> Option<&TokenSource> {
        match &self.key {
            Some(Key::Fetched(source)) => Some(source),
            _ => None,
        }
    }

    /// Takes the key out of what a provider said: it may repeat the one it was given.
    pub(super) fn forget_key(&self, info: &mut ErrorInfo) {
        if let Some(Key::Fixed(key)) = &self.key {
            forget(key, info);
        }
        // A header of the program's own may be a secret too.
        for value in self.headers.values().filter(|value| value.is_sensitive()) {
            if let Ok(text) = value.to_str() {
                forget(&text.into(), info);
            }
        }
    }
}

impl fmt::Debug for Route {
    /// Without the key, and without the query, which may hold one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match &self.address {
            Address::OpenAi { chat: url, .. }
            | Address::Deployments { base: url, .. }
            | Address::Anthropic(url)
            | Address::Models(url)
            | Address::Vertex { place: url, .. }
            | Address::Bedrock(url) => without_secrets(url.as_str()),
        };
        let mut debug = formatter.debug_struct("Route");
        debug.field("provider", &self.provider).field("url", &url).finish_non_exhaustive()
    }
}

fn unset(provider: Provider) -> String {
    match provider {
        Provider::AzureOpenAi => {
            "no address for Azure OpenAI: set AZURE_OPENAI_ENDPOINT or `.base_url(..)`".to_owned()
        }
        _ => format!("calls of {provider} are not built in"),
    }
}

/// The region of Amazon Bedrock.
fn aws_region(given: Option<&str>, lookup: &impl Fn(&&str) -> Option<String>) -> Result<String, NoRoute> {
    let from_env = || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(lookup);
    let region = given.map(str::to_owned).or_else(from_env).or_else(profile_region);
    let Some(region) = region else {
        return Err(NoRoute::Unset(
            "no region for Amazon Bedrock: set AWS_REGION or `.location(..)`, or a region in the AWS profile"
                .to_owned(),
        ));
    };
    let region = region.trim();
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.is_empty() && region.bytes().all(is_region) {
        return Ok(region.to_owned());
    }
    Err(NoRoute::Wrong(Error::configuration(format!(
        "{region:?} is no AWS region: check AWS_REGION or `.location(..)`"
    ))))
}

/// Profiles are AWS's own affair.
#[cfg(not(feature = "bedrock"))]
fn profile_region() -> Option<String> {
    None
}

fn bedrock_host(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{domain}")
}

/// The region of Vertex AI.
fn location(given: Option<&str>, lookup: &impl Fn(&&str) -> Option<String>) -> Result<String, Error> {
    let location = given.map(str::to_owned).or_else(|| lookup(&"GOOGLE_CLOUD_LOCATION"));
    let location = location.map_or_else(|| "global".to_owned(), |location| location.trim().to_owned());
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !location.is_empty() && location.bytes().all(is_region) {
        return Ok(location);
    }
    Err(Error::configuration(format!(
        "{location:?} is no region of Vertex AI: check GOOGLE_CLOUD_LOCATION or `.location(..)`"
    )))
}

fn vertex_host(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        location => format!("https://{location}-aiplatform.googleapis.com"),
    }
}

/// `base` with this version as its last part, unless it has one.
fn versioned(base: &Url, version: &str) -> Url {
    if is_versioned(base) { base.clone() } else { below(base, version) }
}

/// Whether the path ends in `v1`, `v1beta` and the like.
fn is_versioned(base: &Url) -> bool {
    let last = base.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let number = last.strip_prefix('v').unwrap_or_default();
    number.starts_with(|first: char| first.is_ascii_digit())
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// Google's address of this method of a model.
fn google(base: &Url, model: &str, api: Api, stream: bool) -> Url {
    let method = match api {
        Api::GoogleEmbedContent => "embedContent",
        Api::GoogleBatchEmbedContents => "batchEmbedContents",
        Api::VertexPredict => "predict",
        _ if stream => "streamGenerateContent",
        _ => "generateContent",
    };
    let mut url = below(base, &format!("{}:{method}", in_path(model)));
    if stream {
        url.query_pairs_mut().append_pair("alt", "sse");
    }
    url
}

fn deployment(base: &Url, model: &str, api: &str) -> Url {
    let model = in_path(model).replace('/', "%2F");
    below(base, &format!("deployments/{model}/{api}"))
}

/// A model's name as one part of a path: all but letters, digits and what never has a meaning is encoded, as
/// a signature wants it.
fn one_part(model: &str) -> String {
    use std::fmt::Write as _;
    let mut part = String::with_capacity(model.len() + 8);
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}");
        }
    }
    part
}

/// What would end a path early is written so that it does not.
fn in_path(model: &str) -> Cow<'_, str> {
    if !model.contains(['?', '#', '%', ' ']) {
        return Cow::Borrowed(model);
    }
    Cow::Owned(model.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20"))
}

fn parse(address: &str, provider: Provider) -> Result<Url, String> {
    let form = match provider {
        Provider::AzureOpenAi => "https://NAME.openai.azure.com",
        Provider::Anthropic => "https://api.anthropic.com",
        Provider::Google => "https://generativelanguage.googleapis.com",
        Provider::Bedrock => "https://bedrock-runtime.us-east-1.amazonaws.com",
        _ => "https://api.openai.com/v1",
    };
    let url =
        Url::parse(address.trim()).map_err(|error| format!("{error}; it must be of the form {form}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("it must begin with http:// or https://, as {form} does"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password; a key goes into `.api_key(..)`".to_owned());
    }
    for ending in ["/chat/completions", "/v1/messages"] {
        if url.path().trim_end_matches('/').ends_with(ending) {
            return Err(format!("it must end before {ending}, which each call adds"));
        }
    }
    Ok(url)
}

/// A server on this machine, such as Ollama or vLLM, needs no key.
fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests;
