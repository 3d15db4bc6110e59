//! Tools on offer, and which of them the model may call.

use super::API;
use crate::provider::{failure::wrong, pick};
use crate::record::{ErrorInfo, Part, Request, ToolChoice, ToolDefinition};
use serde_json::{Map, Value, json};

const FUNCTION: &str = "function";

/// Reads `tools`: all of them, or none if one is no tool, which leaves the list as it was sent.
pub(super) fn read_tools(sent: &Value) -> Option<Vec<ToolDefinition>> {
    sent.as_array()?.iter().map(|tool| read_tool(tool.as_object()?)).collect()
}

/// A `toolSpec` is the program's own; anything else is Amazon's, or a cache point, named by its key.
fn read_tool(sent: &Map<String, Value>) -> Option<ToolDefinition> {
    let mut fields = sent.iter().filter(|(_, value)| !value.is_null());
    let (kind, settings) = fields.next().filter(|_| fields.next().is_none())?;
    let mut rest = settings.as_object()?.clone();
    let name = pick::take_text(&mut rest, "name");
    if kind != "toolSpec" {
        return Some(ToolDefinition {
            name: name.unwrap_or_else(|| kind.clone()),
            kind: kind.clone(),
            parameters: (!rest.is_empty()).then_some(Value::Object(rest)),
            ..ToolDefinition::default()
        });
    }
    Some(ToolDefinition {
        kind: FUNCTION.to_owned(),
        name: name?,
        description: pick::take_text(&mut rest, "description"),
        parameters: pick::take(&mut rest, "inputSchema", read_schema),
        strict: pick::take(&mut rest, "strict", Value::as_bool),
        options: rest,
    })
}

/// A schema that is JSON and nothing else.
fn read_schema(schema: &Value) -> Option<Value> {
    let fields = schema.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("json").cloned()
}

fn write_tool(tool: &ToolDefinition) -> Value {
    let (key, mut body) = if tool.kind == FUNCTION {
        let mut spec = Map::new();
        spec.insert("name".to_owned(), Value::from(tool.name.as_str()));
        // Required, also of a tool without arguments.
        let schema = tool.parameters.clone().unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
        spec.insert("inputSchema".to_owned(), json!({ "json": schema }));
        let description = tool.description.as_deref().filter(|text| !text.is_empty());
        spec.extend(description.map(|text| ("description".to_owned(), Value::from(text))));
        spec.extend(tool.strict.map(|strict| ("strict".to_owned(), Value::from(strict))));
        ("toolSpec", spec)
    } else {
        let mut settings = tool.parameters.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        if tool.name != tool.kind && !tool.name.is_empty() {
            settings.insert("name".to_owned(), Value::from(tool.name.as_str()));
        }
        (tool.kind.as_str(), settings)
    };
    body.extend(tool.options.clone());
    let mut whole = Map::new();
    whole.insert(key.to_owned(), Value::Object(body));
    Value::Object(whole)
}

/// A choice; a form that is not known stays.
pub(super) fn read_choice(sent: &Value) -> Option<ToolChoice> {
    let sent = sent.as_object().filter(|sent| sent.len() == 1)?;
    let (kind, settings) = sent.iter().next()?;
    let settings = settings.as_object()?;
    match kind.as_str() {
        "auto" if settings.is_empty() => Some(ToolChoice::Auto),
        "any" if settings.is_empty() => Some(ToolChoice::Required),
        "tool" if settings.len() == 1 => pick::text(settings, "name").map(ToolChoice::Tool),
        _ => None,
    }
}

/// `toolConfig`, empty if there is nothing to say.
pub(super) fn write_config(request: &Request) -> Result<Map<String, Value>, ErrorInfo> {
    let mut config = Map::new();
    let is_offered = !request.tools.is_empty() || request.options.contains_key("toolConfig");
    let choice = match &request.tool_choice {
        Some(ToolChoice::None) => {
            forbid(request)?;
            return Ok(config);
        }
        // As it is anyhow; and a choice without tools is refused.
        None => None,
        Some(ToolChoice::Auto) => is_offered.then(|| json!({ "auto": {} })),
        Some(_) if !is_offered => {
            return Err(wrong("tool_choice", &format!("{API} takes it only with tools, and there are none")));
        }
        Some(ToolChoice::Required) => Some(json!({ "any": {} })),
        Some(ToolChoice::Tool(name)) => Some(json!({ "tool": { "name": name } })),
    };
    if !request.tools.is_empty() {
        config.insert("tools".to_owned(), request.tools.iter().map(write_tool).collect());
    }
    config.extend(choice.map(|choice| ("toolChoice".to_owned(), choice)));
    Ok(config)
}

/// Converse has no word for "none": tools that are not offered are not called. But it wants the tools of
/// which the conversation holds a call or a result.
fn forbid(request: &Request) -> Result<(), ErrorInfo> {
    let is_of_tool = |part: &Part| {
        matches!(
            part,
            Part::ToolCall(_) | Part::ToolResult(_) | Part::ServerToolCall(_) | Part::ServerToolResult(_)
        )
    };
    let has_own = request.options.contains_key("toolConfig");
    if !has_own && (request.tools.is_empty() || !request.has_part(is_of_tool)) {
        return Ok(());
    }
    Err(wrong(
        "tool_choice",
        &format!(
            "{API} cannot forbid the tools of which the messages hold calls; say in the instructions that none \
             is to be called, or leave the calls and their results out"
        ),
    ))
}
