//! Which API a call speaks, and whose it is.

use super::bedrock;
use crate::record::OperationKind;
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
    /// Anthropic messages.
    AnthropicMessages,
    /// Google `generateContent` and `streamGenerateContent`, of the Gemini API and of Vertex AI.
    GoogleGenerateContent,
    /// Google `embedContent`.
    GoogleEmbedContent,
    /// Google `batchEmbedContents`.
    GoogleBatchEmbedContents,
    /// `predict` of Vertex AI's embedding models.
    VertexPredict,
    /// Voyage embeddings: OpenAI's but for a few parameters.
    VoyageEmbeddings,
    /// Amazon Bedrock `Converse` and `ConverseStream`.
    BedrockConverse,
    /// Amazon Bedrock `InvokeModel` and `InvokeModelWithResponseStream` of a language model, in the model's
    /// own format.
    BedrockInvokeModel,
    /// Amazon Bedrock `InvokeModel` of an embedding model.
    BedrockEmbeddings,
}

/// Whose forms of errors and ids an API has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    OpenAi,
    Anthropic,
    Google,
    Bedrock,
}

impl Family {
    /// Whose format it is, for a message to remember.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Bedrock => "bedrock",
        }
    }
}

impl Api {
    /// The API behind this host and path of a URL, if it is one that we read.
    ///
    /// ```
    /// use tracing_genai::provider::Api;
    ///
    /// assert_eq!(Api::recognise("api.openai.com", "/v1/chat/completions"), Some(Api::OpenAiChat));
    /// assert_eq!(Api::recognise("api.voyageai.com", "/v1/embeddings"), Some(Api::VoyageEmbeddings));
    /// assert_eq!(Api::recognise("api.openai.com", "/v1/files"), None);
    /// ```
    pub fn recognise(host: &str, path: &str) -> Option<Self> {
        Self::from_path(path).map(|api| match api {
            Self::OpenAiEmbeddings if provider_name(host, 0) == Some(VOYAGE) => Self::VoyageEmbeddings,
            other => other,
        })
    }

    /// The API behind this path of a URL, if it is one that we read.
    ///
    /// ```
    /// use tracing_genai::provider::Api;
    ///
    /// assert_eq!(Api::from_path("/v1/messages"), Some(Api::AnthropicMessages));
    /// assert_eq!(Api::from_path("/openai/deployments/gpt/embeddings"), Some(Api::OpenAiEmbeddings));
    /// assert_eq!(Api::from_path("/v1beta/models/gemini-2.5-flash:embedContent"), Some(Api::GoogleEmbedContent));
    /// assert_eq!(Api::from_path("/v1/files"), None);
    /// ```
    pub fn from_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        if let Some((model, method)) = method_of_model(path) {
            return match method {
                "generateContent" | "streamGenerateContent" => Some(Self::GoogleGenerateContent),
                "embedContent" => Some(Self::GoogleEmbedContent),
                "batchEmbedContents" => Some(Self::GoogleBatchEmbedContents),
                // Vertex AI has other models of Google's behind this word, of images among them.
                "predict" if model.contains("embedding") || model.contains("gecko") => {
                    Some(Self::VertexPredict)
                }
                "rawPredict" | "streamRawPredict" if path.contains("/publishers/anthropic/") => {
                    Some(Self::AnthropicMessages)
                }
                _ => None,
            };
        }
        if let Some((model, method)) = bedrock_method(path) {
            return match method {
                "converse" | "converse-stream" => Some(Self::BedrockConverse),
                "invoke" if bedrock::is_embedding_model(&model) => Some(Self::BedrockEmbeddings),
                "invoke" | "invoke-with-response-stream" => Some(Self::BedrockInvokeModel),
                _ => None,
            };
        }
        [
            ("/chat/completions", Self::OpenAiChat),
            ("/responses", Self::OpenAiResponses),
            ("/embeddings", Self::OpenAiEmbeddings),
            // OpenAI's threads have `messages` too.
            ("/v1/messages", Self::AnthropicMessages),
        ]
        .into_iter()
        .find_map(|(suffix, api)| path.ends_with(suffix).then_some(api))
    }

    /// The kind of operation that a call of this API is.
    pub const fn operation_kind(self) -> OperationKind {
        match self {
            Self::OpenAiChat
            | Self::OpenAiResponses
            | Self::AnthropicMessages
            | Self::BedrockConverse
            | Self::BedrockInvokeModel => OperationKind::Chat,
            Self::GoogleGenerateContent => OperationKind::GenerateContent,
            Self::OpenAiEmbeddings
            | Self::VoyageEmbeddings
            | Self::GoogleEmbedContent
            | Self::GoogleBatchEmbedContents
            | Self::VertexPredict
            | Self::BedrockEmbeddings => OperationKind::Embeddings,
        }
    }

    /// `openai.api.type` of the conventions, where it has one.
    pub const fn openai_api_type(self) -> Option<&'static str> {
        match self {
            Self::OpenAiChat => Some("chat_completions"),
            Self::OpenAiResponses => Some("responses"),
            _ => None,
        }
    }

    pub(super) const fn family(self) -> Family {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiEmbeddings | Self::VoyageEmbeddings => {
                Family::OpenAi
            }
            Self::AnthropicMessages => Family::Anthropic,
            Self::BedrockConverse | Self::BedrockInvokeModel | Self::BedrockEmbeddings => Family::Bedrock,
            Self::GoogleGenerateContent
            | Self::GoogleEmbedContent
            | Self::GoogleBatchEmbedContents
            | Self::VertexPredict => Family::Google,
        }
    }

    /// Whether this path asks for a stream, where a request's body does not.
    pub(crate) fn is_stream_path(self, path: &str) -> bool {
        let ending = match self {
            Self::GoogleGenerateContent => ":streamGenerateContent",
            Self::BedrockConverse => "/converse-stream",
            Self::BedrockInvokeModel => "/invoke-with-response-stream",
            _ => return false,
        };
        path.trim_end_matches('/').ends_with(ending)
    }
}

/// The model and the method of a path that ends in `models/MODEL:METHOD`.
fn method_of_model(path: &str) -> Option<(&str, &str)> {
    let (_, last) = path.rsplit_once("models/")?;
    last.rsplit_once(':').filter(|(model, _)| !model.is_empty())
}

/// The model and the method of a path that ends in `/model/MODEL/METHOD`, as Amazon Bedrock's do; the
/// model of an ARN may hold slashes.
fn bedrock_method(path: &str) -> Option<(String, &str)> {
    let (before, method) = path.trim_end_matches('/').rsplit_once('/')?;
    let (_, model) = before.split_once("/model/")?;
    (!model.is_empty()).then(|| (percent_decoded(model), method))
}

/// The model that a URL's path names: Google's, Amazon Bedrock's, or an Azure deployment.
///
/// ```
/// use tracing_genai::provider::model_in_path;
///
/// let path = "/v1beta/models/gemini-2.5-flash:generateContent";
/// assert_eq!(model_in_path(path).as_deref(), Some("gemini-2.5-flash"));
/// ```
pub fn model_in_path(path: &str) -> Option<String> {
    let deployment = || path.split_once("/deployments/").and_then(|(_, rest)| rest.split('/').next());
    if let Some((model, _)) = bedrock_method(path) {
        return Some(model);
    }
    let model = method_of_model(path).map(|(model, _)| model).or_else(deployment);
    model.filter(|model| !model.is_empty()).map(percent_decoded)
}

/// `text` with its `%3A` and the like as they are meant.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The conventions have no word for it.
const VOYAGE: &str = "voyage_ai";

/// Hosts whose name, or the name's end where it begins with a dot or a hyphen, tells the provider.
const HOSTS: [(&str, &str); 23] = [
    ("api.openai.com", "openai"),
    (".api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    ("models.inference.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.voyageai.com", VOYAGE),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
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
    let bytes = host.as_bytes();
    let ends_with = |name: &str| {
        let start = bytes.len().checked_sub(name.len());
        start
            .and_then(|start| bytes.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    };
    let by_host =
        HOSTS
            .into_iter()
            .find(|(name, _)| {
                if name.starts_with(['.', '-']) { ends_with(name) } else { host.eq_ignore_ascii_case(name) }
            })
            .map(|(_, provider)| provider);
    let begins_with =
        |name: &str| bytes.get(..name.len()).is_some_and(|host| host.eq_ignore_ascii_case(name.as_bytes()));
    let is_bedrock = begins_with("bedrock-runtime") && host.to_ascii_lowercase().contains(".amazonaws.com");
    let by_host = by_host.or(is_bedrock.then_some("aws.bedrock"));
    by_host.or((port == OLLAMA_PORT).then_some("ollama"))
}
