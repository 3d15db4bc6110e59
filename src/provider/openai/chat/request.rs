//! A chat request's body, read and written.

use super::super::Dialect;
use super::{message, tool};
use crate::provider::{
    body::Fields,
    check::within,
    failure::{refuse, wrong},
    pick,
};
use crate::record::{ErrorInfo, Message, Modality, OutputFormat, Part, Request};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// What a chat request asks for. `None` if the body is not a JSON object.
///
/// What we do not know, or cannot read, stays among the [`options`](Request::options), so that
/// [`write_request`] sends it again. Two things are not kept: how finely an image is to be looked at
/// (`image_url.detail`), and a file's name.
pub fn read_request(body: &[u8]) -> Option<Request> {
    let mut sent: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let model = pick::take_text(&mut sent, "model");
    let messages = match sent.remove("messages") {
        Some(Value::Array(messages)) => messages.into_iter().filter_map(message::read).collect(),
        Some(other) if !other.is_null() => {
            sent.insert("messages".to_owned(), other);
            Vec::new()
        }
        _ => Vec::new(),
    };
    let mut tools = pick::take(&mut sent, "tools", tool::read_tools).unwrap_or_default();
    tools.extend(pick::take(&mut sent, "functions", tool::read_functions).unwrap_or_default());
    Some(Request {
        model,
        messages,
        tools,
        tool_choice: pick::take(&mut sent, "tool_choice", tool::read_choice)
            .or_else(|| pick::take(&mut sent, "function_call", tool::read_choice)),
        parallel_tool_calls: pick::take(&mut sent, "parallel_tool_calls", Value::as_bool),
        stream: pick::take(&mut sent, "stream", Value::as_bool).unwrap_or_default(),
        choice_count: pick::take(&mut sent, "n", pick::small_number),
        max_output_tokens: pick::take(&mut sent, "max_completion_tokens", pick::whole_number)
            .or_else(|| pick::take(&mut sent, "max_tokens", pick::whole_number)),
        temperature: pick::take(&mut sent, "temperature", Value::as_f64),
        top_p: pick::take(&mut sent, "top_p", Value::as_f64),
        top_k: pick::take(&mut sent, "top_k", pick::whole_number),
        frequency_penalty: pick::take(&mut sent, "frequency_penalty", Value::as_f64),
        presence_penalty: pick::take(&mut sent, "presence_penalty", Value::as_f64),
        stop_sequences: pick::take(&mut sent, "stop", read_stop).unwrap_or_default(),
        seed: pick::take(&mut sent, "seed", Value::as_i64)
            .or_else(|| pick::take(&mut sent, "random_seed", Value::as_i64)),
        output_format: read_format(&mut sent),
        reasoning_level: pick::take_text(&mut sent, "reasoning_effort"),
        service_tier: pick::take_text(&mut sent, "service_tier"),
        user: pick::take_text(&mut sent, "user"),
        options: sent,
        ..Request::default()
    })
}

fn read_stop(stop: &Value) -> Option<Vec<String>> {
    match stop {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The form of the answer: `response_format`, else what `modalities` ask for beside text.
fn read_format(sent: &mut Map<String, Value>) -> Option<OutputFormat> {
    if let Some(Value::Object(format)) = sent.get("response_format") {
        let read = match format.get("type").and_then(Value::as_str) {
            Some("text") => Some(OutputFormat::Text),
            Some("json_object") => Some(OutputFormat::Json),
            Some("json_schema") => format.get("json_schema").and_then(Value::as_object).map(read_schema),
            _ => None,
        };
        if read.is_some() {
            // A schema that says more than we keep stays whole among the options.
            let says_more = format.get("json_schema").and_then(Value::as_object).is_some_and(|schema| {
                schema.keys().any(|key| !["name", "schema", "strict"].contains(&key.as_str()))
            });
            if !says_more {
                sent.remove("response_format");
            }
            return read;
        }
    }
    let modalities = sent.get("modalities").and_then(Value::as_array)?;
    let asked = |word: &str| modalities.iter().any(|modality| modality.as_str() == Some(word));
    if asked("audio") {
        Some(OutputFormat::Speech)
    } else if asked("image") {
        Some(OutputFormat::Image)
    } else {
        None
    }
}

fn read_schema(sent: &Map<String, Value>) -> OutputFormat {
    OutputFormat::JsonSchema {
        name: pick::text(sent, "name").unwrap_or_default(),
        schema: sent.get("schema").cloned().unwrap_or_default(),
        strict: sent.get("strict").and_then(Value::as_bool),
    }
}

/// The body of a chat request in this dialect.
///
/// [`system_instructions`](Request::system_instructions) become a leading system message. Reasoning
/// and the provider's own tool calls of earlier answers are left out: the API takes none. The
/// request's own [`options`](Request::options) come last and override.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming the parameter, for one that the API has not: `top_k`,
/// `previous_response_id`, `conversation_id`. A server that takes it all the same is sent it among
/// the options.
pub fn write_request(request: &Request, dialect: Dialect) -> Result<Vec<u8>, ErrorInfo> {
    refuse(CHAT, "top_k", request.top_k.is_some())?;
    refuse(CHAT, "previous_response_id", request.previous_response_id.is_some())?;
    refuse(CHAT, "conversation_id", request.conversation_id.is_some())?;
    refuse(CHAT, "reasoning_budget", request.reasoning_budget.is_some())?;
    refuse(CHAT, "cache_point", request.has_part(|part| matches!(part, Part::CachePoint(_))))?;
    refuse(CHAT, "media of a tool's result", request.has_part(Part::is_result_with_media))?;
    if dialect.openai_limits {
        check_limits(request)?;
    }
    pick::to_body(&Body { request, dialect })
}

const CHAT: &str = "the API of OpenAI chat completions";

/// The limits of OpenAI's API reference.
fn check_limits(request: &Request) -> Result<(), ErrorInfo> {
    within("temperature", request.temperature, (0.0, 2.0), "OpenAI")?;
    within("top_p", request.top_p, (0.0, 1.0), "OpenAI")?;
    within("frequency_penalty", request.frequency_penalty, (-2.0, 2.0), "OpenAI")?;
    within("presence_penalty", request.presence_penalty, (-2.0, 2.0), "OpenAI")?;
    let is_strange = |part: &Part| match part {
        Part::Media(media) if media.modality == Modality::Image => {
            media.mime_type.as_deref().is_some_and(|mime| !IMAGES.contains(&mime))
        }
        _ => false,
    };
    if request.has_part(is_strange) {
        return Err(wrong("image", &format!("OpenAI takes {}", IMAGES.join(", "))));
    }
    Ok(())
}

/// What OpenAI's models look at.
const IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif"];

struct Body<'a> {
    request: &'a Request,
    dialect: Dialect,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { request, dialect } = self;
        let kinds = tool::Kinds::of(&request.tools);
        let mut body = Fields::new(to, &request.options)?;
        body.put("model", request.model.as_ref())?;
        body.put("messages", Some(write_messages(request, &kinds, *dialect)))?;
        let tools = || request.tools.iter().map(tool::write_tool).collect::<Vec<_>>();
        body.put("tools", (!request.tools.is_empty()).then(tools))?;
        body.put("tool_choice", request.tool_choice.as_ref().map(|choice| kinds.write_choice(choice)))?;
        body.put("parallel_tool_calls", request.parallel_tool_calls)?;
        if request.stream {
            body.put("stream", Some(true))?;
            body.put("stream_options", dialect.stream_usage.then(|| json!({ "include_usage": true })))?;
        }
        body.put("n", request.choice_count)?;
        let limit = if dialect.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
        body.put(limit, request.max_output_tokens)?;
        body.put("temperature", request.temperature)?;
        body.put("top_p", request.top_p)?;
        body.put("frequency_penalty", request.frequency_penalty)?;
        body.put("presence_penalty", request.presence_penalty)?;
        body.put("stop", Some(&request.stop_sequences).filter(|stop| !stop.is_empty()))?;
        body.put(if dialect.random_seed { "random_seed" } else { "seed" }, request.seed)?;
        match &request.output_format {
            Some(OutputFormat::Speech) => body.put("modalities", Some(["text", "audio"]))?,
            Some(OutputFormat::Image) => body.put("modalities", Some(["text", "image"]))?,
            Some(format) => body.put("response_format", write_format(format))?,
            None => {}
        }
        body.put("reasoning_effort", request.reasoning_level.as_ref())?;
        body.put("service_tier", request.service_tier.as_ref())?;
        body.put("user", request.user.as_ref())?;
        body.end()
    }
}

fn write_messages<'a>(
    request: &'a Request,
    kinds: &tool::Kinds<'_>,
    dialect: Dialect,
) -> Vec<message::Written<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    if !request.system_instructions.is_empty() {
        message::write("system", None, &request.system_instructions, kinds, dialect, &mut out);
    }
    for Message { role, name, parts, .. } in &request.messages {
        message::write(role.as_str(), name.as_deref(), parts, kinds, dialect, &mut out);
    }
    out
}

fn write_format(format: &OutputFormat) -> Option<Value> {
    Some(match format {
        OutputFormat::Text => json!({ "type": "text" }),
        OutputFormat::Json => json!({ "type": "json_object" }),
        OutputFormat::JsonSchema { name, schema, strict } => {
            let mut sent = json!({ "name": name });
            if let Some(sent) = sent.as_object_mut() {
                if !schema.is_null() {
                    sent.insert("schema".to_owned(), schema.clone());
                }
                if let Some(strict) = strict {
                    sent.insert("strict".to_owned(), Value::from(*strict));
                }
            }
            json!({ "type": "json_schema", "json_schema": sent })
        }
        OutputFormat::Image | OutputFormat::Speech => return None,
    })
}
