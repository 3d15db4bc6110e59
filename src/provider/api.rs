//! Which API a call speaks, and whose it is.

use serde::{Deserialize, Serialize};

/// An API of a provider: one wire format of requests, answers and stream events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Api {
    /// OpenAI chat completions, and whatever speaks its format.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// OpenAI embeddings, and whatever speaks its format.
    OpenAiEmbeddings,
}

impl Api {
    /// The API behind this path of a URL, if it is one that we read.
    ///
    /// ```
    /// use tracing_genai::provider::Api;
    ///
    /// assert_eq!(Api::from_path("/v1/chat/completions"), Some(Api::OpenAiChat));
    /// assert_eq!(Api::from_path("/openai/deployments/gpt/embeddings"), Some(Api::OpenAiEmbeddings));
    /// assert_eq!(Api::from_path("/v1/files"), None);
    /// ```
    pub fn from_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        [
            ("/chat/completions", Self::OpenAiChat),
            ("/responses", Self::OpenAiResponses),
            ("/embeddings", Self::OpenAiEmbeddings),
        ]
        .into_iter()
        .find_map(|(suffix, api)| path.ends_with(suffix).then_some(api))
    }

    /// The path of this API below a provider's base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAiChat => "chat/completions",
            Self::OpenAiResponses => "responses",
            Self::OpenAiEmbeddings => "embeddings",
        }
    }

    /// `openai.api.type` of the conventions, where it has one.
    pub const fn openai_api_type(self) -> Option<&'static str> {
        match self {
            Self::OpenAiChat => Some("chat_completions"),
            Self::OpenAiResponses => Some("responses"),
            Self::OpenAiEmbeddings => None,
        }
    }
}

/// Hosts whose name, or the name's end where it begins with a dot, tells the provider.
const HOSTS: [(&str, &str); 16] = [
    ("api.openai.com", "openai"),
    (".api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    ("models.inference.ai.azure.com", "azure.ai.inference"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "x_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("openrouter.ai", "openrouter"),
    ("api.together.xyz", "together_ai"),
];

/// The port that Ollama listens on unless told otherwise.
const OLLAMA_PORT: u16 = 11434;

/// `gen_ai.provider.name` of the server at this host and port: the conventions' word where they
/// have one, else a word of the same form; `None` for a host that tells nothing.
///
/// ```
/// use tracing_genai::provider::provider_name;
///
/// assert_eq!(provider_name("api.openai.com", 443), Some("openai"));
/// assert_eq!(provider_name("mine.openai.azure.com", 443), Some("azure.ai.openai"));
/// assert_eq!(provider_name("localhost", 11434), Some("ollama"));
/// assert_eq!(provider_name("gateway.example", 443), None);
/// ```
pub fn provider_name(host: &str, port: u16) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    let by_host = HOSTS
        .into_iter()
        .find(|(name, _)| if name.starts_with('.') { host.ends_with(name) } else { host == *name })
        .map(|(_, provider)| provider);
    by_host.or((port == OLLAMA_PORT).then_some("ollama"))
}
