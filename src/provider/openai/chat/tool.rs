//! Tools on offer and calls of them.

use crate::provider::pick;
use crate::record::{ToolCall, ToolChoice, ToolDefinition};
use serde_json::{Map, Value, json};

/// Reads a call: of a function, or of a custom tool, whose arguments are free text.
pub(super) fn read_call(sent: Value) -> Option<ToolCall> {
    let Value::Object(mut sent) = sent else {
        return None;
    };
    let id = pick::text(&sent, "id");
    let call = ["function", "custom"].iter().find_map(|kind| match sent.remove(*kind) {
        Some(Value::Object(call)) => Some(call),
        _ => None,
    })?;
    read_function(call, id)
}

/// Reads the name and arguments of a call.
pub(super) fn read_function(mut call: Map<String, Value>, id: Option<String>) -> Option<ToolCall> {
    let arguments = match call.remove("arguments").or_else(|| call.remove("input")) {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => String::new(),
        // Some servers send the object itself.
        Some(other) => other.to_string(),
    };
    let name = pick::text(&call, "name").unwrap_or_default();
    (!name.is_empty() || !arguments.is_empty() || id.is_some()).then_some(ToolCall {
        id,
        name,
        arguments,
        ..ToolCall::default()
    })
}

/// The legacy form of a call, without an id.
pub(super) fn write_function(call: &ToolCall) -> Value {
    json!({ "name": call.name, "arguments": call.arguments })
}

/// Which tools of a request are custom ones: a [`ToolCall`] does not say what kind it is of.
#[derive(Debug)]
pub(super) struct Kinds<'a>(&'a [ToolDefinition]);

impl<'a> Kinds<'a> {
    pub(super) fn of(tools: &'a [ToolDefinition]) -> Self {
        Self(tools)
    }

    fn is_custom(&self, name: &str) -> bool {
        self.0.iter().any(|tool| tool.kind == "custom" && tool.name == name)
    }

    pub(super) fn write_call(&self, call: &ToolCall) -> Value {
        let mut body = if self.is_custom(&call.name) {
            json!({ "type": "custom", "custom": { "name": call.name, "input": call.arguments } })
        } else {
            json!({ "type": "function", "function": write_function(call) })
        };
        if let (Some(body), Some(id)) = (body.as_object_mut(), &call.id) {
            body.insert("id".to_owned(), Value::from(id.as_str()));
        }
        body
    }

    pub(super) fn write_choice(&self, choice: &ToolChoice) -> Value {
        match choice {
            ToolChoice::Auto => Value::from("auto"),
            ToolChoice::None => Value::from("none"),
            ToolChoice::Required => Value::from("required"),
            ToolChoice::Tool(name) if self.is_custom(name) => {
                json!({ "type": "custom", "custom": { "name": name } })
            }
            ToolChoice::Tool(name) => json!({ "type": "function", "function": { "name": name } }),
        }
    }
}

/// Reads `tool_choice`, or the legacy `function_call`.
pub(super) fn read_choice(sent: &Value) -> Option<ToolChoice> {
    if let Some(word) = sent.as_str() {
        return match word {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" | "any" => Some(ToolChoice::Required),
            _ => None,
        };
    }
    let named = ["function", "custom"].iter().find_map(|kind| sent.get(*kind)).or_else(|| {
        // The legacy form is the name alone; a choice of another type is none of ours.
        sent.get("type").is_none().then_some(sent)
    })?;
    named.get("name")?.as_str().map(|name| ToolChoice::Tool(name.to_owned()))
}

/// Reads `tools`.
pub(super) fn read_tools(sent: &Value) -> Option<Vec<ToolDefinition>> {
    Some(sent.as_array()?.iter().filter_map(read_tool).collect())
}

/// Reads the legacy `functions`.
pub(super) fn read_functions(sent: &Value) -> Option<Vec<ToolDefinition>> {
    let functions = sent.as_array()?.iter();
    Some(functions.filter_map(|sent| definition("function", sent.as_object()?, "parameters")).collect())
}

fn read_tool(sent: &Value) -> Option<ToolDefinition> {
    let sent = sent.as_object()?;
    let kind = pick::text(sent, "type").unwrap_or_else(|| "function".to_owned());
    match (kind.as_str(), sent.get(&kind)) {
        ("function", Some(Value::Object(function))) => definition("function", function, "parameters"),
        ("custom", Some(Value::Object(custom))) => definition("custom", custom, "format"),
        _ => {
            let mut settings = sent.clone();
            settings.remove("type");
            Some(ToolDefinition {
                name: kind.clone(),
                kind,
                parameters: (!settings.is_empty()).then_some(Value::Object(settings)),
                ..ToolDefinition::default()
            })
        }
    }
}

/// `parameters` of a custom tool is the format of its input.
fn definition(kind: &str, sent: &Map<String, Value>, parameters: &str) -> Option<ToolDefinition> {
    Some(ToolDefinition {
        kind: kind.to_owned(),
        name: pick::text(sent, "name")?,
        description: pick::text(sent, "description"),
        parameters: sent.get(parameters).filter(|value| !value.is_null()).cloned(),
        strict: sent.get("strict").and_then(Value::as_bool),
        ..ToolDefinition::default()
    })
}

/// Writes a tool on offer; a provider's own tool is its kind and its settings.
pub(super) fn write_tool(tool: &ToolDefinition) -> Value {
    let mut body = Map::new();
    let parameters = match tool.kind.as_str() {
        "function" => "parameters",
        "custom" => "format",
        kind => {
            if let Some(Value::Object(settings)) = &tool.parameters {
                body.clone_from(settings);
            }
            body.insert("type".to_owned(), Value::from(kind));
            return Value::Object(body);
        }
    };
    body.insert("name".to_owned(), Value::from(tool.name.as_str()));
    if let Some(description) = &tool.description {
        body.insert("description".to_owned(), Value::from(description.as_str()));
    }
    if let Some(value) = &tool.parameters {
        body.insert(parameters.to_owned(), value.clone());
    }
    if let Some(strict) = tool.strict {
        body.insert("strict".to_owned(), Value::from(strict));
    }
    let mut whole = tool.options.clone();
    whole.insert("type".to_owned(), Value::from(tool.kind.as_str()));
    whole.insert(tool.kind.clone(), Value::Object(body));
    Value::Object(whole)
}
