use super::{Message, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was asked of a language model.
///
/// The client builds one to make a call, a reader fills one from the bytes of a call that another
/// client made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// The model, exactly as requested.
    pub model: Option<String>,
    /// Instructions that the API takes apart from the messages (OpenAI Responses `instructions`).
    pub system_instructions: Vec<Part>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Tools on offer.
    pub tools: Vec<ToolDefinition>,
    /// Which of them the model may or must call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether the model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// How many answers were asked for.
    pub choice_count: Option<u32>,
    /// The most output tokens allowed.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<u64>,
    /// Penalty for frequent tokens.
    pub frequency_penalty: Option<f64>,
    /// Penalty for tokens that are there already.
    pub presence_penalty: Option<f64>,
    /// Texts at which the model stops.
    pub stop_sequences: Vec<String>,
    /// Sampling seed.
    pub seed: Option<i64>,
    /// The form of the answer.
    pub output_format: Option<OutputFormat>,
    /// How much the model should reason, in the provider's word.
    pub reasoning_level: Option<String>,
    /// The most tokens to reason with (Anthropic `budget_tokens`, Google `thinkingBudget`).
    pub reasoning_budget: Option<u64>,
    /// The response that this one continues (OpenAI Responses).
    pub previous_response_id: Option<String>,
    /// The conversation in the provider's own store.
    pub conversation_id: Option<String>,
    /// The guardrail that is to watch the call (Amazon Bedrock).
    pub guardrail_id: Option<String>,
    /// The guardrail's version.
    pub guardrail_version: Option<String>,
    /// The service tier asked for (OpenAI).
    pub service_tier: Option<String>,
    /// The end user's id, where the provider takes one.
    pub user: Option<String>,
    /// What the names in `{{…}}` of the prompt stood for, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Parameters of the provider's own, sent as they are.
    pub options: Map<String, Value>,
}

/// The form of answer that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputFormat {
    /// Plain text.
    Text,
    /// Any JSON object.
    Json,
    /// JSON of this schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// The schema.
        schema: Value,
        /// Whether the provider must hold to it.
        strict: Option<bool>,
    },
    /// An image.
    Image,
    /// Speech.
    Speech,
}

/// A tool on offer. A literal ends with `..ToolDefinition::default()`: fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// `function`, or the provider's word for a tool of its own such as `web_search`.
    pub kind: String,
    /// The tool's name; a provider's own tool is named by its kind.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// Whether the provider must hold to the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// What else the provider takes with a tool, sent as it is.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

/// Which tools a model may or must call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// As the model sees fit.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
}

impl Request {
    /// Whether a part of the instructions or of a message is one of these.
    pub(crate) fn has_part(&self, is_one: fn(&Part) -> bool) -> bool {
        let said = self.messages.iter().flat_map(|message| &message.parts);
        self.system_instructions.iter().chain(said).any(is_one)
    }
}

impl ToolDefinition {
    /// A function of the program with this name, description and JSON schema of arguments.
    pub fn function(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            kind: "function".to_owned(),
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(parameters),
            strict: None,
            options: Map::new(),
        }
    }
}
