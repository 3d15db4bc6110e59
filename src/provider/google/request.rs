//! A request's body, read.

use super::fields::{Fields, list, model_name, text, value, word};
use super::{part, tool};
use crate::provider::pick;
use crate::record::{Message, OutputFormat, Part, Request, Role};
use serde_json::{Map, Value, value::RawValue};

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What we do not know, or cannot read, stays among the [`options`](Request::options), so that
/// [`write_request`](super::write_request) sends it again; so does a schema in Google's own dialect
/// (`responseSchema`), beside [`Request::output_format`]. How finely a medium is to be looked at
/// (`videoMetadata`, `mediaResolution`) is not kept.
pub fn read_request(body: &[u8]) -> Option<Request> {
    let mut sent = Fields::read(std::str::from_utf8(body).ok()?)?;
    let mut request = Request {
        // In no body of Google's own, but in those of some clients.
        model: sent.take("model", text).map(model_name),
        system_instructions: sent.take("systemInstruction", read_instructions).unwrap_or_default(),
        messages: sent.take("contents", read_contents).unwrap_or_default(),
        tools: sent.take("tools", tool::read_tools).unwrap_or_default(),
        ..Request::default()
    };
    if let Some(mut config) = sent.get("toolConfig").and_then(|raw| Fields::read(raw.get())) {
        sent.remove("toolConfig");
        request.tool_choice = tool::take_choice(&mut config);
        keep(&mut request.options, "toolConfig", config.rest());
    }
    if let Some(mut config) = sent.get("generationConfig").and_then(|raw| Fields::read(raw.get())) {
        sent.remove("generationConfig");
        let thinking = read_config(&mut config, &mut request);
        let mut rest = config.rest();
        keep(&mut rest, "thinkingConfig", thinking);
        keep(&mut request.options, "generationConfig", rest);
    }
    request.options.extend(sent.rest());
    Some(request)
}

/// Keeps what is left of an object, if anything is.
fn keep(options: &mut Map<String, Value>, name: &str, rest: Map<String, Value>) {
    if !rest.is_empty() {
        options.insert(name.to_owned(), Value::Object(rest));
    }
}

fn read_instructions(raw: &RawValue) -> Option<Vec<Part>> {
    if let Some(text) = text(raw) {
        return Some(vec![Part::Text(text)]);
    }
    Fields::read(raw.get()).map(|content| read_parts(&content))
}

fn read_parts(content: &Fields<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for part in content.get("parts").into_iter().flat_map(part::read_all) {
        part.push_to(&mut parts);
    }
    parts
}

fn read_contents(raw: &RawValue) -> Option<Vec<Message>> {
    list(raw).into_iter().map(read_content).collect()
}

fn read_content(raw: &RawValue) -> Option<Message> {
    if let Some(text) = text(raw) {
        return Some(Message::text(Role::User, text));
    }
    let content = Fields::read(raw.get())?;
    let parts = read_parts(&content);
    let only_results = !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult(_)));
    let role = match content.text("role").as_deref() {
        Some("model") => Role::Assistant,
        Some("function") => Role::Tool,
        None | Some("user") if only_results => Role::Tool,
        None => Role::User,
        Some(other) => Role::from(other),
    };
    Some(Message::new(role, parts))
}

/// Reads `generationConfig`; gives back what is left of its `thinkingConfig`.
fn read_config(config: &mut Fields<'_>, request: &mut Request) -> Map<String, Value> {
    request.temperature = config.take_value("temperature", Value::as_f64);
    request.top_p = config.take_value("topP", Value::as_f64);
    request.top_k = config.take_value("topK", pick::whole_number);
    request.max_output_tokens = config.take_value("maxOutputTokens", pick::whole_number);
    request.stop_sequences =
        config.take("stopSequences", |raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    request.seed = config.take_value("seed", Value::as_i64);
    request.choice_count = config.take_value("candidateCount", pick::small_number);
    request.presence_penalty = config.take_value("presencePenalty", Value::as_f64);
    request.frequency_penalty = config.take_value("frequencyPenalty", Value::as_f64);
    request.output_format = read_format(config).or_else(|| read_modalities(config));
    let Some(mut thinking) = config.get("thinkingConfig").and_then(|raw| Fields::read(raw.get())) else {
        return Map::new();
    };
    config.remove("thinkingConfig");
    // A budget below zero leaves it to the model: that is no count, and stays.
    request.reasoning_budget = thinking.take_value("thinkingBudget", pick::whole_number);
    request.reasoning_level = thinking.take("thinkingLevel", text);
    thinking.rest()
}

fn read_format(config: &mut Fields<'_>) -> Option<OutputFormat> {
    let is =
        |config: &Fields<'_>, mime: &str| config.text("responseMimeType").is_some_and(|sent| sent == mime);
    if is(config, "text/plain") {
        config.remove("responseMimeType");
        return Some(OutputFormat::Text);
    }
    let is_json = is(config, "application/json");
    if !is_json && config.get("responseMimeType").is_some() {
        return None;
    }
    let schema = |schema| OutputFormat::JsonSchema { name: String::new(), schema, strict: None };
    if let Some(dialect) = config.get("responseSchema") {
        return Some(schema(value(dialect)));
    }
    let format = config.take("responseJsonSchema", |raw| Some(schema(value(raw))));
    if is_json {
        config.remove("responseMimeType");
    }
    format.or(is_json.then_some(OutputFormat::Json))
}

/// What is asked for beside text; a list that we would write in another way stays.
fn read_modalities(config: &mut Fields<'_>) -> Option<OutputFormat> {
    let words: Vec<String> = list(config.get("responseModalities")?).into_iter().filter_map(word).collect();
    let words: Vec<_> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let asked = |names: [&str; 2]| words.iter().any(|word| names.contains(&word.as_str()));
    let (format, ours): (_, &[&str]) = if asked(["AUDIO", "3"]) {
        (OutputFormat::Speech, &["AUDIO"])
    } else if asked(["IMAGE", "2"]) {
        (OutputFormat::Image, &["TEXT", "IMAGE"])
    } else {
        return None;
    };
    if words.iter().map(String::as_str).eq(ours.iter().copied()) {
        config.remove("responseModalities");
    }
    Some(format)
}
