//! What a request asks for, and what a model without a mind says to it.

use super::{anthropic, endpoint::Operation, google};
use serde_json::{Value, json};

/// The part of a request that decides about the answer, the same for all endpoints.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// What the last message says.
    pub(super) text: String,
    pub(super) is_tool_result: bool,
    /// The first tool, or the one that was forced: name and schema.
    pub(super) tool: Option<(String, Value)>,
    pub(super) tool_is_forced: bool,
    /// The schema that the answer must follow; `Null` for any JSON object.
    pub(super) schema: Option<Value>,
    pub(super) max_tokens: Option<usize>,
    /// How many answers, if not one.
    pub(super) choices: Option<usize>,
    pub(super) words: usize,
}

/// What the model says.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Text(String),
    Refusal(String),
    ToolCalls(Vec<(String, String)>),
}

impl Prompt {
    pub(super) fn of(operation: Operation, body: &Value) -> Self {
        match operation {
            Operation::Messages => anthropic::prompt(body),
            Operation::Generate | Operation::GenerateStream => google::prompt(body),
            Operation::Responses => {
                Self::of_openai(body, &body["input"], &body["max_output_tokens"], &body["text"]["format"])
            }
            _ => {
                let limit = &body["max_completion_tokens"];
                let limit = if limit.is_null() { &body["max_tokens"] } else { limit };
                Self::of_openai(body, &body["messages"], limit, &body["response_format"])
            }
        }
    }

    fn of_openai(body: &Value, messages: &Value, max_tokens: &Value, format: &Value) -> Self {
        let last = messages.as_array().and_then(|messages| messages.last()).unwrap_or(messages);
        let is_tool_result = last["role"] == "tool" || last["type"] == "function_call_output";
        let content = if last["type"] == "function_call_output" { &last["output"] } else { &last["content"] };
        let (tool, tool_is_forced) = tool(body);
        Self {
            text: text(if last.is_string() { last } else { content }),
            is_tool_result,
            tool,
            tool_is_forced,
            schema: schema(format),
            max_tokens: number(max_tokens),
            choices: number(&body["n"]),
            words: words(messages) + words(&body["instructions"]),
        }
    }

    /// What there is to say without being told.
    pub(super) fn reply(&self) -> Reply {
        if let Some((name, schema)) = self.tool.as_ref().filter(|_| !self.is_tool_result) {
            return Reply::ToolCalls(vec![(name.clone(), example(schema, schema, 0).to_string())]);
        }
        Reply::Text(match &self.schema {
            Some(schema) => example(schema, schema, 0).to_string(),
            None if self.is_tool_result => format!("The tool said: {}", self.text),
            None => format!("You said: {}", self.text),
        })
    }
}

/// The schema of a format, where that says to answer in JSON.
pub(super) fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str() {
        Some("json_object") => Some(Value::Null),
        Some("json_schema") => {
            let schema = &format["json_schema"]["schema"];
            Some(if schema.is_null() { format["schema"].clone() } else { schema.clone() })
        }
        _ => None,
    }
}

pub(super) fn number(value: &Value) -> Option<usize> {
    value.as_u64()?.try_into().ok()
}

/// The tool to call, and whether the request left no choice.
fn tool(body: &Value) -> (Option<(String, Value)>, bool) {
    let function = |tool: &Value| -> Option<(String, Value)> {
        // Chat nests the function, responses do not.
        let function = if tool["function"].is_null() { tool } else { &tool["function"] };
        Some((function["name"].as_str()?.to_owned(), function["parameters"].clone()))
    };
    let choice = &body["tool_choice"];
    if choice == "none" {
        return (None, false);
    }
    let forced = choice["function"]["name"].as_str().or_else(|| choice["name"].as_str());
    let tools = body["tools"].as_array().into_iter().flatten().filter_map(function);
    (first_tool(tools, forced), forced.is_some())
}

/// The first tool, or the one that is forced.
pub(super) fn first_tool(
    mut tools: impl Iterator<Item = (String, Value)>,
    forced: Option<&str>,
) -> Option<(String, Value)> {
    tools.find(|(name, _)| forced.is_none_or(|forced| forced == name))
}

pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// The words in all strings: near enough to tokens, and easy to foresee.
pub(super) fn words(value: &Value) -> usize {
    match value {
        Value::String(text) => text.split_whitespace().count(),
        Value::Array(values) => values.iter().map(words).sum(),
        Value::Object(fields) => fields.values().map(words).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A value that a JSON schema allows. `root` is where its references begin.
fn example(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > 16 {
        return Value::Null;
    }
    let nested = |schema| example(schema, root, depth + 1);
    let reference = schema["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?));
    let choice = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[key].get(0));
    if let Some(target) = reference.or(choice) {
        return nested(target);
    }
    let given = ["const", "default"].iter().find_map(|key| schema.get(key));
    if let Some(value) = given.or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    // Google writes types in capitals.
    match kind.map(str::to_lowercase).as_deref() {
        Some("string") => json!("text"),
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1)),
        Some("number") => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
        Some("boolean") => json!(true),
        Some("array") => json!([nested(&schema["items"])]),
        Some("null") => Value::Null,
        _ => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.map(|(name, schema)| (name.clone(), nested(schema))).collect()
        }
    }
}
