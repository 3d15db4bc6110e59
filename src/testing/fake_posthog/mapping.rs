//! From the attributes of OpenTelemetry to `$ai_*` properties.

use super::{event_type, messages};
use serde_json::{Map, Value};

type Properties = Map<String, Value>;

/// The source replaces the target.
const OVERWRITES: [(&str, &str); 12] = [
    ("gen_ai.input.messages", "$ai_input"),
    ("gen_ai.output.messages", "$ai_output_choices"),
    ("gen_ai.tool.definitions", "$ai_tools"),
    ("gen_ai.usage.input_tokens", "$ai_input_tokens"),
    ("gen_ai.usage.output_tokens", "$ai_output_tokens"),
    ("gen_ai.usage.cache_read.input_tokens", "$ai_cache_read_input_tokens"),
    ("gen_ai.usage.cache_creation.input_tokens", "$ai_cache_creation_input_tokens"),
    ("gen_ai.response.model", "$ai_model"),
    ("gen_ai.provider.name", "$ai_provider"),
    ("server.address", "$ai_base_url"),
    ("telemetry.sdk.name", "$ai_lib"),
    ("telemetry.sdk.version", "$ai_lib_version"),
];

/// Of these a text is read as JSON.
const PARSED: [&str; 3] = ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"];

/// The source counts only where there is no target.
const FALLBACKS: [(&str, &str); 4] = [
    ("gen_ai.system", "$ai_provider"),
    ("gen_ai.request.model", "$ai_model"),
    ("gen_ai.usage.prompt_tokens", "$ai_input_tokens"),
    ("gen_ai.usage.completion_tokens", "$ai_output_tokens"),
];

const STRIPPED: [&str; 5] =
    ["telemetry.sdk.language", "gen_ai.operation.name", "user.id", "posthog.distinct_id", "llm.request.type"];

const GROUPS_LIMIT: usize = 10_000;

/// Maps the properties, and makes a root span of no other type a trace. The library whose own mapping
/// PostHog would have applied as well.
pub(super) fn apply(name: &mut &'static str, properties: &mut Properties) -> Option<&'static str> {
    let middleware = middleware(properties);
    let has_parent = properties.get("$ai_parent_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    if *name == event_type::SPAN && !has_parent {
        *name = event_type::TRACE;
    }
    debug_copy(properties);
    for (source, target) in OVERWRITES {
        if let Some(value) = properties.remove(source) {
            let value = if PARSED.contains(&source) { parsed(value) } else { value };
            properties.insert(target.to_owned(), value);
        }
    }
    for (source, target) in FALLBACKS {
        if let Some(value) = properties.remove(source) {
            properties.entry(target).or_insert(value);
        }
    }
    span_name_and_latency(properties);
    messages::prepend_instructions(properties);
    messages::read_events(properties);
    groups(properties);
    for key in STRIPPED {
        properties.remove(key);
    }
    if middleware == Some("traceloop") {
        properties.insert("$ai_lib".to_owned(), "opentelemetry/traceloop".into());
    }
    middleware
}

fn middleware(properties: &Properties) -> Option<&'static str> {
    let any = |keys: &[&str]| keys.iter().any(|key| properties.contains_key(*key));
    let begins = |prefix: &str| properties.keys().any(|key| key.starts_with(prefix));
    if any(&["pydantic_ai.all_messages", "logfire.msg", "logfire.json_schema", "model_request_parameters"]) {
        Some("pydantic-ai")
    } else if any(&["llm.request.type", "traceloop.span.kind", "traceloop.entity.name"]) {
        Some("traceloop")
    } else if begins("ai.") || begins("eve.") {
        Some("vercel-ai")
    } else {
        None
    }
}

/// JSON in a text; the text, if it is none.
fn parsed(value: Value) -> Value {
    match value.as_str().map(serde_json::from_str) {
        Some(Ok(parsed)) => parsed,
        _ => value,
    }
}

fn span_name_and_latency(properties: &mut Properties) {
    if let Some(name) = properties.remove("$otel_span_name").filter(|name| name != "") {
        properties.insert("$ai_span_name".to_owned(), name);
    }
    let mut nanos = |key| properties.remove(key)?.as_str()?.parse::<u64>().ok();
    let (start, end) = (nanos("$otel_start_time_unix_nano"), nanos("$otel_end_time_unix_nano"));
    let took = end.zip(start).and_then(|(end, start)| end.checked_sub(start)).filter(|&took| took > 0);
    if let Some(took) = took {
        properties.insert("$ai_latency".to_owned(), (took as f64 / 1e9).into());
    }
}

fn groups(properties: &mut Properties) {
    let Some(text) = properties.get("$groups").and_then(Value::as_str) else { return };
    if text.chars().count() > GROUPS_LIMIT {
        properties.remove("$groups");
    } else if let Ok(groups @ Value::Object(_)) = serde_json::from_str(text) {
        properties.insert("$groups".to_owned(), groups);
    }
}

/// With `posthog.ai.debug`, what came, beside what becomes of it.
fn debug_copy(properties: &mut Properties) {
    let asked = match properties.get("posthog.ai.debug") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(asked)) => *asked,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(_) => true,
    };
    if asked {
        let copy = Value::Object(properties.clone());
        properties.insert("$ai_debug_data".to_owned(), copy);
        properties.insert("$ai_debug".to_owned(), true.into());
    }
}
