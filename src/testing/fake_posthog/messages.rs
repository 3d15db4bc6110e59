//! What PostHog makes of the messages themselves.

use serde_json::{Map, Value, json};

/// Of text that PostHog reads, in characters.
const TEXT_LIMIT: usize = 500_000;
const TOOLS_LIMIT: usize = 100;
const TOOL_NAME_LIMIT: usize = 200;

/// Puts the system instructions before the messages, unless these have some already or are no list.
pub(super) fn prepend_instructions(properties: &mut Map<String, Value>) {
    let Some(instructions) = properties.get("gen_ai.system_instructions").and_then(instructions) else {
        return;
    };
    let Some(Value::Array(messages)) = properties.get_mut("$ai_input") else { return };
    if messages.first().is_none_or(|first| first["role"] != "system") {
        messages.insert(0, json!({"role": "system", "content": instructions}));
    }
    properties.remove("gen_ai.system_instructions");
}

/// Text, or the text parts of a list in JSON.
fn instructions(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| text.chars().count() <= TEXT_LIMIT)?;
    let text = match serde_json::from_str(text) {
        Ok(Value::Array(parts)) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            texts.filter_map(|part| part["content"].as_str()).collect::<Vec<_>>().join("\n")
        }
        Ok(Value::String(text)) => text,
        _ => text.to_owned(),
    };
    (!text.is_empty()).then_some(text)
}

/// The messages of the conventions' old events, where there are no others.
pub(super) fn read_events(properties: &mut Map<String, Value>) {
    let Some(events) = properties.remove("events") else { return };
    let events = match &events {
        Value::String(text) if text.chars().count() <= TEXT_LIMIT => serde_json::from_str(text).ok(),
        _ => None,
    };
    let Some(Value::Array(events)) = events else { return };
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for event in events {
        match event["event.name"].as_str() {
            Some("gen_ai.choice") => output.push(event["message"].clone()),
            Some("gen_ai.system.message" | "gen_ai.user.message") => input.push(event),
            Some("gen_ai.assistant.message" | "gen_ai.tool.message") => input.push(event),
            _ => {}
        }
    }
    for (key, messages) in [("$ai_input", input), ("$ai_output_choices", output)] {
        if !messages.is_empty() && !properties.contains_key(key) {
            properties.insert(key.to_owned(), Value::Array(messages));
        }
    }
}

/// The names of the tools that the model called.
pub(super) fn count_tools(properties: &mut Map<String, Value>) {
    let Some(Value::Array(messages)) = properties.get("$ai_output_choices") else { return };
    let mut names: Vec<String> = messages.iter().flat_map(tools_of).collect();
    names.retain(|name| !name.is_empty() && name.chars().count() <= TOOL_NAME_LIMIT);
    names.truncate(TOOLS_LIMIT);
    if !names.is_empty() {
        properties.entry("$ai_tools_called").or_insert(names.join(",").into());
        properties.entry("$ai_tool_call_count").or_insert(names.len().into());
    }
}

fn tools_of(message: &Value) -> Vec<String> {
    let list = |key: &str| message[key].as_array().into_iter().flatten();
    let of_calls = list("tool_calls").map(|call| &call["function"]["name"]);
    let of_parts =
        list("parts").chain(list("content")).chain([message]).filter_map(|part| {
            match part["type"].as_str()? {
                "tool_call" | "tool_use" | "function_call" => Some(&part["name"]),
                "function" => Some(&part["function"]["name"]),
                "tool-call" => {
                    Some(if part["toolName"].is_string() { &part["toolName"] } else { &part["name"] })
                }
                _ => None,
            }
        });
    of_calls.chain(of_parts).filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
