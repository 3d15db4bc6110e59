//! What an event must say of an exchange, from what is known of this besides its bytes.

use crate::{exchange::Exchange, play::Provider, table, wording};
use serde_json::{Map, Value, json};
use tracing_genai::{provider::Api, testing::PostHogEvent};

/// The properties that are compared, those that must not be there among them.
const COMPARED: [&str; 27] = [
    "event",
    "$ai_span_name",
    "$ai_span_type",
    "$ai_provider",
    "$ai_model",
    "$ai_base_url",
    "$ai_request_url",
    "$ai_input_tokens",
    "$ai_output_tokens",
    "$ai_total_tokens",
    "$ai_reasoning_tokens",
    "$ai_cache_read_input_tokens",
    "$ai_cache_creation_input_tokens",
    "$ai_cache_reporting_exclusive",
    "$ai_stop_reason",
    "$ai_completion_id",
    "$ai_http_status",
    "$ai_is_error",
    "$ai_error",
    "$ai_error_type",
    "$ai_stream",
    "$ai_temperature",
    "$ai_max_tokens",
    "$ai_tools_called",
    "$ai_tool_call_count",
    "tracing_genai.operation.name",
    "tracing_genai.outcome",
];

/// Where nothing is known besides the bytes, which say it.
const SILENT: [(&str, &str); 2] = [("ai21.jamba", "$ai_completion_id"), ("ai21.jamba", "$ai_total_tokens")];

/// What of the event of an exchange is not as it must be.
pub(crate) fn differences(
    exchange: &Exchange,
    provider: &Provider,
    url: &str,
    event: &PostHogEvent,
) -> Vec<String> {
    let mut seen = event.properties.clone();
    seen.insert("event".to_owned(), json!(event.name));
    let said = said(&seen);
    let tools = seen.get("$ai_tools").map(names).unwrap_or_default();
    let mut found = Vec::new();
    let known = Known::of(exchange, provider);
    if known.is_generation() {
        let text = exchange.expected.get("text").and_then(Value::as_str).unwrap_or_default();
        if said.text != text {
            found.push(format!("$ai_output_choices: the text is {:?} and not {text:?}", said.text));
        }
        let calls = known.tool_calls();
        if said.calls != calls {
            found.push(format!("$ai_output_choices: the calls are {:?} and not {calls:?}", said.calls));
        }
        if tools != known.tools_on_offer() {
            found.push(format!("$ai_tools: {tools:?} and not {:?}", known.tools_on_offer()));
        }
        if known.has_prompt() && !seen.get("$ai_input").is_some_and(is_filled) {
            found.push(format!("$ai_input: {:?}", seen.get("$ai_input")));
        }
    } else {
        let input = known.embedded();
        if input.as_ref() != seen.get("$ai_input") {
            found.push(format!("$ai_input: {:?} and not {input:?}", seen.get("$ai_input")));
        }
    }
    let streamed_something =
        known.streams() && exchange.succeeded() && (!said.text.is_empty() || !said.calls.is_empty());
    if streamed_something != seen.contains_key("$ai_time_to_first_token")
        && !seen.contains_key("$ai_output_choices")
    {
        found.push(format!("$ai_time_to_first_token: {:?}", seen.get("$ai_time_to_first_token")));
    }
    let is_silent =
        |name: &str| SILENT.iter().any(|(file, silent)| exchange.file.contains(file) && *silent == name);
    seen.retain(|name, _| COMPARED.contains(&name.as_str()) && !is_silent(name));
    found.extend(table::differences(&known.properties(url), &seen));
    found
}

fn is_filled(value: &Value) -> bool {
    value.as_array().is_some_and(|messages| !messages.is_empty())
}

/// What the answer's messages say.
struct Said {
    text: String,
    calls: Vec<Value>,
}

fn said(seen: &Map<String, Value>) -> Said {
    let mut said = Said { text: String::new(), calls: Vec::new() };
    let choices = seen.get("$ai_output_choices").and_then(Value::as_array);
    for part in choices.into_iter().flatten().filter_map(|choice| choice["parts"].as_array()).flatten() {
        match part["type"].as_str() {
            Some("text") => said.text.push_str(part["content"].as_str().unwrap()),
            Some("tool_call") => said.calls.push(json!([part["id"], part["name"], part["arguments"]])),
            _ => {}
        }
    }
    said
}

fn names(tools: &Value) -> Vec<String> {
    let tools = tools.as_array().into_iter().flatten();
    tools.map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What is known of an exchange.
struct Known<'a> {
    exchange: &'a Exchange,
    provider: &'a Provider,
    request: Value,
}

impl<'a> Known<'a> {
    fn of(exchange: &'a Exchange, provider: &'a Provider) -> Self {
        let body = exchange.request.as_ref().and_then(|request| request.body.as_deref());
        let request = body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        Self { exchange, provider, request }
    }

    fn api(&self) -> Api {
        self.exchange.api().unwrap_or(Api::OpenAiChat)
    }

    fn is_generation(&self) -> bool {
        let path = self.exchange.path();
        !(path.contains("embed") || self.exchange.api == "predict")
    }

    fn is_google(&self) -> bool {
        self.provider.folder.starts_with("google")
    }

    /// Whether it was asked for as a stream.
    fn streams(&self) -> bool {
        match self.exchange.api.as_str() {
            "streamGenerateContent" | "converse_stream" | "invoke_model_with_response_stream" => true,
            _ => {
                self.request["stream"] == true
                    || (self.exchange.request.is_none() && self.exchange.is_stream())
            }
        }
    }

    fn known(&self, key: &str) -> Option<&Value> {
        self.exchange.expected.get(key).filter(|value| !value.is_null())
    }

    /// A count that is there, and none that says nothing.
    fn count(&self, key: &str) -> Option<Value> {
        self.known(key).filter(|count| **count != json!(0)).cloned()
    }

    fn fails(&self) -> bool {
        self.known("error_message").is_some()
            || self.known("error_status").is_some()
            || !self.exchange.succeeded()
    }

    fn properties(&self, url: &str) -> Map<String, Value> {
        let mut all = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_owned(), value);
            }
        };
        let is_generation = self.is_generation();
        put("event", Some(json!(if is_generation { "$ai_generation" } else { "$ai_embedding" })));
        put("$ai_span_type", Some(json!(if is_generation { "generation" } else { "embedding" })));
        let operation = match (is_generation, self.is_google()) {
            (false, _) => "embeddings",
            (true, true) => "generate_content",
            (true, false) => "chat",
        };
        let own = Some(operation).filter(|operation| *operation == "generate_content");
        put("tracing_genai.operation.name", own.map(Value::from));
        let stand_in = self.exchange.request.is_none() && self.is_google();
        let path = self.exchange.path();
        let deployment = path.split("/deployments/").nth(1).and_then(|rest| rest.split('/').next());
        let asked = self.known("request_model").and_then(Value::as_str);
        let asked = asked.or(deployment).or(stand_in.then_some("stand-in"));
        put(
            "$ai_span_name",
            Some(json!(asked.map_or(operation.to_owned(), |model| format!("{operation} {model}")))),
        );
        put("$ai_provider", Some(json!(self.provider.name)));
        put("$ai_model", self.known("response_model").cloned().or(asked.map(Value::from)));
        put("$ai_request_url", Some(json!(url)));
        put("$ai_base_url", Some(json!(base(url))));

        let input = self.known("input_tokens_semconv").cloned();
        put("$ai_input_tokens", input.clone());
        put("$ai_output_tokens", self.known("output_tokens_semconv").cloned());
        let is_claude =
            self.provider.folder == "anthropic" || asked.is_some_and(|model| model.contains("claude"));
        put("$ai_cache_reporting_exclusive", Some(json!(is_claude && input.is_none())));
        if is_generation {
            put("$ai_total_tokens", self.known("total_tokens").cloned());
            put("$ai_reasoning_tokens", self.count("reasoning_tokens"));
            put("$ai_cache_read_input_tokens", self.count("cache_read_tokens"));
            put("$ai_cache_creation_input_tokens", self.count("cache_creation_tokens"));
            put("$ai_stop_reason", self.stop_reason());
            put("$ai_completion_id", self.known("response_id").cloned());
            put("$ai_stream", Some(json!(self.streams())));
            put("$ai_temperature", self.setting("temperature").map(|value| json!(value.as_f64())));
            put("$ai_max_tokens", self.setting("max_tokens"));
            let called: Vec<_> =
                self.tool_calls().iter().map(|call| call[1].as_str().unwrap().to_owned()).collect();
            if !called.is_empty() {
                put("$ai_tool_call_count", Some(json!(called.len())));
                put("$ai_tools_called", Some(json!(called.join(","))));
            }
        }

        put("$ai_is_error", Some(json!(self.fails())));
        put("tracing_genai.outcome", Some(json!(if self.fails() { "failed" } else { "done" })));
        let in_stream = self.exchange.succeeded();
        let status = if self.fails() && in_stream { 500 } else { self.exchange.response.status };
        put("$ai_http_status", Some(json!(status)));
        if self.fails() {
            put("$ai_error", self.known("error_message").cloned());
            // A number is no code but the status once more.
            let code = self.known("error_code").filter(|code| code.is_string());
            let kind = code.or_else(|| self.known("error_type"));
            put("$ai_error_type", kind.cloned().or_else(|| Some(json!(status.to_string()))));
        }
        all
    }

    fn stop_reason(&self) -> Option<Value> {
        if self.known("prompt_block_reason").is_some() {
            return Some(json!("content_filter"));
        }
        if let Some(status) = self.known("response_status").and_then(Value::as_str) {
            // These answers have a status where others have a reason.
            let called = !self.tool_calls().is_empty();
            return Some(json!(match (status, self.known("incomplete_reason").and_then(Value::as_str)) {
                ("completed", _) if called => "tool_call",
                ("completed", _) => "stop",
                (_, Some("max_output_tokens")) => "length",
                (_, Some(reason)) => reason,
                (_, None) => "error",
            }));
        }
        let raw = self.known("finish_reasons").and_then(|all| all.as_array()?.first());
        let Some(raw) = raw else {
            // One that was due and never came.
            return (self.fails() && self.exchange.succeeded()).then(|| json!("error"));
        };
        let raw = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned);
        Some(match self.exchange.api.as_str() {
            "chat" => json!(raw),
            // Google stops alike for calls and words.
            _ if self.is_google() && !self.tool_calls().is_empty() && matches!(&*raw, "STOP" | "1") => {
                json!("tool_call")
            }
            _ => json!(wording::finish_reason(&raw)),
        })
    }

    /// A setting of the request, by the name that each API has for it.
    fn setting(&self, name: &str) -> Option<Value> {
        let places: &[&str] = match (name, self.api()) {
            ("temperature", Api::GoogleGenerateContent) => &["/generationConfig/temperature"],
            ("temperature", Api::BedrockConverse) => &["/inferenceConfig/temperature"],
            ("temperature", _) => {
                &["/temperature", "/inferenceConfig/temperature", "/textGenerationConfig/temperature"]
            }
            (_, Api::GoogleGenerateContent) => &["/generationConfig/maxOutputTokens"],
            (_, Api::BedrockConverse) => &["/inferenceConfig/maxTokens"],
            (_, Api::OpenAiResponses) => &["/max_output_tokens"],
            _ => &[
                "/max_completion_tokens",
                "/max_tokens",
                "/max_tokens_to_sample",
                "/max_gen_len",
                "/maxTokens",
                "/inferenceConfig/max_new_tokens",
                "/inferenceConfig/maxTokens",
                "/textGenerationConfig/maxTokenCount",
            ],
        };
        places.iter().find_map(|place| self.request.pointer(place).filter(|value| !value.is_null()).cloned())
    }

    /// Whether the request holds what is asked, under the name that each API has for it.
    fn has_prompt(&self) -> bool {
        let names = ["messages", "input", "contents", "prompt", "message", "inputText"];
        // A prompt that the provider stores is not in the request.
        let is_stored = self.request["prompt"]["id"].is_string();
        !is_stored && names.iter().any(|name| !self.request[*name].is_null())
    }

    /// The calls that the model asks for: id, name and arguments.
    fn tool_calls(&self) -> Vec<Value> {
        let calls = self.known("tool_calls").and_then(Value::as_array).into_iter().flatten();
        let arguments = |call: &Value| match &call["arguments"] {
            Value::Null => call["arguments_raw"].clone(),
            arguments => arguments.clone(),
        };
        calls.map(|call| json!([call["id"], call["name"], arguments(call)])).collect()
    }

    /// The names of the tools in the request, in the form of any API.
    fn tools_on_offer(&self) -> Vec<String> {
        let mut names = Vec::new();
        let lists =
            [&self.request["tools"], &self.request["toolConfig"]["tools"], &self.request["functions"]];
        for tool in lists.into_iter().filter_map(Value::as_array).flatten() {
            let declared =
                tool["functionDeclarations"].as_array().or_else(|| tool["function_declarations"].as_array());
            if let Some(declared) = declared {
                names.extend(declared.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
                continue;
            }
            let places = [
                "/name",
                "/function/name",
                "/custom/name",
                "/toolSpec/name",
                "/systemTool/name",
                "/server_label",
                "/type",
            ];
            let name = places.iter().find_map(|place| tool.pointer(place)?.as_str());
            let name = name.or_else(|| tool.get("google_search").map(|_| "googleSearch"));
            let name = name.or_else(|| tool.as_object()?.keys().next().map(String::as_str));
            names.push(name.unwrap_or_default().to_owned());
        }
        names
    }

    /// What was embedded: one as it is, several as a list.
    fn embedded(&self) -> Option<Value> {
        let request = &self.request;
        let google = |one: &Value| one["content"]["parts"][0]["text"].clone();
        let mut all = match request {
            _ if request["input"].is_array() && request["input"][0].is_number() => {
                return Some(request["input"].clone());
            }
            _ if request["input"].is_array() => request["input"].as_array().cloned()?,
            _ if request["input"].is_string() => vec![request["input"].clone()],
            _ if request["requests"].is_array() => {
                request["requests"].as_array()?.iter().map(google).collect()
            }
            _ if request["content"].is_object() => vec![google(request)],
            _ if request["texts"].is_array() => request["texts"].as_array().cloned()?,
            _ if request["inputText"].is_string() => vec![request["inputText"].clone()],
            _ if request["instances"].is_array() => {
                request["instances"].as_array()?.iter().map(|one| one["content"].clone()).collect()
            }
            _ => return None,
        };
        if all.len() == 1 { all.pop() } else { Some(Value::Array(all)) }
    }
}

/// What a client of the API is configured with.
fn base(url: &str) -> &str {
    let endings = [
        "/chat/completions",
        "/responses",
        "/embeddings",
        "/messages",
        "/models/",
        "/model/",
        "/vector_stores",
    ];
    let host = url.match_indices('/').nth(2).map_or(url.len(), |(place, _)| place);
    let end = endings.iter().find_map(|ending| url.rfind(ending)).unwrap_or(host);
    if url.contains("vector_stores") { &url[..host] } else { &url[..end] }
}
