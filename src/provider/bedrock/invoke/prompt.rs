//! Requests of one prompt, and Cohere's of a message and what came before it.

use crate::provider::pick;
use crate::record::{Message, Part, Request, Role, ToolCall, ToolDefinition};
use serde_json::{Map, Value};

/// Takes out what a prompt asks for, under any family's names.
pub(super) fn read(mut sent: Map<String, Value>) -> Request {
    let mut request = Request::default();
    read_history(&mut sent, &mut request);
    for name in ["prompt", "inputText", "message"] {
        let text = pick::take_text(&mut sent, name);
        request.messages.extend(text.map(|text| Message::text(Role::User, text)));
    }
    read_parameters(&mut sent, &mut request);
    within(&mut sent, "textGenerationConfig", |config| read_parameters(config, &mut request));
    let preamble = pick::take_text(&mut sent, "preamble");
    request.system_instructions = preamble.map(Part::Text).into_iter().collect();
    request.tools = pick::take(&mut sent, "tools", read_tools).unwrap_or_default();
    request.stream = pick::take(&mut sent, "stream", Value::as_bool).unwrap_or_default();
    request.seed = pick::take(&mut sent, "seed", Value::as_i64);
    request.choice_count = pick::take(&mut sent, "num_generations", pick::small_number)
        .or_else(|| pick::take(&mut sent, "numResults", pick::small_number));
    request.frequency_penalty = read_penalty(&mut sent, ["frequency_penalty", "frequencyPenalty"]);
    request.presence_penalty = read_penalty(&mut sent, ["presence_penalty", "presencePenalty"]);
    request.options = sent;
    request
}

/// Takes out the parameters that all families have, each under its names.
pub(super) fn read_parameters(sent: &mut Map<String, Value>, request: &mut Request) {
    let limit =
        ["max_tokens", "max_new_tokens", "maxTokens", "max_gen_len", "max_tokens_to_sample", "maxTokenCount"];
    fill(sent, &limit, &mut request.max_output_tokens, pick::whole_number);
    fill(sent, &["temperature"], &mut request.temperature, Value::as_f64);
    fill(sent, &["top_p", "topP", "p"], &mut request.top_p, Value::as_f64);
    fill(sent, &["top_k", "topK", "k"], &mut request.top_k, pick::whole_number);
    for name in ["stop_sequences", "stopSequences", "stop"] {
        request.stop_sequences.extend(pick::take(sent, name, read_stop).unwrap_or_default());
    }
}

fn fill<T>(
    sent: &mut Map<String, Value>,
    names: &[&str],
    field: &mut Option<T>,
    read: impl Fn(&Value) -> Option<T>,
) {
    for name in names {
        if field.is_none() {
            *field = pick::take(sent, name, &read);
        }
    }
}

fn read_stop(stop: &Value) -> Option<Vec<String>> {
    match stop {
        Value::String(one) => Some(vec![one.clone()]),
        several => several.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
    }
}

/// AI21 has a penalty's scale in an object, beside what it is to spare, with which it stays as it was sent.
fn read_penalty(sent: &mut Map<String, Value>, names: [&str; 2]) -> Option<f64> {
    let read = |penalty: &Value| {
        let scale =
            penalty.as_object().filter(|penalty| penalty.len() == 1).and_then(|penalty| penalty.get("scale"));
        scale.unwrap_or(penalty).as_f64()
    };
    names.into_iter().find_map(|name| pick::take(sent, name, read))
}

/// Takes out of the object under this name; nothing is left of one that is then empty.
pub(super) fn within<T: Default>(
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

fn read_history(sent: &mut Map<String, Value>, request: &mut Request) {
    let read = |history: &Value| history.as_array()?.iter().map(read_turn).collect::<Option<Vec<_>>>();
    request.messages = pick::take(sent, "chat_history", read).unwrap_or_default();
}

fn read_turn(turn: &Value) -> Option<Message> {
    let turn = turn.as_object()?;
    let role = match pick::text(turn, "role")?.as_str() {
        "CHATBOT" => Role::Assistant,
        word => Role::from(word.to_ascii_lowercase().as_str()),
    };
    // Results of tools are a list of Cohere's own.
    if turn.contains_key("tool_results") {
        return None;
    }
    let mut parts: Vec<_> = pick::text(turn, "message").map(Part::Text).into_iter().collect();
    let calls = turn.get("tool_calls").and_then(Value::as_array);
    parts.extend(calls.into_iter().flatten().map(|call| {
        let name = call.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let arguments = call.get("parameters").map(Value::to_string).unwrap_or_default();
        Part::ToolCall(ToolCall { name, arguments, ..ToolCall::default() })
    }));
    Some(Message::new(role, parts))
}

/// Cohere's tools; their arguments are described in a way of its own, which is no JSON schema.
fn read_tools(sent: &Value) -> Option<Vec<ToolDefinition>> {
    let read = |tool: &Value| {
        let mut rest = tool.as_object()?.clone();
        Some(ToolDefinition {
            kind: "function".to_owned(),
            name: pick::take_text(&mut rest, "name")?,
            description: pick::take_text(&mut rest, "description"),
            options: rest,
            ..ToolDefinition::default()
        })
    };
    sent.as_array()?.iter().map(read).collect()
}
