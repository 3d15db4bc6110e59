//! Amazon Bedrock: what all its operations share, and `Converse`.

use super::{
    Answer,
    answer::ProviderError,
    anthropic, bedrock_embeddings, bedrock_invoke, bedrock_streams,
    endpoint::{Endpoint, Operation, has_bearer, has_header, is_unknown},
    prompt::{Prompt, Reply, first_tool, number, text, words},
    render::{Generation, Rendered, Tokens, generate, id, uuid},
};
use crate::testing::ReceivedRequest;
use serde_json::{Value, json};

/// How long everything took, in milliseconds.
pub(super) const LATENCY: u64 = 42;

/// The models whose bodies are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Family {
    Claude,
    Nova,
    Llama,
    CohereEmbed,
    TitanEmbed,
}

impl Family {
    /// The family of a model; of a profile whose name tells nothing, the one that the body is for.
    pub(super) fn of(model: &str, body: &Value) -> Option<Self> {
        let families = [
            ("anthropic.claude", Self::Claude, "anthropic_version"),
            ("cohere.embed", Self::CohereEmbed, "texts"),
            ("amazon.titan-embed", Self::TitanEmbed, "inputText"),
            ("amazon.nova", Self::Nova, "messages"),
            ("meta.llama", Self::Llama, "prompt"),
        ];
        // Before it may be where it runs, as in `us.` and in `arn:aws:bedrock:…/`.
        let named = families.iter().find(|(name, ..)| {
            model
                .split_once(name)
                .is_some_and(|(before, _)| before.is_empty() || before.ends_with(['.', '/']))
        });
        let alike =
            || families.iter().find(|(.., field)| model.starts_with("arn:") && body.get(field).is_some());
        named.or_else(alike).map(|(_, family, _)| *family)
    }

    pub(super) fn embeds(self) -> bool {
        matches!(self, Self::CohereEmbed | Self::TitanEmbed)
    }
}

pub(super) fn refusal(
    request: &ReceivedRequest,
    endpoint: Option<Endpoint<'_>>,
) -> Option<(u16, ProviderError)> {
    let refused = |status, kind, message: &str| Some((status, ProviderError::new(kind, None, message)));
    let invalid = |message: &str| refused(400, "ValidationException", message);
    let Some(endpoint) = endpoint else {
        return refused(404, "UnknownOperationException", "Unknown operation.");
    };
    if !has_bearer(request) && !is_signed(request) {
        return refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    let model = model_of(endpoint);
    if is_unknown(&model) {
        return invalid("The provided model identifier is invalid.");
    }
    let body = request.json();
    if !body.is_object() {
        return refused(400, "SerializationException", "The request body is not a JSON object.");
    }
    let family = Family::of(&model, &body);
    let problem = match endpoint.operation {
        Operation::Converse | Operation::ConverseStream if family.is_some_and(Family::embeds) => {
            Some("This action doesn't support the model that you provided.".to_owned())
        }
        Operation::Converse | Operation::ConverseStream => problem_of_conversation(&body),
        operation => match family {
            Some(family) if family.embeds() && operation == Operation::InvokeStream => {
                Some("The model is unsupported for streaming.".to_owned())
            }
            Some(family) => bedrock_invoke::problem(family, &body),
            None => Some(format!("This stand-in has no answers of {model}.")),
        },
    };
    invalid(&problem?)
}

/// Whether there is a signature. What it signs is not looked at.
fn is_signed(request: &ReceivedRequest) -> bool {
    let signature = request.header("authorization").and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256 "));
    let parts = ["Credential=", "SignedHeaders=", "Signature="];
    signature.is_some_and(|signature| parts.iter().all(|part| signature.contains(part)))
        && has_header(request, "x-amz-date")
}

/// What is wrong with the messages.
pub(super) fn problem_of_conversation(body: &Value) -> Option<String> {
    let messages = body["messages"].as_array().into_iter().flatten();
    let mut uses_tools = false;
    for (index, message) in messages.clone().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["user", "assistant"].contains(&role) {
            return Some(format!(
                "1 validation error detected: Value '{role}' at 'messages.{}.member.role' failed to satisfy \
                 constraint: Member must satisfy enum value set: [user, assistant]",
                index + 1
            ));
        }
        let Some(blocks) = message["content"].as_array().filter(|blocks| !blocks.is_empty()) else {
            return Some(format!("The content field in the Message object at messages.{index} is empty."));
        };
        uses_tools |=
            blocks.iter().any(|block| !block["toolUse"].is_null() || !block["toolResult"].is_null());
    }
    if messages.clone().next().is_none_or(|first| first["role"] != "user") {
        return Some("A conversation must start with a user message.".to_owned());
    }
    (uses_tools && body["toolConfig"].is_null()).then(|| {
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.".to_owned()
    })
}

pub(super) fn error(error: &ProviderError) -> Value {
    json!({ "message": error.message })
}

pub(super) fn headers(number: usize) -> Vec<(&'static str, String)> {
    vec![("x-amzn-requestid", uuid(number))]
}

/// The kind of an error, which its body leaves out, and where that was found.
pub(super) fn error_header(error: &ProviderError) -> (&'static str, String) {
    // What is found before a request gets to Bedrock itself.
    let is_early = [
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SerializationException",
        "UnknownOperationException",
        "UnrecognizedClientException",
    ]
    .contains(&error.kind.as_str());
    let service = if is_early { "com.amazon.coral.service" } else { "com.amazon.bedrock" };
    ("x-amzn-errortype", format!("{}:http://internal.amazon.com/coral/{service}/", error.kind))
}

/// The model of the path, which clients may have encoded.
pub(super) fn model_of(endpoint: Endpoint<'_>) -> String {
    let raw = endpoint.model.unwrap_or_default();
    let mut parts = raw.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        bytes
            .extend_from_slice(part.get(if code.is_some() { 2 } else { 0 }..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The name that a model of Anthropic has for itself.
pub(super) fn named(model: &str) -> String {
    let Some((_, name)) = model.split_once("anthropic.") else { return model.to_owned() };
    let name = name.split(':').next().unwrap_or_default();
    let is_number = |version: &str| version.bytes().all(|byte| byte.is_ascii_digit());
    let unversioned = name.rsplit_once("-v").filter(|(_, version)| is_number(version));
    unversioned.map_or(name, |(name, _)| name).to_owned()
}

pub(super) fn answer(answer: &Answer, body: &Value, endpoint: Endpoint<'_>, number: usize) -> Rendered {
    let Endpoint { form, operation, .. } = endpoint;
    let model = model_of(endpoint);
    let error = answer.stream_error.as_ref();
    let generate = |prompt: &Prompt| generate(answer, endpoint, prompt, Some(&model), number);
    let invoked = |tokens: Tokens, family: Family, body: &Value| {
        let mut rendered = Rendered::json(form, 200, body);
        rendered.headers = bedrock_invoke::headers(tokens, family);
        rendered
    };
    match (operation, Family::of(&model, body)) {
        (Operation::ConverseStream, _) => {
            bedrock_streams::rendered(bedrock_streams::of_converse(&generate(&prompt(body)), error))
        }
        (Operation::Invoke, Some(family)) if family.embeds() => {
            let (tokens, body) = bedrock_embeddings::body(answer, body, family, &model, number);
            invoked(tokens, family, &body)
        }
        (Operation::Invoke, Some(family)) => {
            let generation = generate(&bedrock_invoke::prompt(family, body));
            invoked(generation.usage, family, &bedrock_invoke::body(family, &generation))
        }
        (Operation::InvokeStream, Some(family)) => {
            let generation = generate(&bedrock_invoke::prompt(family, body));
            let mut rendered = bedrock_streams::rendered(bedrock_invoke::stream(family, &generation, error));
            rendered.headers.push(("x-amzn-bedrock-content-type", "application/json".to_owned()));
            rendered
        }
        _ => Rendered::json(form, 200, &converse(&generate(&prompt(body)))),
    }
}

/// Of `Converse`, and of Nova's own bodies, which are alike.
pub(super) fn prompt(body: &Value) -> Prompt {
    let messages = &body["messages"];
    let last = messages.as_array().and_then(|messages| messages.last()).unwrap_or(&Value::Null);
    let blocks = last["content"].as_array().into_iter().flatten();
    let results: Vec<_> = blocks
        .filter_map(|block| block.get("toolResult"))
        .map(|result| returned(&result["content"]))
        .collect();
    let config = &body["toolConfig"];
    let forced = config["toolChoice"]["tool"]["name"].as_str();
    // The provider's own tools have no schema, and are not the caller's to run.
    let tools = config["tools"].as_array().into_iter().flatten().filter_map(|tool| tool.get("toolSpec"));
    let tools = tools
        .filter_map(|tool| Some((tool["name"].as_str()?.to_owned(), tool["inputSchema"]["json"].clone())));
    let limits = &body["inferenceConfig"];
    // Nova's own name for it.
    let max_tokens = number(&limits["maxTokens"]).or_else(|| number(&limits["max_new_tokens"]));
    Prompt {
        text: if results.is_empty() { text(&last["content"]) } else { results.join(" ") },
        is_tool_result: !results.is_empty(),
        tool: first_tool(tools, forced),
        tool_is_forced: forced.is_some(),
        schema: schema(&body["outputConfig"]["textFormat"]),
        max_tokens,
        choices: None,
        words: words(messages) + words(&body["system"]),
    }
}

/// What a tool returned: texts, or JSON.
fn returned(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten();
    let texts = blocks.filter_map(|block| match block["text"].as_str() {
        Some(text) => Some(text.to_owned()),
        None => block.get("json").map(Value::to_string),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// A schema is JSON in a string here.
fn schema(format: &Value) -> Option<Value> {
    let schema = &format["structure"]["jsonSchema"]["schema"];
    let parsed = || serde_json::from_str(schema.as_str().unwrap_or_default()).unwrap_or_default();
    (format["type"] == "json_schema").then(parsed)
}

fn converse(generation: &Generation) -> Value {
    let mut body = message(generation);
    body["metrics"] = json!({ "latencyMs": LATENCY });
    body["usage"] = usage(generation.usage);
    body
}

/// What was said and why it ended.
pub(super) fn message(generation: &Generation) -> Value {
    let content: Vec<_> = match generation.replies.first() {
        Some(Reply::Text(text) | Reply::Refusal(text)) if !text.is_empty() => vec![json!({ "text": text })],
        Some(Reply::ToolCalls(calls)) => {
            let calls = calls.iter().enumerate().map(|(index, (name, arguments))| {
                json!({ "toolUse": {
                    "input": object(arguments),
                    "name": name,
                    "toolUseId": tool_use_id(generation, index),
                } })
            });
            calls.collect()
        }
        _ => Vec::new(),
    };
    json!({
        "output": { "message": { "content": content, "role": "assistant" } },
        "stopReason": stop_reason(generation),
    })
}

/// In one piece there is no place for what is no object: it is lost.
fn object(arguments: &str) -> Value {
    serde_json::from_str(arguments).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
}

pub(super) fn tool_use_id(generation: &Generation, index: usize) -> String {
    id("tooluse_", generation.number, index)
}

pub(super) fn stop_reason(generation: &Generation) -> &'static str {
    match anthropic::stop_reason(generation) {
        "refusal" => "content_filtered",
        reason => reason,
    }
}

pub(super) fn usage(tokens: Tokens) -> Value {
    let mut usage = json!({
        "inputTokens": tokens.uncached(),
        "outputTokens": tokens.output,
        "totalTokens": tokens.uncached() + tokens.cached + tokens.cache_written + tokens.output,
    });
    // Each of them has two names.
    if tokens.touch_a_cache() {
        usage["cacheReadInputTokens"] = json!(tokens.cached);
        usage["cacheReadInputTokenCount"] = json!(tokens.cached);
        usage["cacheWriteInputTokens"] = json!(tokens.cache_written);
        usage["cacheWriteInputTokenCount"] = json!(tokens.cache_written);
    }
    usage
}
