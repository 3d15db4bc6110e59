//! The rules of messages, tools and their calls.

use serde_json::Value;

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

pub(super) fn messages(value: &Value) -> Result<(), String> {
    let messages = value.as_array().ok_or("input.messages is no list")?;
    for (place, message) in messages.iter().enumerate() {
        check(message).map_err(|reason| format!("input.messages[{place}]: {reason}"))?;
    }
    Ok(())
}

fn check(message: &Value) -> Result<(), &'static str> {
    let role = message["role"].as_str().filter(|role| ROLES.contains(role)).ok_or("the role is none")?;
    match &message["content"] {
        Value::String(_) => {}
        Value::Array(_) if role == "tool" => return Err("the content of a tool is no string"),
        Value::Array(parts) => parts.iter().try_for_each(part)?,
        _ => return Err("the content is neither a string nor a list of parts"),
    }
    if role == "tool" && message["toolCallId"].as_str().is_none_or(str::is_empty) {
        return Err("a tool has no toolCallId");
    }
    known_keys(message, &["role", "content", "toolCallId", "toolName"])
}

fn part(part: &Value) -> Result<(), &'static str> {
    let text = |key: &str| part[key].is_string();
    match part["type"].as_str() {
        Some("text") if text("text") => known_keys(part, &["type", "text"]),
        Some("tool_call") if text("id") && text("name") && part["arguments"].is_object() => {
            known_keys(part, &["type", "id", "name", "arguments"])
        }
        // A buffer of Node is an object of numbers.
        Some("image") if text("image") || part["image"].is_object() => {
            known_keys(part, &["type", "image", "mimeType"])
        }
        _ => Err("a part is neither text, tool_call nor image, or lacks something"),
    }
}

fn known_keys(value: &Value, known: &[&str]) -> Result<(), &'static str> {
    let all_known = value.as_object().is_some_and(|map| map.keys().all(|key| known.contains(&key.as_str())));
    if all_known { Ok(()) } else { Err("there is a key that is none of Tracia's") }
}

pub(super) fn tools(value: &Value) -> Result<(), String> {
    let tool = |tool: &Value| {
        let schema = &tool["parameters"];
        tool["name"].is_string()
            && tool["description"].is_string()
            && schema["type"] == "object"
            && schema["properties"].is_object()
            && known_keys(tool, &["name", "description", "parameters"]).is_ok()
    };
    let all = value.as_array().is_some_and(|tools| tools.iter().all(tool));
    if all {
        Ok(())
    } else {
        Err("a list of {name, description, parameters: {type: object, …}}".to_owned())
    }
}

pub(super) fn tool_calls(value: &Value) -> Result<(), String> {
    let call = |call: &Value| {
        call["id"].is_string()
            && call["name"].is_string()
            && call["arguments"].is_object()
            && known_keys(call, &["id", "name", "arguments"]).is_ok()
    };
    let all = value.as_array().is_some_and(|calls| calls.iter().all(call));
    if all { Ok(()) } else { Err("a list of {id, name, arguments: {…}}".to_owned()) }
}
