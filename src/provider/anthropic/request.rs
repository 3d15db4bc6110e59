//! A request's body, read.

use super::{block, tool};
use crate::provider::{pick, told::read_messages};
use crate::record::{OutputFormat, Request};
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What we do not know, or cannot read, stays among the [`options`](Request::options), so that
/// [`write_request`](super::write_request) sends it again. Some things are not kept: the
/// `authorization_token`s of MCP servers, which are secrets; who called a tool (`caller`); a document's
/// title, context and whether it is to be cited; cache points within a tool's result.
pub fn read_request(body: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let system = fields.get("system").and_then(|raw| block::read_all(raw));
    let messages =
        fields.get("messages").and_then(|raw| read_messages(raw, |content, _| block::read_all(content)));
    for (name, understood) in [("system", system.is_some()), ("messages", messages.is_some())] {
        if understood {
            fields.remove(name);
        }
    }
    let mut sent: Map<String, Value> =
        fields.into_iter().map(|(name, raw)| (name, block::value(raw))).collect();
    forget_secrets(&mut sent);
    let (tool_choice, parallel_tool_calls) = within(&mut sent, "tool_choice", |choice| {
        let parallel = pick::take(choice, "disable_parallel_tool_use", Value::as_bool).map(|not| !not);
        (tool::take_choice(choice), parallel)
    });
    let (reasoning_level, format) = within(&mut sent, "output_config", |config| {
        (pick::take_text(config, "effort"), pick::take(config, "format", read_format))
    });
    Some(Request {
        model: pick::take_text(&mut sent, "model"),
        system_instructions: system.unwrap_or_default(),
        messages: messages.unwrap_or_default(),
        tools: pick::take(&mut sent, "tools", tool::read_tools).unwrap_or_default(),
        tool_choice,
        parallel_tool_calls,
        stream: pick::take(&mut sent, "stream", Value::as_bool).unwrap_or_default(),
        max_output_tokens: pick::take(&mut sent, "max_tokens", pick::whole_number),
        temperature: pick::take(&mut sent, "temperature", Value::as_f64),
        top_p: pick::take(&mut sent, "top_p", Value::as_f64),
        top_k: pick::take(&mut sent, "top_k", pick::whole_number),
        stop_sequences: pick::take(&mut sent, "stop_sequences", read_stop).unwrap_or_default(),
        // The older name, of the time when it was a trial.
        output_format: format.or_else(|| pick::take(&mut sent, "output_format", read_format)),
        reasoning_level,
        reasoning_budget: within(&mut sent, "thinking", take_budget),
        service_tier: pick::take_text(&mut sent, "service_tier"),
        user: within(&mut sent, "metadata", |metadata| pick::take_text(metadata, "user_id")),
        options: sent,
        ..Request::default()
    })
}

fn read_stop(stop: &Value) -> Option<Vec<String>> {
    stop.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
}

/// A schema; one that says more than we keep stays as it was sent.
fn read_format(format: &Value) -> Option<OutputFormat> {
    let format = format.as_object().filter(|format| format.len() == 2)?;
    let schema =
        format.get("schema").filter(|_| format.get("type").is_some_and(|kind| kind == "json_schema"))?;
    Some(OutputFormat::JsonSchema { name: String::new(), schema: schema.clone(), strict: None })
}

/// A budget goes with thinking that is enabled; how else to think stays.
fn take_budget(thinking: &mut Map<String, Value>) -> Option<u64> {
    if thinking.get("type").is_none_or(|kind| kind != "enabled") {
        return None;
    }
    let budget = pick::take(thinking, "budget_tokens", pick::whole_number)?;
    thinking.remove("type");
    Some(budget)
}

/// Takes out of the object under this name; nothing is left of one that is then empty.
fn within<T: Default>(
    sent: &mut Map<String, Value>,
    name: &str,
    take: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    let Some(Value::Object(object)) = sent.get_mut(name) else {
        return T::default();
    };
    let taken = take(object);
    if object.is_empty() {
        sent.remove(name);
    }
    taken
}

/// The keys to other people's servers are nothing to keep.
fn forget_secrets(sent: &mut Map<String, Value>) {
    let servers = sent.get_mut("mcp_servers").and_then(Value::as_array_mut);
    for server in servers.into_iter().flatten().filter_map(Value::as_object_mut) {
        server.remove("authorization_token");
    }
}
