use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// One message of a conversation, made by [`Message::new`] or [`Message::text`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The name of the participant, where the provider has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Whose format an answer came in: what only that provider understands (proofs of reasoning, its own
    /// tools, parts of its own) is not sent to another. `None` for a message of the program's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Cow<'static, str>>,
}

/// Who speaks in a [`Message`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Instructions of the application, in the older OpenAI form and elsewhere.
    System,
    /// Instructions of the application, in the newer OpenAI form.
    Developer,
    /// The person, or the program on its behalf.
    User,
    /// The model.
    Assistant,
    /// The result of a tool.
    Tool,
    /// A role of the provider's own, kept as it is.
    #[serde(untagged)]
    Other(String),
}

/// One piece of a [`Message`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Plain text.
    Text(String),
    /// The model's reasoning, or a summary of it.
    Reasoning(String),
    /// The model's words when it declines.
    Refusal(String),
    /// A call the model asks the program to make.
    ToolCall(ToolCall),
    /// What the program answered to a [`ToolCall`].
    ToolResult(ToolResult),
    /// A call of a tool that the provider ran itself, such as a web search.
    ServerToolCall(ToolCall),
    /// What came of a [`ServerToolCall`](Self::ServerToolCall).
    ServerToolResult(ServerToolResult),
    /// An image, a sound, a video or a document.
    Media(Media),
    /// The provider's proof of the part before it, to be sent back as it came: Anthropic's `signature`
    /// of its thinking, Google's `thoughtSignature` of a call or a text.
    Signature(String),
    /// The sources of what was said before it, each as the provider wrote it.
    Citations(Vec<Value>),
    /// All before it is to be kept in the provider's prompt cache (Anthropic `cache_control`, Bedrock
    /// `cachePoint`).
    CachePoint(CacheLifetime),
    /// Anything else, kept as the provider wrote it.
    Other {
        /// The provider's name of the part.
        kind: String,
        /// The part as it was sent.
        value: Value,
    },
}

/// A call of a tool that a model asked for. A literal ends with `..ToolCall::default()`: fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id to answer with: OpenAI `id`, in the Responses API `call_id`.
    pub id: Option<String>,
    /// The item's own id, where it differs (OpenAI Responses).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// The MCP server that has the tool, where the provider calls one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The arguments as the provider wrote them: JSON as a rule, cut off when the output was, and
    /// free text for a custom tool.
    pub arguments: String,
}

/// A tool's answer on its way to the model. A literal ends with `..ToolResult::default()` or
/// `..ToolResult::of(&call, content)`: fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call that this answers.
    pub call_id: Option<String>,
    /// The tool's name, which Google wants; by default that of the call with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The answer, JSON or plain text.
    pub content: String,
    /// Images and documents that belong to the answer (Anthropic, Bedrock).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Whether the tool failed, which `content` then tells of (Anthropic, Bedrock).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// What came of a tool that the provider ran itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerToolResult {
    /// The id of the call.
    pub call_id: Option<String>,
    /// The provider's name of the part, such as `web_search_tool_result`.
    pub kind: String,
    /// The part as it was sent.
    pub value: Value,
}

/// How long a provider is asked to keep a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheLifetime {
    /// As long as the provider does unasked: five minutes.
    #[default]
    Default,
    /// One hour.
    OneHour,
}

/// An image, a sound, a video or a document, made by [`Media::new`], [`Media::from_uri`] or
/// [`Media::from_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// What it is.
    pub modality: Modality,
    /// Its media type, such as `image/png`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Where its bytes are.
    pub source: MediaSource,
}

/// Where the bytes of a [`Media`] are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// In the message, base64.
    Base64(String),
    /// At an address. A `data:` address is held as [`MediaSource::Base64`].
    Uri(String),
    /// In the provider's file store, under this id.
    FileId(String),
}

/// What a [`Media`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Modality {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A film.
    Video,
    /// A document such as a PDF.
    Document,
}

impl Message {
    /// A message of these parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, name: None, parts, origin: None }
    }

    /// A message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self::new(role, vec![Part::Text(text.into())])
    }
}

impl Part {
    pub(crate) fn is_result_with_media(&self) -> bool {
        matches!(self, Self::ToolResult(result) if !result.media.is_empty())
    }
}

impl Role {
    /// The role's name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(other) => other,
        }
    }
}

impl From<&str> for Role {
    fn from(role: &str) -> Self {
        match role {
            "system" => Self::System,
            "developer" => Self::Developer,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl ToolCall {
    /// The arguments as a JSON value; `{}` when the provider sent none, `None` when they are not
    /// JSON (cut off, or a custom tool's free text).
    pub fn arguments_json(&self) -> Option<Value> {
        if self.arguments.trim().is_empty() {
            return Some(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_str(&self.arguments).ok()
    }
}

impl ToolResult {
    /// The answer to this call: JSON or plain text.
    ///
    /// ```
    /// use tracing_genai::record::{ToolCall, ToolResult};
    ///
    /// let call = ToolCall { name: "add".into(), arguments: r#"{"a":1,"b":2}"#.into(), ..ToolCall::default() };
    /// assert_eq!(ToolResult::of(&call, "3").name.as_deref(), Some("add"));
    /// ```
    pub fn of(call: &ToolCall, content: impl Into<String>) -> Self {
        Self { content: content.into(), ..Self::from(call) }
    }
}

/// An answer to this call, still empty.
impl From<&ToolCall> for ToolResult {
    fn from(call: &ToolCall) -> Self {
        Self { call_id: call.id.clone(), name: Some(call.name.clone()), ..Self::default() }
    }
}

/// An answer to the call with this id, still empty.
impl From<&str> for ToolResult {
    fn from(call_id: &str) -> Self {
        Self { call_id: Some(call_id.to_owned()), ..Self::default() }
    }
}

/// An answer to the call with this id, still empty.
impl From<String> for ToolResult {
    fn from(call_id: String) -> Self {
        Self { call_id: Some(call_id), ..Self::default() }
    }
}

impl ServerToolResult {
    /// What came of the call with this id: a part of this kind, as the provider sent it.
    pub fn new(call_id: Option<String>, kind: impl Into<String>, value: Value) -> Self {
        Self { call_id, kind: kind.into(), value }
    }
}

impl Media {
    /// An image, sound or document that is there, and its media type where known.
    pub fn new(modality: Modality, mime_type: Option<String>, source: MediaSource) -> Self {
        Self { modality, mime_type, source }
    }

    /// An image, sound or document at an address; a `data:` address is taken apart.
    pub fn from_uri(modality: Modality, uri: &str) -> Self {
        let inline = uri.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        match inline {
            Some((mime, data)) => Self {
                modality,
                mime_type: (!mime.is_empty()).then(|| mime.to_owned()),
                source: MediaSource::Base64(data.to_owned()),
            },
            None => Self { modality, mime_type: None, source: MediaSource::Uri(uri.to_owned()) },
        }
    }

    /// An image, sound or document of these bytes.
    ///
    /// ```
    /// use tracing_genai::record::{Media, Modality};
    ///
    /// let media = Media::from_bytes(Modality::Image, "image/gif", b"GIF89a");
    /// assert_eq!(media.to_uri().as_deref(), Some("data:image/gif;base64,R0lGODlh"));
    /// ```
    pub fn from_bytes(modality: Modality, mime_type: impl Into<String>, bytes: &[u8]) -> Self {
        let data = STANDARD.encode(bytes);
        Self { modality, mime_type: Some(mime_type.into()), source: MediaSource::Base64(data) }
    }

    /// The address of this medium as providers take it: the address itself, or a `data:` one.
    /// `None` for a file id.
    pub fn to_uri(&self) -> Option<String> {
        match &self.source {
            MediaSource::Base64(data) => {
                let mime = self.mime_type.as_deref().unwrap_or("application/octet-stream");
                Some(format!("data:{mime};base64,{data}"))
            }
            MediaSource::Uri(uri) => Some(uri.clone()),
            MediaSource::FileId(_) => None,
        }
    }
}

impl Modality {
    /// The conventions' word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}
