//! Google's models, of the Gemini API and of Vertex AI.

use super::{
    answer::ProviderError,
    endpoint::{Endpoint, Form, Operation, has_bearer, has_header, is_unknown},
    prompt::{Prompt, Reply, first_tool, number, text, words},
    render::{Generation, id, pieces},
};
use crate::testing::ReceivedRequest;
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    let Some(endpoint) = endpoint else {
        return refused(404, "NOT_FOUND", "Requested entity was not found.");
    };
    if !has_header(request, "x-goog-api-key") && request.query("key").is_none_or(str::is_empty) {
        let message = "Method doesn't allow unregistered callers. Please use an API key.";
        return refused(403, "PERMISSION_DENIED", message);
    }
    if let Some(model) = endpoint.model.filter(|model| is_unknown(model)) {
        let message = format!("models/{model} is not found.");
        return refused(404, "NOT_FOUND", &message);
    }
    refusal_of_body(request, endpoint.operation)
}

pub(super) fn refusal_of_vertex(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    let Some(endpoint) = endpoint else {
        return refused(404, "NOT_FOUND", "Requested entity was not found.");
    };
    if !has_bearer(request) {
        let message = "Request is missing a credential: an OAuth 2 access token is expected.";
        return refused(401, "UNAUTHENTICATED", message);
    }
    if endpoint.model.is_some_and(is_unknown) {
        let path = request.route().split("/projects/").nth(1).and_then(|path| path.split(':').next());
        let message = format!("Publisher Model `projects/{}` was not found.", path.unwrap_or_default());
        return refused(404, "NOT_FOUND", &message);
    }
    refusal_of_body(request, endpoint.operation)
}

fn refusal_of_body(request: &ReceivedRequest, operation: Operation) -> Option<(u16, ProviderError)> {
    let body = request.json();
    if !body.is_object() {
        return refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
    }
    let required = match operation {
        Operation::EmbedContent => "content",
        Operation::BatchEmbedContents => "requests",
        Operation::Predict => "instances",
        _ => "contents",
    };
    if body[required].is_null() {
        return refused(400, "INVALID_ARGUMENT", &format!("{required} is not specified"));
    }
    None
}

fn refused(status: u16, kind: &str, message: &str) -> Option<(u16, ProviderError)> {
    Some((status, ProviderError::new(kind, None, message)))
}

pub(super) fn error(status: u16, error: &ProviderError) -> Value {
    let mut object = json!({ "code": status, "message": error.message, "status": error.kind });
    if let Some(reason) = &error.code {
        object["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
        }]);
    }
    json!({ "error": object })
}

/// The HTTP status that goes with one of gRPC's.
fn status_of(kind: &str) -> u16 {
    match kind {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ABORTED" | "ALREADY_EXISTS" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "CANCELLED" => 499,
        "UNIMPLEMENTED" => 501,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => 500,
    }
}

pub(super) fn headers() -> Vec<(&'static str, String)> {
    vec![
        ("server", "fake".to_owned()),
        ("server-timing", "gfe; dur=42".to_owned()),
        ("vary", "Origin, X-Origin, Referer".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-frame-options", "SAMEORIGIN".to_owned()),
        ("x-xss-protection", "0".to_owned()),
    ]
}

/// Whether a stream is to be one of events; else it is a list that grows.
pub(super) fn wants_events(request: &ReceivedRequest) -> bool {
    ["alt", "$alt", "%24alt"].iter().any(|name| request.query(name).is_some_and(|alt| alt.starts_with("sse")))
}

/// A field under either of the names that Google takes.
pub(super) fn field<'a>(object: &'a Value, camel: &str, snake: &str) -> &'a Value {
    if object[camel].is_null() { &object[snake] } else { &object[camel] }
}

pub(super) fn prompt(body: &Value) -> Prompt {
    let contents = &body["contents"];
    let last = contents.as_array().and_then(|contents| contents.last()).unwrap_or(contents);
    let parts = last["parts"].as_array().into_iter().flatten();
    let results: Vec<_> =
        parts.filter_map(|part| result(field(part, "functionResponse", "function_response"))).collect();
    let config = field(body, "generationConfig", "generation_config");
    let choice =
        field(field(body, "toolConfig", "tool_config"), "functionCallingConfig", "function_calling_config");
    let allowed = field(choice, "allowedFunctionNames", "allowed_function_names");
    let forced = allowed.get(0).and_then(Value::as_str);
    let tools = body["tools"].as_array().into_iter().flatten();
    let functions = tools
        .filter_map(|tool| field(tool, "functionDeclarations", "function_declarations").as_array())
        .flatten();
    let functions = functions.filter_map(|function| {
        let schema = field(function, "parametersJsonSchema", "parameters_json_schema");
        let schema = if schema.is_null() { &function["parameters"] } else { schema };
        Some((function["name"].as_str()?.to_owned(), schema.clone()))
    });
    Prompt {
        text: if results.is_empty() { text(&last["parts"]) } else { results.join(" ") },
        is_tool_result: !results.is_empty(),
        tool: if choice["mode"] == "NONE" { None } else { first_tool(functions, forced) },
        tool_is_forced: choice["mode"] == "ANY",
        schema: schema(config),
        max_tokens: number(field(config, "maxOutputTokens", "max_output_tokens")),
        choices: number(field(config, "candidateCount", "candidate_count")),
        words: words(contents) + words(field(body, "systemInstruction", "system_instruction")),
    }
}

/// What a function returned: mostly an object with one text.
fn result(response: &Value) -> Option<String> {
    let response = response.get("response")?;
    let text = ["result", "output"].iter().find_map(|key| response[key].as_str());
    Some(text.map_or_else(|| response.to_string(), str::to_owned))
}

fn schema(config: &Value) -> Option<Value> {
    let given = [
        field(config, "responseJsonSchema", "response_json_schema"),
        field(config, "responseSchema", "response_schema"),
    ];
    let is_json = field(config, "responseMimeType", "response_mime_type") == "application/json";
    let given = given.into_iter().find(|schema| !schema.is_null()).cloned();
    given.or_else(|| is_json.then_some(Value::Null))
}

pub(super) fn body(generation: &Generation, form: Form) -> Value {
    let candidates = generation.replies.iter().enumerate().map(|(index, reply)| {
        let parts = steps(reply).into_iter().flat_map(|step| step.parts).collect();
        candidate(form, index, &whole(parts), Some(finish_reason(generation, reply)))
    });
    response(generation, form, &candidates.collect(), spoken(generation))
}

pub(super) fn stream(
    generation: &Generation,
    form: Form,
    as_events: bool,
    error_at: Option<&(usize, ProviderError)>,
) -> Vec<Bytes> {
    let mut said = 0;
    let mut responses = Vec::new();
    let last = generation.replies.len().saturating_sub(1);
    for (index, reply) in generation.replies.iter().enumerate() {
        let mut steps = steps(reply).into_iter().peekable();
        while let Some(step) = steps.next() {
            said += step.tokens;
            let is_end = steps.peek().is_none();
            let finish_reason = is_end.then(|| finish_reason(generation, reply));
            let candidates = json!([candidate(form, index, &step.parts, finish_reason)]);
            // So far; what was given for the whole is reached at its end.
            let spoken =
                if is_end && index == last { spoken(generation) } else { said.min(spoken(generation)) };
            responses.push(response(generation, form, &candidates, spoken));
        }
    }
    let failure = error_at.map(|(after, problem)| {
        responses.truncate(*after);
        error(status_of(&problem.kind), problem)
    });
    if as_events {
        let events = responses.iter().map(|response| format!("data: {response}\r\n\r\n").into());
        // An error comes without `data:`, in lines as in an answer of one piece.
        return events.chain(failure.map(|error| format!("{error:#}\n").into())).collect();
    }
    responses.extend(failure);
    let elements = responses.iter().enumerate().map(|(index, response)| {
        let before = if index == 0 { "[" } else { ",\r\n" };
        format!("{before}{response:#}\n").into()
    });
    elements.chain([Bytes::from_static(b"]")]).collect()
}

/// A chunk's worth of a reply.
struct Step {
    parts: Vec<Value>,
    tokens: u64,
}

fn steps(reply: &Reply) -> Vec<Step> {
    let mut steps: Vec<_> = match reply {
        Reply::Text(text) => {
            pieces(text).map(|piece| Step { parts: vec![json!({ "text": piece })], tokens: 1 }).collect()
        }
        // Nothing of it is said.
        Reply::Refusal(_) => Vec::new(),
        Reply::ToolCalls(calls) => {
            let parts = calls.iter().filter_map(|(name, arguments)| {
                let call = json!({ "functionCall": { "name": name, "args": object(arguments)? } });
                Some(Step { parts: vec![call], tokens: pieces(arguments).count() as u64 })
            });
            // The end of a stream of calls has a text of nothing.
            parts.chain([Step { parts: vec![json!({ "text": "" })], tokens: 0 }]).collect()
        }
    };
    if steps.is_empty() {
        steps.push(Step { parts: Vec::new(), tokens: 0 });
    }
    steps
}

/// The parts of a stream as they are in one piece.
fn whole(parts: Vec<Value>) -> Vec<Value> {
    let texts: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let mut parts: Vec<_> = parts.into_iter().filter(|part| part.get("text").is_none()).collect();
    if !texts.is_empty() {
        parts.push(json!({ "text": texts }));
    }
    parts
}

/// Arguments as far as they can be told: they are an object, and a text that is none is no call.
fn object(arguments: &str) -> Option<Value> {
    if arguments.trim().is_empty() {
        return Some(json!({}));
    }
    serde_json::from_str(arguments).ok().filter(Value::is_object)
}

fn finish_reason(generation: &Generation, reply: &Reply) -> &'static str {
    match reply {
        Reply::Refusal(_) => "SAFETY",
        _ if generation.truncated => "MAX_TOKENS",
        Reply::ToolCalls(calls) if calls.iter().any(|(_, arguments)| object(arguments).is_none()) => {
            "MALFORMED_FUNCTION_CALL"
        }
        Reply::Text(_) | Reply::ToolCalls(_) => "STOP",
    }
}

fn candidate(form: Form, index: usize, parts: &[Value], finish_reason: Option<&str>) -> Value {
    let mut candidate = json!({});
    // Vertex leaves out what is zero.
    if form != Form::Vertex || index > 0 {
        candidate["index"] = json!(index);
    }
    if finish_reason == Some("SAFETY") {
        candidate["safetyRatings"] = json!([
            { "category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true },
        ]);
    } else {
        candidate["content"] = json!({ "role": "model" });
        if !parts.is_empty() {
            candidate["content"]["parts"] = json!(parts);
        }
    }
    if let Some(reason) = finish_reason {
        candidate["finishReason"] = json!(reason);
    }
    candidate
}

/// The output without what was thought.
fn spoken(generation: &Generation) -> u64 {
    generation.usage.output.saturating_sub(generation.usage.reasoning)
}

fn response(generation: &Generation, form: Form, candidates: &Value, spoken: u64) -> Value {
    let tokens = generation.usage;
    let by_modality = |count: u64| json!([{ "modality": "TEXT", "tokenCount": count }]);
    let mut usage = json!({
        "promptTokenCount": tokens.input,
        "totalTokenCount": tokens.input + spoken + tokens.reasoning,
        "promptTokensDetails": by_modality(tokens.input),
    });
    // What is zero is left out.
    if spoken > 0 {
        usage["candidatesTokenCount"] = json!(spoken);
        if form == Form::Vertex {
            usage["candidatesTokensDetails"] = by_modality(spoken);
        }
    }
    if tokens.reasoning > 0 {
        usage["thoughtsTokenCount"] = json!(tokens.reasoning);
    }
    if tokens.cached > 0 {
        usage["cachedContentTokenCount"] = json!(tokens.cached);
        usage["cacheTokensDetails"] = by_modality(tokens.cached);
    }
    let mut response = json!({
        "candidates": candidates,
        "modelVersion": generation.model,
        "responseId": id("", generation.number, 0),
    });
    if form == Form::Vertex {
        usage["trafficType"] = json!("ON_DEMAND");
        response["createTime"] = json!("2025-07-18T07:20:44.000000Z");
    } else {
        usage["serviceTier"] = json!("standard");
    }
    response["usageMetadata"] = usage;
    response
}
