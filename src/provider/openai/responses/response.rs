//! The response object, and its output items as parts of a message.

use super::json::{self, Budget};
use crate::record::{
    Choice, ErrorInfo, ErrorKind, FinishReason, Part, RawJson, Response, ResponseStatus, ToolCall,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::borrow::Cow;

/// The fields of a response object that we read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The fields of an output item that we read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    queries: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
    #[serde(borrow)]
    revised_prompt: Option<&'a RawValue>,
}

/// The fields of a content part that we read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

/// A response that came whole.
///
/// # Errors
/// [`ErrorKind::Protocol`] if the body is not an object with an `id` and an `output`.
pub fn read_response(body: &[u8]) -> Result<Response, ErrorInfo> {
    let parsed: Option<Body<'_>> = json::object(body);
    let whole = parsed.filter(|body| body.has_id() && body.items().is_some());
    match whole {
        Some(object) => Ok(object.read(&mut Budget::new(usize::MAX))),
        None => Err(super::super::unexpected_body("a response", body)),
    }
}

/// The output items of a response that came whole, as they came.
pub(crate) fn output_items(body: &[u8]) -> Vec<RawJson> {
    let items = json::object::<Body<'_>>(body).and_then(|body| body.items());
    items.unwrap_or_default().into_iter().map(RawJson::new).collect()
}

/// The error in a response object that says it `failed`; `None` for any other body. Such a body
/// comes with an HTTP success and [`read_response`] reads it too, so a caller asks both.
pub fn response_error(body: &[u8]) -> Option<ErrorInfo> {
    json::object::<Body<'_>>(body)?.failure()
}

impl<'a> Body<'a> {
    fn has_id(&self) -> bool {
        json::text(self.id).is_some()
    }

    pub(super) fn items(&self) -> Option<Vec<&'a RawValue>> {
        json::elements(self.output)
    }

    /// The error of a response that failed.
    fn failure(&self) -> Option<ErrorInfo> {
        if json::text(self.status)? != "failed" {
            return None;
        }
        Some(self.error())
    }

    /// What its `error` says.
    pub(super) fn error(&self) -> ErrorInfo {
        match json::read::<Map<String, Value>>(self.error) {
            Some(error) => super::super::read_stream_error(&Value::Object(error)),
            None => ErrorInfo::new(ErrorKind::Server, "the response failed"),
        }
    }

    /// All of it.
    pub(super) fn read(&self, budget: &mut Budget) -> Response {
        let mut response = Response::default();
        self.read_head(&mut response);
        let mut parts = Vec::new();
        for raw in self.items().unwrap_or_default() {
            let item = Item::read(raw);
            response.output_item_types.push(item.kind().into_owned());
            item.parts(raw, budget, &mut parts);
        }
        response.usage = json::usage(self.usage);
        let reason = finish_reason(&response, &parts);
        if !response.output_item_types.is_empty() || reason.is_some() {
            let mut choice = Choice::new(0);
            choice.message.parts = parts;
            choice.finish_reason = reason;
            response.choices.push(choice);
        }
        response
    }

    /// What stands outside of the output and the usage; what the object does not say stays.
    pub(super) fn read_head(&self, response: &mut Response) {
        replace(&mut response.id, json::owned(self.id));
        replace(&mut response.model, json::owned(self.model));
        replace(&mut response.service_tier, json::owned(self.service_tier));
        replace(&mut response.status, json::read(self.status));
        let incomplete: Option<Incomplete<'_>> =
            self.incomplete_details.and_then(|raw| json::object(raw.get().as_bytes()));
        replace(&mut response.incomplete_reason, json::owned(incomplete.and_then(|details| details.reason)));
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

/// Why a response with this status and these parts stopped; the API itself has no word for it.
pub(super) fn finish_reason(response: &Response, parts: &[Part]) -> Option<FinishReason> {
    match response.status.as_ref()? {
        ResponseStatus::Completed => {
            let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
            Some(if calls { FinishReason::ToolCall } else { FinishReason::Stop })
        }
        ResponseStatus::Incomplete => Some(match response.incomplete_reason.as_deref() {
            Some("max_output_tokens") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            other => FinishReason::Other(other.unwrap_or("incomplete").to_owned()),
        }),
        ResponseStatus::Failed | ResponseStatus::Cancelled => Some(FinishReason::Error),
        ResponseStatus::Queued | ResponseStatus::InProgress | ResponseStatus::Other(_) => None,
    }
}

/// What an output item is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemClass {
    Message,
    Reasoning,
    /// A call that the program answers; its arguments come as a string.
    Call,
    /// A call that the provider ran.
    ServerCall,
    Other,
}

impl<'a> Item<'a> {
    pub(super) fn read(raw: &'a RawValue) -> Self {
        json::object(raw.get().as_bytes()).unwrap_or_default()
    }

    /// Its `type`; a message may leave it out.
    pub(super) fn kind(&self) -> Cow<'a, str> {
        json::text(self.kind).unwrap_or(if self.content.is_some() { "message" } else { "" }.into())
    }

    pub(super) fn class(&self) -> ItemClass {
        match &*self.kind() {
            "message" => ItemClass::Message,
            "reasoning" => ItemClass::Reasoning,
            "function_call" | "custom_tool_call" => ItemClass::Call,
            kind if kind.ends_with("_call") => ItemClass::ServerCall,
            _ => ItemClass::Other,
        }
    }

    /// The parts of its message, each with its text apart where it has one.
    pub(super) fn content(&self) -> Vec<&'a RawValue> {
        json::elements(self.content).unwrap_or_default()
    }

    /// The texts of a reasoning's summary.
    pub(super) fn summary(&self) -> Vec<&'a RawValue> {
        json::elements(self.summary).unwrap_or_default()
    }

    /// A call without its arguments.
    pub(super) fn call_head(&self) -> ToolCall {
        let (call_id, id) = (json::owned(self.call_id), json::owned(self.id));
        let kind = self.kind();
        let name = json::owned(self.name).unwrap_or_else(|| match self.class() {
            ItemClass::ServerCall => kind.strip_suffix("_call").unwrap_or(&kind).to_owned(),
            _ => String::new(),
        });
        let (id, item_id) = if call_id.is_some() { (call_id, id) } else { (id, None) };
        ToolCall { id, item_id, name, ..ToolCall::default() }
    }

    /// The arguments of a call that the program answers.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        json::text(self.arguments).or_else(|| json::text(self.input)).unwrap_or_default()
    }

    /// What the provider's own tool was asked; never what it answered, which may be an image.
    fn server_arguments(&self) -> String {
        if let Some(text) = json::text(self.arguments) {
            return text.into_owned();
        }
        if let Some(raw) = self.arguments.or(self.action) {
            return json::compact(raw);
        }
        let mut out = String::new();
        for (name, raw) in [
            ("queries", self.queries),
            ("code", self.code),
            ("operation", self.operation),
            ("revised_prompt", self.revised_prompt),
        ] {
            if let Some(raw) = raw {
                out.push(if out.is_empty() { '{' } else { ',' });
                out.push('"');
                out.push_str(name);
                out.push_str("\":");
                out.push_str(&json::compact(raw));
            }
        }
        if !out.is_empty() {
            out.push('}');
        }
        out
    }

    /// The call of the provider's own tool.
    pub(super) fn server_call(&self, budget: &mut Budget) -> ToolCall {
        ToolCall { arguments: budget.keep(self.server_arguments().into()), ..self.call_head() }
    }

    /// Appends the item's parts.
    fn parts(&self, raw: &RawValue, budget: &mut Budget, parts: &mut Vec<Part>) {
        match self.class() {
            ItemClass::Message => match json::text(self.content) {
                Some(text) => parts.push(Part::Text(budget.keep(text))),
                None => {
                    parts.extend(self.content().into_iter().map(|raw| Content::read(raw).part(raw, budget)));
                }
            },
            ItemClass::Reasoning => {
                let texts = self.summary().into_iter().chain(self.content());
                parts.extend(
                    texts
                        .filter_map(|raw| Content::read(raw).text())
                        .filter(|text| !text.is_empty())
                        .map(|text| Part::Reasoning(budget.keep(text))),
                );
            }
            ItemClass::Call => {
                let arguments = budget.keep(self.arguments());
                parts.push(Part::ToolCall(ToolCall { arguments, ..self.call_head() }));
            }
            ItemClass::ServerCall => parts.push(Part::ServerToolCall(self.server_call(budget))),
            ItemClass::Other => parts.push(budget.other(&self.kind(), raw)),
        }
    }
}

impl<'a> Content<'a> {
    pub(super) fn read(raw: &'a RawValue) -> Self {
        json::object(raw.get().as_bytes()).unwrap_or_default()
    }

    /// Its text, if it has one.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        json::text(self.text)
    }

    /// Its refusal, if it is one.
    pub(super) fn refusal(&self) -> Option<Cow<'a, str>> {
        json::text(self.refusal)
    }

    /// The part of a message that it is.
    pub(super) fn part(&self, raw: &RawValue, budget: &mut Budget) -> Part {
        let kind = json::text(self.kind).unwrap_or_default();
        match (&*kind, self.text(), self.refusal()) {
            ("output_text" | "text" | "input_text", Some(text), _) => Part::Text(budget.keep(text)),
            ("refusal", _, Some(refusal)) => Part::Refusal(budget.keep(refusal)),
            _ => budget.other(&kind, raw),
        }
    }
}
