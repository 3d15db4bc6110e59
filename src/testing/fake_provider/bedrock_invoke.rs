//! Bedrock's `InvokeModel`: bodies that each family of models has for itself.

use super::{
    answer::ProviderError,
    anthropic,
    bedrock::{self, Family, LATENCY},
    bedrock_streams,
    prompt::{Prompt, Reply, number, text, words},
    render::{Generation, Tokens, pieces},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// What is wrong with a body for this family.
pub(super) fn problem(family: Family, body: &Value) -> Option<String> {
    let malformed = |what: &str| {
        Some(format!("Malformed input request: #: {what}, please reformat your input and try again."))
    };
    let required: &[&str] = match family {
        Family::Claude => &["anthropic_version", "max_tokens", "messages"],
        Family::Nova => &["messages"],
        Family::Llama => &["prompt"],
        Family::CohereEmbed => &["texts"],
        Family::TitanEmbed => &["inputText"],
    };
    if let Some(missing) = required.iter().find(|key| body[**key].is_null()) {
        return malformed(&format!("required key [{missing}] not found"));
    }
    match family {
        // The path says both.
        Family::Claude => {
            let extraneous = ["model", "stream"].into_iter().find(|key| body.get(key).is_some())?;
            malformed(&format!("extraneous key [{extraneous}] is not permitted"))
        }
        Family::Nova => bedrock::problem_of_conversation(body),
        Family::CohereEmbed => {
            let kinds = body["embedding_types"].as_array()?;
            let unknown =
                kinds.iter().find(|kind| !["float", "int8", "uint8"].iter().any(|known| kind == known))?;
            Some(format!("This stand-in has no vectors of {unknown}."))
        }
        Family::Llama | Family::TitanEmbed => None,
    }
}

pub(super) fn prompt(family: Family, body: &Value) -> Prompt {
    match family {
        Family::Claude => anthropic::prompt(body),
        Family::Llama => Prompt {
            text: text(&body["prompt"]),
            max_tokens: number(&body["max_gen_len"]),
            words: words(&body["prompt"]),
            ..Prompt::default()
        },
        Family::Nova | Family::CohereEmbed | Family::TitanEmbed => bedrock::prompt(body),
    }
}

/// The counts, which some bodies leave out.
pub(super) fn headers(tokens: Tokens, family: Family) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-amzn-bedrock-input-token-count", tokens.uncached().to_string()),
        ("x-amzn-bedrock-invocation-latency", LATENCY.to_string()),
    ];
    if !family.embeds() {
        headers.push(("x-amzn-bedrock-output-token-count", tokens.output.to_string()));
    }
    if tells_caches(tokens, family) {
        headers.push(("x-amzn-bedrock-cache-read-input-token-count", tokens.cached.to_string()));
        headers.push(("x-amzn-bedrock-cache-write-input-token-count", tokens.cache_written.to_string()));
    }
    headers
}

fn tells_caches(tokens: Tokens, family: Family) -> bool {
    family == Family::Nova || tokens.touch_a_cache()
}

pub(super) fn body(family: Family, generation: &Generation) -> Value {
    match family {
        Family::Claude => claude(anthropic::body(generation)),
        Family::Llama => json!({
            "generation": said(generation),
            "prompt_token_count": generation.usage.input,
            "generation_token_count": generation.usage.output,
            "stop_reason": llama_stop_reason(generation),
        }),
        Family::Nova | Family::CohereEmbed | Family::TitanEmbed => {
            let mut body = bedrock::message(generation);
            body["usage"] = nova_usage(generation.usage);
            body["usage"]["totalTokens"] = bedrock::usage(generation.usage)["totalTokens"].clone();
            body
        }
    }
}

pub(super) fn stream(
    family: Family,
    generation: &Generation,
    error: Option<&(usize, ProviderError)>,
) -> Vec<Bytes> {
    let mut events: Vec<_> = match family {
        Family::Claude => {
            let events = anthropic::datas(generation).into_iter();
            events.filter(|event| event["type"] != "ping").map(claude).collect()
        }
        Family::Llama => llama_events(generation),
        Family::Nova | Family::CohereEmbed | Family::TitanEmbed => {
            let metadata = json!({ "metrics": {}, "trace": {}, "usage": nova_usage(generation.usage) });
            let events = bedrock_streams::events(generation, metadata, true);
            events.into_iter().map(|(name, payload)| json!({ name: payload })).collect()
        }
    };
    if let Some(last) = events.last_mut() {
        last["amazon-bedrock-invocationMetrics"] = metrics(generation.usage, family);
    }
    bedrock_streams::of_chunks(events, error)
}

fn metrics(tokens: Tokens, family: Family) -> Value {
    let mut metrics = json!({
        "inputTokenCount": tokens.uncached(),
        "outputTokenCount": tokens.output,
        "invocationLatency": LATENCY,
        "firstByteLatency": LATENCY,
    });
    if tells_caches(tokens, family) {
        metrics["cacheReadInputTokenCount"] = json!(tokens.cached);
        metrics["cacheWriteInputTokenCount"] = json!(tokens.cache_written);
    }
    metrics
}

/// What Anthropic itself says, as it comes out of Bedrock: other ids, and less besides.
fn claude(mut event: Value) -> Value {
    let is_end = event["type"] == "message_delta";
    for path in ["/message", "/content_block", "/delta"] {
        if let Some(object) = event.pointer_mut(path) {
            adapt(object, is_end);
        }
    }
    for block in event.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
        adapt(block, is_end);
    }
    adapt(&mut event, is_end);
    event
}

fn adapt(value: &mut Value, is_end: bool) {
    let Some(object) = value.as_object_mut() else { return };
    object.retain(|key, _| key != "stop_details" && key != "caller");
    if let Some(Value::String(id)) = object.get_mut("id") {
        *id = id.replacen("_01", "_bdrk_01", 1);
    }
    if let Some(usage) = object.get_mut("usage").and_then(Value::as_object_mut) {
        // At the end of a stream the input is known already.
        usage.retain(|key, _| key.starts_with("output_tokens") || (!is_end && key.ends_with("input_tokens")));
    }
}

/// Llama has calls as text.
fn said(generation: &Generation) -> String {
    match generation.replies.first() {
        Some(Reply::Text(text) | Reply::Refusal(text)) => text.clone(),
        Some(Reply::ToolCalls(calls)) => {
            let calls = calls.iter().map(|(name, arguments)| {
                format!(r#"{{"name": {}, "parameters": {arguments}}}"#, json!(name))
            });
            calls.collect::<Vec<_>>().join("; ")
        }
        None => String::new(),
    }
}

fn llama_stop_reason(generation: &Generation) -> &'static str {
    if generation.truncated { "length" } else { "stop" }
}

/// Only the first event tells the tokens of the prompt, only the last why it ended.
fn llama_events(generation: &Generation) -> Vec<Value> {
    let said = said(generation);
    let event = |(index, piece): (usize, &str)| {
        json!({
            "generation": piece,
            "prompt_token_count": (index == 0).then_some(generation.usage.input),
            "generation_token_count": index + 1,
            "stop_reason": null,
        })
    };
    let mut events: Vec<_> = pieces(&said).enumerate().map(event).collect();
    let mut end = event((events.len(), ""));
    end["generation_token_count"] = json!(generation.usage.output);
    end["stop_reason"] = json!(llama_stop_reason(generation));
    events.push(end);
    events
}

/// One name for what is cached, where `Converse` has two, and told in any case.
fn nova_usage(tokens: Tokens) -> Value {
    json!({
        "inputTokens": tokens.uncached(),
        "outputTokens": tokens.output,
        "cacheReadInputTokenCount": tokens.cached,
        "cacheWriteInputTokenCount": tokens.cache_written,
    })
}
