//! A request, written as the body that the API takes.

use crate::provider::{body::merge, pick};
use crate::record::{
    ErrorInfo, ErrorKind, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role, ToolCall,
    ToolChoice, ToolDefinition, ToolResult,
};
use serde_json::{Map, Value, json};

/// The body of a request. [`Request::options`] come last: they replace what has the same name, and
/// objects of the same name become one.
///
/// A model's own reasoning and the ids of its output items are left out: the API takes them only
/// together and whole, so that one without the other would make it refuse the request. To hand
/// reasoning on, name the `previous_response_id`, or put the item as it came into a
/// [`Part::Other`]. So are the calls of the provider's own tools.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] for what the API cannot take; the message and `param` name it.
pub fn write_request(request: &Request) -> Result<Vec<u8>, ErrorInfo> {
    refuse_unknown(request)?;
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("model", request.model.clone().map(Value::from));
    put("instructions", instructions(request)?);
    put("input", input(request)?);
    put("tools", (!request.tools.is_empty()).then(|| request.tools.iter().map(tool).collect()));
    put("tool_choice", request.tool_choice.as_ref().map(|choice| tool_choice(choice, &request.tools)));
    put("parallel_tool_calls", request.parallel_tool_calls.map(Value::from));
    put("stream", request.stream.then_some(Value::Bool(true)));
    put("max_output_tokens", request.max_output_tokens.map(Value::from));
    put("temperature", request.temperature.map(Value::from));
    put("top_p", request.top_p.map(Value::from));
    put("text", request.output_format.as_ref().map(format).transpose()?);
    put("reasoning", request.reasoning_level.as_ref().map(|level| json!({ "effort": level })));
    put("previous_response_id", request.previous_response_id.clone().map(Value::from));
    put("conversation", request.conversation_id.clone().map(Value::from));
    put("service_tier", request.service_tier.clone().map(Value::from));
    put("user", request.user.clone().map(Value::from));
    merge(&mut body, &request.options);
    pick::to_body(&body)
}

fn refuse(param: &str) -> ErrorInfo {
    let message = format!("OpenAI's Responses API does not take {param}");
    let mut error = ErrorInfo::new(ErrorKind::InvalidRequest, message);
    error.param = Some(param.to_owned());
    error
}

fn refuse_unknown(request: &Request) -> Result<(), ErrorInfo> {
    let given = [
        ("choice_count", request.choice_count.is_some_and(|count| count != 1)),
        ("top_k", request.top_k.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("stop_sequences", !request.stop_sequences.is_empty()),
        ("seed", request.seed.is_some()),
        ("reasoning_budget", request.reasoning_budget.is_some()),
        ("a cache point", request.has_part(|part| matches!(part, Part::CachePoint(_)))),
        ("media in a tool's result", request.has_part(Part::is_result_with_media)),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((param, _)) => Err(refuse(param)),
        None => Ok(()),
    }
}

fn instructions(request: &Request) -> Result<Option<Value>, ErrorInfo> {
    let texts: Option<Vec<&str>> = request
        .system_instructions
        .iter()
        .map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect();
    match texts {
        Some(texts) if texts.is_empty() => Ok(None),
        Some(texts) => Ok(Some(texts.join("\n\n").into())),
        None => Err(refuse("system_instructions other than text")),
    }
}

fn input(request: &Request) -> Result<Option<Value>, ErrorInfo> {
    if request.messages.is_empty() {
        return Ok(None);
    }
    let custom: Vec<&str> =
        request.tools.iter().filter(|tool| tool.kind == "custom").map(|tool| tool.name.as_str()).collect();
    let mut input = Input { custom, custom_calls: Vec::new(), items: Vec::new() };
    for message in &request.messages {
        input.message(message)?;
    }
    Ok(Some(Value::Array(input.items)))
}

/// The input items so far.
struct Input<'a> {
    /// The names of the tools that take free text.
    custom: Vec<&'a str>,
    /// The ids of their calls, whose results are of another type than a function's.
    custom_calls: Vec<&'a str>,
    items: Vec<Value>,
}

impl<'a> Input<'a> {
    fn message(&mut self, message: &'a Message) -> Result<(), ErrorInfo> {
        if message.name.is_some() {
            return Err(refuse("a message's name"));
        }
        if message.parts.is_empty() {
            self.items.push(json!({ "type": "message", "role": message.role.as_str(), "content": [] }));
        }
        let mut said = Vec::new();
        for part in &message.parts {
            let item = match part {
                Part::ToolCall(call) => self.call(call)?,
                Part::ToolResult(result) => self.result(result)?,
                Part::Other { kind, value } if is_item(&message.role, kind) => {
                    let id = value.get("call_id").and_then(Value::as_str);
                    self.custom_calls.extend(id.filter(|_| kind == "custom_tool_call"));
                    value.clone()
                }
                Part::Reasoning(_)
                | Part::ServerToolCall(_)
                | Part::ServerToolResult(_)
                | Part::Signature(_)
                | Part::Citations(_) => continue,
                _ => {
                    said.push(part);
                    continue;
                }
            };
            self.say(&message.role, &mut said)?;
            self.items.push(item);
        }
        self.say(&message.role, &mut said)
    }

    /// Writes a message item of these parts, if there are any.
    fn say(&mut self, role: &Role, said: &mut Vec<&Part>) -> Result<(), ErrorInfo> {
        let content = match said.as_slice() {
            [] => return Ok(()),
            _ if *role == Role::Tool => return Err(refuse("a tool's message without a tool result")),
            [Part::Text(text)] => Value::from(text.as_str()),
            parts => parts.iter().map(|part| content_part(role, part)).collect::<Result<_, _>>()?,
        };
        said.clear();
        self.items.push(json!({ "type": "message", "role": role.as_str(), "content": content }));
        Ok(())
    }

    fn call(&mut self, call: &'a ToolCall) -> Result<Value, ErrorInfo> {
        let Some(id) = &call.id else { return Err(refuse("a tool call without an id")) };
        if self.custom.contains(&call.name.as_str()) {
            self.custom_calls.push(id);
            return Ok(json!({
                "type": "custom_tool_call", "call_id": id, "name": call.name, "input": call.arguments,
            }));
        }
        Ok(json!({
            "type": "function_call", "call_id": id, "name": call.name, "arguments": call.arguments,
        }))
    }

    fn result(&self, result: &ToolResult) -> Result<Value, ErrorInfo> {
        let Some(id) = &result.call_id else { return Err(refuse("a tool result without a call id")) };
        let custom = self.custom_calls.contains(&id.as_str());
        let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
        Ok(json!({ "type": kind, "call_id": id, "output": result.content }))
    }
}

/// Whether what we have no part for is an item of its own, not a part of the message's content.
fn is_item(role: &Role, kind: &str) -> bool {
    let of_content = ["input_", "output_"].into_iter().any(|start| kind.starts_with(start));
    matches!(role, Role::Assistant | Role::Tool) && !of_content
}

fn content_part(role: &Role, part: &Part) -> Result<Value, ErrorInfo> {
    match part {
        Part::Text(text) if *role == Role::Assistant => Ok(json!({ "type": "output_text", "text": text })),
        Part::Text(text) => Ok(json!({ "type": "input_text", "text": text })),
        Part::Refusal(text) => Ok(json!({ "type": "refusal", "refusal": text })),
        Part::Media(media) => media_part(media),
        Part::Other { value, .. } => Ok(value.clone()),
        _ => Err(refuse("this part in a message's content")),
    }
}

fn media_part(media: &Media) -> Result<Value, ErrorInfo> {
    match (media.modality, &media.source) {
        (Modality::Image, MediaSource::FileId(id)) => Ok(json!({ "type": "input_image", "file_id": id })),
        (Modality::Image, _) => Ok(json!({ "type": "input_image", "image_url": media.to_uri() })),
        (Modality::Document, MediaSource::FileId(id)) => Ok(json!({ "type": "input_file", "file_id": id })),
        (Modality::Document, MediaSource::Uri(uri)) => Ok(json!({ "type": "input_file", "file_url": uri })),
        (Modality::Document, MediaSource::Base64(data)) => {
            // The API tells the format by the name's ending.
            let ending = media.mime_type.as_deref().and_then(|mime| mime.rsplit_once('/')).map_or(
                "pdf",
                |(_, subtype)| match subtype {
                    "plain" => "txt",
                    other => other,
                },
            );
            let data = if media.mime_type.is_some() { media.to_uri() } else { Some(data.clone()) };
            let name = format!("document.{ending}");
            Ok(json!({ "type": "input_file", "filename": name, "file_data": data }))
        }
        (Modality::Audio, MediaSource::Base64(data)) => {
            let format = match media.mime_type.as_deref() {
                Some("audio/mpeg") => "mp3",
                Some(mime) => mime.strip_prefix("audio/").unwrap_or(mime),
                None => "wav",
            };
            Ok(json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } }))
        }
        (Modality::Audio, _) => Err(refuse("audio by address or file id")),
        (Modality::Video, _) => Err(refuse("video")),
    }
}

fn tool(tool: &ToolDefinition) -> Value {
    let mut written = Map::new();
    written.insert("type".to_owned(), tool.kind.as_str().into());
    let function = tool.kind == "function";
    if function || tool.name != tool.kind {
        written.insert("name".to_owned(), tool.name.as_str().into());
    }
    if let Some(description) = &tool.description {
        written.insert("description".to_owned(), description.as_str().into());
    }
    if let Some(strict) = tool.strict {
        written.insert("strict".to_owned(), strict.into());
    }
    match &tool.parameters {
        Some(parameters) if function => {
            written.insert("parameters".to_owned(), parameters.clone());
        }
        Some(Value::Object(settings)) => merge(&mut written, settings),
        _ => {}
    }
    Value::Object(written)
}

fn tool_choice(choice: &ToolChoice, tools: &[ToolDefinition]) -> Value {
    let name = match choice {
        ToolChoice::Auto => return "auto".into(),
        ToolChoice::None => return "none".into(),
        ToolChoice::Required => return "required".into(),
        ToolChoice::Tool(name) => name,
    };
    match tools.iter().find(|tool| tool.name == *name).map_or("function", |tool| tool.kind.as_str()) {
        kind @ ("function" | "custom") => json!({ "type": kind, "name": name }),
        kind => json!({ "type": kind }),
    }
}

fn format(format: &OutputFormat) -> Result<Value, ErrorInfo> {
    let format = match format {
        OutputFormat::Text => json!({ "type": "text" }),
        OutputFormat::Json => json!({ "type": "json_object" }),
        OutputFormat::JsonSchema { name, schema, strict } => {
            let mut format = json!({ "type": "json_schema", "name": name, "schema": schema });
            if let (Some(strict), Some(format)) = (strict, format.as_object_mut()) {
                format.insert("strict".to_owned(), Value::Bool(*strict));
            }
            format
        }
        OutputFormat::Image => return Err(refuse("output_format image")),
        OutputFormat::Speech => return Err(refuse("output_format speech")),
    };
    Ok(json!({ "format": format }))
}
