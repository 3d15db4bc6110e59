//! Tools on offer, and which of them the model may call.

use crate::provider::pick;
use crate::record::{ToolChoice, ToolDefinition};
use serde_json::{Map, Value, json};

/// Reads `tools`: all of them, or none if one is no tool, which leaves the list as it was sent.
pub(super) fn read_tools(sent: &Value) -> Option<Vec<ToolDefinition>> {
    sent.as_array()?.iter().map(|tool| read_tool(tool.as_object()?)).collect()
}

/// A tool without a type is the program's own; any other is Anthropic's, named by its kind and date.
fn read_tool(sent: &Map<String, Value>) -> Option<ToolDefinition> {
    let mut rest = sent.clone();
    let kind = pick::take_text(&mut rest, "type").filter(|kind| kind != "custom");
    let name = pick::take_text(&mut rest, "name");
    let Some(kind) = kind else {
        return Some(ToolDefinition {
            kind: FUNCTION.to_owned(),
            name: name?,
            description: pick::take_text(&mut rest, "description"),
            parameters: rest.remove("input_schema"),
            strict: pick::take(&mut rest, "strict", Value::as_bool),
            options: rest,
        });
    };
    Some(ToolDefinition {
        name: name.unwrap_or_else(|| kind.clone()),
        kind,
        parameters: (!rest.is_empty()).then_some(Value::Object(rest)),
        ..ToolDefinition::default()
    })
}

const FUNCTION: &str = "function";

pub(super) fn write_tool(tool: &ToolDefinition) -> Value {
    let mut body = Map::new();
    if tool.kind == FUNCTION {
        // Required, also of a tool without arguments.
        let schema = tool.parameters.clone().unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
        body.insert("input_schema".to_owned(), schema);
    } else {
        if let Some(Value::Object(settings)) = &tool.parameters {
            body.clone_from(settings);
        }
        body.insert("type".to_owned(), Value::from(tool.kind.as_str()));
    }
    // A toolset of an MCP server has no name of its own.
    if (tool.kind == FUNCTION || tool.name != tool.kind) && !tool.name.is_empty() {
        body.insert("name".to_owned(), Value::from(tool.name.as_str()));
    }
    if let Some(description) = &tool.description {
        body.insert("description".to_owned(), Value::from(description.as_str()));
    }
    if let Some(strict) = tool.strict {
        body.insert("strict".to_owned(), Value::from(strict));
    }
    body.extend(tool.options.clone());
    Value::Object(body)
}

/// Takes the choice out of `tool_choice`; a form that is not known stays.
pub(super) fn take_choice(sent: &mut Map<String, Value>) -> Option<ToolChoice> {
    let choice = match pick::text(sent, "type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(pick::take_text(sent, "name")?),
        _ => return None,
    };
    sent.remove("type");
    Some(choice)
}

/// `tool_choice`. What forbids several calls at once stands in it, so that this alone makes one.
pub(super) fn write_choice(
    choice: Option<&ToolChoice>,
    parallel: Option<bool>,
) -> Option<Map<String, Value>> {
    let mut body = Map::new();
    let kind = match choice {
        // As it is anyhow; and a choice without tools is refused.
        None if parallel != Some(false) => return None,
        None | Some(ToolChoice::Auto) => "auto",
        Some(ToolChoice::Required) => "any",
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Tool(name)) => {
            body.insert("name".to_owned(), Value::from(name.as_str()));
            "tool"
        }
    };
    body.insert("type".to_owned(), Value::from(kind));
    // Where nothing may be called the API knows no such key.
    if let Some(parallel) = parallel.filter(|_| kind != "none") {
        body.insert("disable_parallel_tool_use".to_owned(), Value::from(!parallel));
    }
    Some(body)
}
