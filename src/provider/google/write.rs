//! A request's body, written.

use super::written::{self, Answer, FileData, FunctionCall, FunctionResponse, Holds, InlineData};
use super::{part::CODE_EXECUTION, tool};
use crate::provider::{
    body::{Fields, merge},
    failure::{refuse, wrong},
    pick,
};
use crate::record::{
    ErrorInfo, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role, ToolCall, ToolResult,
};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value, json, value::RawValue};
use std::collections::BTreeMap;

const GOOGLE: &str = "Google's generateContent";

/// The body of a request. The model, and whether the answer is streamed, are told by the URL.
///
/// Leading messages of the application (`system`, `developer`) join the
/// [`system_instructions`](Request::system_instructions). Reasoning without a signature, citations and
/// what other providers' tools did are left out: Google takes none. The request's own
/// [`options`](Request::options) come last and override, name by name also within an object such as
/// `generationConfig`.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming the parameter that
/// Google has not, or cannot take as it is.
pub fn write_request(request: &Request) -> Result<Vec<u8>, ErrorInfo> {
    refuse(GOOGLE, "user", request.user.is_some())?;
    refuse(GOOGLE, "previous_response_id", request.previous_response_id.is_some())?;
    refuse(GOOGLE, "conversation_id", request.conversation_id.is_some())?;
    refuse(GOOGLE, "service_tier", request.service_tier.is_some())?;
    refuse(GOOGLE, "parallel_tool_calls", request.parallel_tool_calls.is_some())?;
    refuse(GOOGLE, "cache_point", request.has_part(|part| matches!(part, Part::CachePoint(_))))?;
    refuse(GOOGLE, "media of a tool's result", request.has_part(Part::is_result_with_media))?;
    in_range("temperature", request.temperature, 2.0)?;
    in_range("top_p", request.top_p, 1.0)?;

    let is_instruction = |message: &Message| matches!(message.role, Role::System | Role::Developer);
    let leading = request.messages.iter().take_while(|message| is_instruction(message)).count();
    let (instructions, conversation) = request.messages.split_at(leading);
    let mut writer = Writer::default();
    let mut said = writer.parts(&request.system_instructions)?;
    for message in instructions {
        said.extend(writer.parts(&message.parts)?);
    }
    let contents = writer.contents(conversation)?;

    let mut settings = Map::new();
    if !request.tools.is_empty() {
        settings.insert("tools".to_owned(), tool::write_tools(&request.tools));
    }
    if let Some(choice) = &request.tool_choice {
        settings.insert("toolConfig".to_owned(), tool::write_choice(choice));
    }
    let config = write_config(request);
    if !config.is_empty() {
        settings.insert("generationConfig".to_owned(), Value::Object(config));
    }
    merge(&mut settings, &request.options);
    pick::to_body(&Body { said, contents, settings })
}

/// A body, its content borrowed.
struct Body<'a> {
    said: Vec<written::Part<'a>>,
    contents: Vec<written::Content<'a>>,
    /// All else, the options among it.
    settings: Map<String, Value>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut body = Fields::new(to, &self.settings)?;
        let said = Some(&self.said).filter(|said| !said.is_empty());
        body.put("systemInstruction", said.map(|said| BTreeMap::from([("parts", said)])))?;
        body.put("contents", Some(&self.contents))?;
        body.end()
    }
}

fn in_range(parameter: &str, value: Option<f64>, most: f64) -> Result<(), ErrorInfo> {
    match value {
        Some(value) if !(0.0..=most).contains(&value) => {
            Err(wrong(parameter, &format!("{GOOGLE} takes 0 to {most}, not {value}")))
        }
        _ => Ok(()),
    }
}

fn write_config(request: &Request) -> Map<String, Value> {
    let mut config = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.to_owned(), value);
        }
    };
    put("temperature", request.temperature.map(Value::from));
    put("topP", request.top_p.map(Value::from));
    put("topK", request.top_k.map(Value::from));
    put("maxOutputTokens", request.max_output_tokens.map(Value::from));
    let stop = &request.stop_sequences;
    put("stopSequences", (!stop.is_empty()).then(|| Value::from(stop.as_slice())));
    put("seed", request.seed.map(Value::from));
    put("candidateCount", request.choice_count.map(Value::from));
    put("presencePenalty", request.presence_penalty.map(Value::from));
    put("frequencyPenalty", request.frequency_penalty.map(Value::from));
    match &request.output_format {
        Some(OutputFormat::Text) => put("responseMimeType", Some("text/plain".into())),
        Some(OutputFormat::Json) => put("responseMimeType", Some("application/json".into())),
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            put("responseMimeType", Some("application/json".into()));
            // Google takes one schema: its own dialect among the options stands for this one.
            let has_dialect = request
                .options
                .get("generationConfig")
                .is_some_and(|config| config.get("responseSchema").is_some());
            put("responseJsonSchema", (!has_dialect).then(|| schema.clone()));
        }
        Some(OutputFormat::Image) => put("responseModalities", Some(json!(["TEXT", "IMAGE"]))),
        Some(OutputFormat::Speech) => put("responseModalities", Some(json!(["AUDIO"]))),
        None => {}
    }
    let mut thinking = Map::new();
    if let Some(level) = &request.reasoning_level {
        thinking.insert("thinkingLevel".to_owned(), Value::from(level.as_str()));
    }
    if let Some(budget) = request.reasoning_budget {
        thinking.insert("thinkingBudget".to_owned(), Value::from(budget));
    }
    put("thinkingConfig", (!thinking.is_empty()).then_some(Value::Object(thinking)));
    config
}

/// Writes a conversation, and remembers the calls in it for the results that come later.
#[derive(Default)]
struct Writer<'a> {
    calls: Vec<&'a ToolCall>,
}

impl<'a> Writer<'a> {
    /// Messages of the same role that follow each other become one content.
    fn contents(&mut self, messages: &'a [Message]) -> Result<Vec<written::Content<'a>>, ErrorInfo> {
        let mut contents: Vec<written::Content<'a>> = Vec::with_capacity(messages.len());
        for message in messages {
            let role = match &message.role {
                Role::User | Role::Tool => "user",
                Role::Assistant => "model",
                Role::Other(other) => other,
                role @ (Role::System | Role::Developer) => {
                    let role = role.as_str();
                    let why = format!("{GOOGLE} takes {role} messages before the conversation only");
                    return Err(wrong("role", &why));
                }
            };
            let parts = self.parts(&message.parts)?;
            match contents.last_mut() {
                Some(last) if last.role == role => last.parts.extend(parts),
                _ if parts.is_empty() => {}
                _ => contents.push(written::Content { role, parts }),
            }
        }
        Ok(contents)
    }

    fn parts(&mut self, parts: &'a [Part]) -> Result<Vec<written::Part<'a>>, ErrorInfo> {
        let mut out: Vec<written::Part<'a>> = Vec::with_capacity(parts.len());
        // Whether the last of `out` is of the part just before, and takes its signature.
        let mut takes_signature = false;
        for (place, part) in parts.iter().enumerate() {
            if let Part::Signature(signature) = part {
                if !std::mem::take(&mut takes_signature) {
                    out.push(Holds::Text("").into());
                }
                if let Some(signed) = out.last_mut() {
                    signed.signature = Some(signature);
                }
                continue;
            }
            let is_signed = matches!(parts.get(place.saturating_add(1)), Some(Part::Signature(_)));
            let written = self.part(part, is_signed)?;
            takes_signature = written.is_some();
            out.extend(written.map(written::Part::from));
        }
        Ok(out)
    }

    fn part(&mut self, part: &'a Part, is_signed: bool) -> Result<Option<Holds<'a>>, ErrorInfo> {
        Ok(match part {
            Part::Text(text) | Part::Refusal(text) => Some(Holds::Text(text)),
            Part::Reasoning(text) => is_signed.then_some(Holds::Thought(text)),
            Part::ToolCall(call) => {
                self.calls.push(call);
                let (id, name, args) = (call.id.as_deref(), call.name.as_str(), arguments(call)?);
                Some(Holds::FunctionCall(FunctionCall { id, name, args }))
            }
            Part::ToolResult(result) => Some(self.result(result)?),
            Part::Media(media) => Some(write_media(media)?),
            Part::ServerToolCall(call) if call.name == CODE_EXECUTION => {
                Some(Holds::ExecutableCode(arguments(call)?))
            }
            Part::ServerToolCall(call) if is_googles(&call.name) => {
                let (id, tool_type, args) = (call.id.as_deref(), call.name.as_str(), arguments(call)?);
                Some(Holds::ToolCall(written::ServerCall { id, tool_type, args }))
            }
            Part::ServerToolResult(result) if result.value.get(&result.kind).is_some() => {
                result.value.as_object().map(Holds::Other)
            }
            Part::Other { value, .. } => value.as_object().map(Holds::Other),
            // Another provider's, or nothing to send back.
            Part::ServerToolCall(_) | Part::ServerToolResult(_) | Part::Citations(_) => None,
            // Taken by `parts`, and refused by `write_request`.
            Part::Signature(_) | Part::CachePoint(_) => None,
        })
    }

    fn result(&self, result: &'a ToolResult) -> Result<Holds<'a>, ErrorInfo> {
        let id = result.call_id.as_deref();
        let call = || self.calls.iter().rev().find(|call| id.is_some() && call.id.as_deref() == id);
        let Some(name) = result.name.as_deref().or_else(|| call().map(|call| call.name.as_str())) else {
            let why = match id {
                Some(id) => format!("{GOOGLE} wants it, and no call with the id {id} comes before"),
                None => format!("{GOOGLE} wants it, or the call_id of a call that comes before"),
            };
            return Err(wrong("name of a tool's result", &why));
        };
        let content = result.content.as_str();
        let response = match object(content) {
            Some(error) if result.is_error => Answer::ErrorObject { error },
            Some(response) => Answer::Whole(response),
            None if result.is_error => Answer::Error { error: content },
            None => Answer::Result { result: content },
        };
        Ok(Holds::FunctionResponse(FunctionResponse { id, name, response }))
    }
}

/// Google's own tools are words in capitals; the other providers' are not.
fn is_googles(tool: &str) -> bool {
    !tool.is_empty() && tool.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// This JSON text, if it is an object.
fn object(json: &str) -> Option<&RawValue> {
    Some(json)
        .filter(|json| pick::is_object(json.as_bytes()))
        .and_then(|json| serde_json::from_str(json).ok())
}

/// The arguments as they were written: a signature may be of them.
fn arguments(call: &ToolCall) -> Result<&RawValue, ErrorInfo> {
    let sent = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    object(sent).ok_or_else(|| {
        let parameter = format!("arguments of the call of {}", call.name);
        wrong(&parameter, &format!("{GOOGLE} takes a JSON object"))
    })
}

/// The type that an address's ending tells, which Vertex AI wants to know.
fn mime_of_name(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => return None,
    })
}

const IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

fn write_media(media: &Media) -> Result<Holds<'_>, ErrorInfo> {
    let mime_type = media.mime_type.as_deref();
    let is_image = media.modality == Modality::Image || mime_type.is_some_and(|it| it.starts_with("image/"));
    if let Some(mime_type) = mime_type.filter(|mime_type| is_image && !IMAGES.contains(mime_type)) {
        let why = format!("{GOOGLE} takes images of {}, not {mime_type}", IMAGES.join(", "));
        return Err(wrong("mime_type", &why));
    }
    match (&media.source, mime_type) {
        (MediaSource::Base64(data), Some(mime_type)) => Ok(Holds::InlineData(InlineData { mime_type, data })),
        (MediaSource::Base64(_), None) => {
            let what = media.modality.as_str();
            Err(wrong("mime_type", &format!("{GOOGLE} wants to know that of the {what}")))
        }
        (MediaSource::Uri(file_uri) | MediaSource::FileId(file_uri), mime_type) => {
            let mime_type = mime_type.or_else(|| mime_of_name(file_uri));
            Ok(Holds::FileData(FileData { mime_type, file_uri }))
        }
    }
}
