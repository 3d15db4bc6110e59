//! Responses.

use super::{
    answer::ProviderError,
    chat::argument_pieces,
    openai,
    prompt::Reply,
    render::{CREATED, Generation, event, id, pieces},
};
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) fn body(generation: &Generation, request: &Value) -> Value {
    let output: Vec<_> = items(generation).into_iter().map(|item| item.done).collect();
    finished(generation, request, &json!(output))
}

pub(super) fn events(
    generation: &Generation,
    request: &Value,
    error: Option<&(usize, ProviderError)>,
) -> Vec<Bytes> {
    let mut datas = Vec::new();
    let begun = envelope(generation, request, "in_progress");
    datas.push(json!({ "type": "response.created", "response": begun }));
    datas.push(json!({ "type": "response.in_progress", "response": begun }));
    let mut output = Vec::new();
    for (index, item) in items(generation).into_iter().enumerate() {
        datas.push(json!({
            "type": "response.output_item.added", "output_index": index, "item": item.begun,
        }));
        for mut data in item.between {
            data["output_index"] = json!(index);
            data["item_id"] = item.done["id"].clone();
            datas.push(data);
        }
        datas.push(json!({
            "type": "response.output_item.done", "output_index": index, "item": item.done,
        }));
        output.push(item.done);
    }
    if let Some((after, error)) = error {
        datas.truncate(*after);
        let mut failed = envelope(generation, request, "failed");
        failed["error"] = json!({ "code": error.code, "message": error.message });
        datas.push(json!({ "type": "error", "error": openai::error_object(error) }));
        datas.push(json!({ "type": "response.failed", "response": failed }));
    } else {
        let response = finished(generation, request, &json!(output));
        let name = if generation.truncated { "response.incomplete" } else { "response.completed" };
        datas.push(json!({ "type": name, "response": response }));
    }
    let numbered = datas.into_iter().enumerate().map(|(number, mut data)| {
        data["sequence_number"] = json!(number);
        event(data["type"].as_str(), &data)
    });
    numbered.collect()
}

/// One item of the output: as it is announced, what comes between, as it is in the end.
struct Item {
    begun: Value,
    between: Vec<Value>,
    done: Value,
}

fn items(generation: &Generation) -> Vec<Item> {
    // There is one reply: responses know no `n`.
    match generation.replies.first() {
        Some(Reply::Text(text)) => vec![message(generation, "output_text", "text", text)],
        Some(Reply::Refusal(refusal)) => vec![message(generation, "refusal", "refusal", refusal)],
        Some(Reply::ToolCalls(calls)) => calls
            .iter()
            .enumerate()
            .map(|(index, (name, arguments))| function_call(generation, index, name, arguments))
            .collect(),
        None => Vec::new(),
    }
}

/// A message with one part; `kind` and `field` are what tells text and refusal apart.
fn message(generation: &Generation, kind: &str, field: &str, text: &str) -> Item {
    let part = |text: &str| {
        let mut part = json!({ "type": kind, field: text });
        if kind == "output_text" {
            part["annotations"] = json!([]);
            part["logprobs"] = json!([]);
        }
        part
    };
    let item = |status: &str, content: Value| {
        json!({
            "id": id("msg_", generation.number, 0),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        })
    };
    let inside = |name: &str, key: &str, value: Value| {
        let mut data = json!({ "type": name, "content_index": 0, key: value });
        if name.starts_with("response.output_text") {
            data["logprobs"] = json!([]);
        }
        data
    };
    let mut between = vec![inside("response.content_part.added", "part", part(""))];
    between.extend(pieces(text).map(|word| inside(&format!("response.{kind}.delta"), "delta", json!(word))));
    between.push(inside(&format!("response.{kind}.done"), field, json!(text)));
    between.push(inside("response.content_part.done", "part", part(text)));
    Item {
        begun: item("in_progress", json!([])),
        between,
        done: item(status(generation), json!([part(text)])),
    }
}

fn function_call(generation: &Generation, index: usize, name: &str, arguments: &str) -> Item {
    let item = |status: &str, arguments: &str| {
        json!({
            "id": id("fc_", generation.number, index),
            "type": "function_call",
            "status": status,
            "arguments": arguments,
            "call_id": id("call_", generation.number, index),
            "name": name,
        })
    };
    let delta = |piece| json!({ "type": "response.function_call_arguments.delta", "delta": piece });
    let mut between: Vec<_> = argument_pieces(arguments).map(delta).collect();
    between.push(
        json!({ "type": "response.function_call_arguments.done", "arguments": arguments, "name": name }),
    );
    Item { begun: item("in_progress", ""), between, done: item(status(generation), arguments) }
}

fn status(generation: &Generation) -> &'static str {
    if generation.truncated { "incomplete" } else { "completed" }
}

fn finished(generation: &Generation, request: &Value, output: &Value) -> Value {
    let mut response = envelope(generation, request, status(generation));
    let usage = generation.usage;
    response["output"] = output.clone();
    response["usage"] = json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input + usage.output,
    });
    if generation.truncated {
        response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    } else {
        response["completed_at"] = json!(CREATED + 1);
    }
    response
}

/// The response object without what it came to, repeating the request's settings as OpenAI does.
fn envelope(generation: &Generation, request: &Value, status: &str) -> Value {
    let given = |key: &str, otherwise: Value| match &request[key] {
        Value::Null => otherwise,
        value => value.clone(),
    };
    json!({
        "id": id("resp_", generation.number, 0),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": false,
        "completed_at": null,
        "error": null,
        "incomplete_details": null,
        "instructions": request["instructions"],
        "max_output_tokens": request["max_output_tokens"],
        "max_tool_calls": null,
        "metadata": given("metadata", json!({})),
        "model": generation.model,
        "output": [],
        "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
        "previous_response_id": request["previous_response_id"],
        "reasoning": given("reasoning", json!({ "effort": null, "summary": null })),
        "service_tier": "default",
        "store": given("store", json!(true)),
        "temperature": given("temperature", json!(1.0)),
        "text": given("text", json!({ "format": { "type": "text" } })),
        "tool_choice": given("tool_choice", json!("auto")),
        "tools": given("tools", json!([])),
        "top_p": given("top_p", json!(1.0)),
        "truncation": given("truncation", json!("disabled")),
        "usage": null,
        "user": request["user"],
    })
}
