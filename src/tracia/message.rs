use super::read;
use serde_json::{Map, Value, json};

/// A message of a prompt or a conversation, in Tracia's form.
///
/// ```
/// use tracing_genai::tracia::Message;
///
/// let turns = [Message::user("What is the weather in {{city}}?"), Message::assistant("It is clear.")];
/// assert_eq!(turns[1].text(), "It is clear.");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Its id, which each message of a prompt has; one is made up where it is left out.
    pub id: Option<String>,
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// A text, or a list of parts: `{"type": "text", "text"}`, `{"type": "tool_call", "id", "name", "arguments"}`,
    /// `{"type": "image", "image", "mimeType"}`.
    pub content: Value,
    /// Which call a `tool` message answers.
    pub tool_call_id: Option<String>,
    /// The name of the tool that answers.
    pub tool_name: Option<String>,
}

impl Message {
    /// A message of this role: a text, or a list of parts.
    pub fn new(role: impl Into<String>, content: impl Into<Value>) -> Self {
        Self { id: None, role: role.into(), content: content.into(), tool_call_id: None, tool_name: None }
    }

    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new("system", text.into())
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new("user", text.into())
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new("assistant", text.into())
    }

    /// What the model said, with the tools that it asked for.
    pub fn assistant_with_calls(text: impl Into<String>, calls: &[ToolCall]) -> Self {
        let text = Some(text.into()).filter(|text: &String| !text.is_empty());
        let said = text.map(|text| json!({"type": "text", "text": text}));
        let called = calls.iter().map(|call| {
            let mut part = call.to_json();
            part.insert("type".to_owned(), "tool_call".into());
            Value::Object(part)
        });
        Self::new("assistant", said.into_iter().chain(called).collect::<Vec<_>>())
    }

    /// What a tool answered to the call of this id.
    pub fn tool(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::new("tool", text.into()) }
    }

    /// Gives it an id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Its text: of a list of parts, that of the parts that have one.
    pub fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts = parts.iter().filter(|part| part["type"] == "text");
                texts.filter_map(|part| part["text"].as_str()).collect()
            }
            _ => String::new(),
        }
    }

    pub(super) fn read(sent: &Value) -> Self {
        Self {
            id: read::text(sent, "id"),
            role: read::text(sent, "role").unwrap_or_default(),
            content: sent["content"].clone(),
            tool_call_id: read::text(sent, "toolCallId"),
            tool_name: read::text(sent, "toolName"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("role".to_owned(), self.role.as_str().into());
        out.insert("content".to_owned(), self.content.clone());
        let texts = [("id", &self.id), ("toolCallId", &self.tool_call_id), ("toolName", &self.tool_name)];
        for (key, text) in texts {
            if let Some(text) = text {
                out.insert(key.to_owned(), text.as_str().into());
            }
        }
        out.into()
    }
}

/// A tool that a model asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolCall {
    /// The id of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it is called with, an object.
    pub arguments: Value,
}

impl ToolCall {
    /// A call of this tool.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    pub(super) fn read(sent: &Value) -> Self {
        Self {
            id: read::text(sent, "id").unwrap_or_default(),
            name: read::text(sent, "name").unwrap_or_default(),
            arguments: sent["arguments"].clone(),
        }
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("id".to_owned(), self.id.as_str().into());
        out.insert("name".to_owned(), self.name.as_str().into());
        out.insert("arguments".to_owned(), self.arguments.clone());
        out
    }
}

/// How many tokens a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenUsage {
    /// What went in.
    pub input_tokens: Option<u64>,
    /// What came out.
    pub output_tokens: Option<u64>,
    /// Both.
    pub total_tokens: Option<u64>,
}

impl TokenUsage {
    pub(super) fn read(sent: &Value) -> Self {
        Self {
            input_tokens: read::count(sent, "inputTokens"),
            output_tokens: read::count(sent, "outputTokens"),
            total_tokens: read::count(sent, "totalTokens"),
        }
    }
}
