//! Tools on offer and the choice among them, read and written.

use super::fields::{Fields, list, text, value, word};
use crate::record::{ToolChoice, ToolDefinition};
use serde_json::{Map, Value, json, value::RawValue};

const FUNCTION: &str = "function";

/// Reads `tools`, if every one of them is an object: functions are listed under one name, a tool of the
/// provider's own is its name and its settings.
pub(super) fn read_tools(raw: &RawValue) -> Option<Vec<ToolDefinition>> {
    let mut tools = Vec::new();
    for tool in list(raw) {
        for (kind, settings) in Fields::read(tool.get())?.iter() {
            if kind == "functionDeclarations" {
                for function in list(settings) {
                    tools.push(read_function(function)?);
                }
            } else {
                tools.push(ToolDefinition {
                    kind: kind.to_owned(),
                    name: kind.to_owned(),
                    parameters: Some(value(settings)),
                    ..ToolDefinition::default()
                });
            }
        }
    }
    Some(tools)
}

/// A schema in Google's own dialect (`parameters`) stays among the options too: that it is one is not to be
/// seen from the schema, and as a JSON schema it may mean something else.
fn read_function(raw: &RawValue) -> Option<ToolDefinition> {
    let mut fields = Fields::read(raw.get())?;
    let name = fields.take("name", text)?;
    let description = fields.take("description", text);
    let parameters = fields
        .take("parametersJsonSchema", |raw| Some(value(raw)))
        .or_else(|| fields.get("parameters").map(value));
    Some(ToolDefinition {
        kind: FUNCTION.to_owned(),
        name,
        description,
        parameters,
        strict: None,
        options: fields.rest(),
    })
}

/// Writes `tools`: functions that follow each other share a list.
pub(super) fn write_tools(tools: &[ToolDefinition]) -> Value {
    let is_function = |tool: &ToolDefinition| tool.kind == FUNCTION;
    let alike = |one: &ToolDefinition, next: &ToolDefinition| is_function(one) && is_function(next);
    let write = |tools: &[ToolDefinition]| match tools {
        [tool] if !is_function(tool) => {
            let settings = tool.parameters.clone().unwrap_or_else(|| json!({}));
            Value::Object(Map::from_iter([(tool.kind.clone(), settings)]))
        }
        functions => {
            let functions: Vec<_> = functions.iter().map(write_function).collect();
            json!({ "functionDeclarations": functions })
        }
    };
    tools.chunk_by(alike).map(write).collect()
}

fn write_function(tool: &ToolDefinition) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), Value::from(tool.name.as_str()));
    if let Some(description) = &tool.description {
        body.insert("description".to_owned(), Value::from(description.as_str()));
    }
    if let Some(parameters) = tool.parameters.as_ref().filter(|_| !tool.options.contains_key("parameters")) {
        body.insert("parametersJsonSchema".to_owned(), parameters.clone());
    }
    body.extend(tool.options.clone());
    Value::Object(body)
}

/// Takes the choice out of `toolConfig`, unless it says more than a [`ToolChoice`] does.
pub(super) fn take_choice(config: &mut Fields<'_>) -> Option<ToolChoice> {
    let (choice, is_all) = config.get("functionCallingConfig").and_then(read_choice)?;
    if is_all {
        config.remove("functionCallingConfig");
    }
    Some(choice)
}

/// The choice, and whether it is all that is said.
fn read_choice(raw: &RawValue) -> Option<(ToolChoice, bool)> {
    let mut fields = Fields::read(raw.get())?;
    let mode = fields.take("mode", word)?.to_ascii_uppercase();
    let allowed: Vec<String> =
        fields.take("allowedFunctionNames", |raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let (choice, names_are_told) = match (mode.as_str(), allowed.as_slice()) {
        ("AUTO" | "1", names) => (ToolChoice::Auto, names.is_empty()),
        ("NONE" | "3", names) => (ToolChoice::None, names.is_empty()),
        ("ANY" | "2", [name]) => (ToolChoice::Tool(name.clone()), true),
        ("ANY" | "2", names) => (ToolChoice::Required, names.is_empty()),
        _ => return None,
    };
    Some((choice, names_are_told && fields.iter().next().is_none()))
}

/// Writes the choice as `toolConfig`.
pub(super) fn write_choice(choice: &ToolChoice) -> Value {
    let config = match choice {
        ToolChoice::Auto => json!({ "mode": "AUTO" }),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Required => json!({ "mode": "ANY" }),
        ToolChoice::Tool(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    json!({ "functionCallingConfig": config })
}
