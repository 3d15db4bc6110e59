//! OpenAI's Responses API with its own items.

use super::{Chat, Client};
use crate::{
    Error,
    provider::{self, Api},
    record::{Call, Message, Part, Request, Role},
};
use serde_json::Value;

impl Client {
    /// A call of OpenAI's Responses API, by the API's own items where the program has those.
    ///
    /// It is a [`Chat`] with all that a call takes, and [`Chat::item`] besides: an item as the API has it goes into the
    /// input where it stands, and goes out as it is. [`Reply::output_items`](super::Reply::output_items) has those of
    /// an answer as they came, reasoning with its encrypted content among them, to be given back on the next turn.
    ///
    /// ```no_run
    /// use serde_json::json;
    /// use tracing_genai::record::ToolDefinition;
    ///
    /// # async fn run(client: tracing_genai::Client) -> Result<(), tracing_genai::Error> {
    /// let city = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    /// let weather = ToolDefinition::function("get_weather", "The weather of a city", city);
    /// let ask = || {
    ///     let call = client.responses("gpt-5-mini").tool(weather.clone()).max_output_tokens(2_000);
    ///     // The API keeps nothing: what the model thought comes back encrypted.
    ///     call.option("store", false).option("include", json!(["reasoning.encrypted_content"]))
    /// };
    /// let mut input = vec![
    ///     json!({ "role": "developer", "content": "Be brief." }),
    ///     json!({ "role": "user", "content": "Do I need a coat in Lisbon?" }),
    /// ];
    /// let first = ask().items(input.clone()).await?;
    /// input.extend(first.output_items().iter().map(Into::into)); // reasoning, calls, words: in their order
    /// for call in first.tool_calls() {
    ///     input.push(json!({ "type": "function_call_output", "call_id": call.id, "output": "18 degrees, clear" }));
    /// }
    /// let second = ask().items(input).await?;
    /// println!("{}", second.text());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where the API keeps the conversation, [`previous_response`](Chat::previous_response) stands for it, and the input
    /// is what is new: `.previous_response(id).tool_result(call, "18 degrees, clear")`.
    ///
    /// Streamed, each item is told as it [begins](super::ChatEvent::ItemAdded) and as it
    /// [is done](super::ChatEvent::ItemDone), beside text, reasoning and arguments.
    #[doc(alias = "run_responses")]
    #[doc(alias = "runResponses")]
    pub fn responses(&self, model: impl Into<String>) -> Chat {
        self.chat(model).responses()
    }
}

impl Chat {
    /// Instructions of the application, in OpenAI's newer role; other providers get them as [`system`](Self::system).
    pub fn developer(self, text: impl Into<String>) -> Self {
        self.message(Message::text(Role::Developer, text))
    }

    /// An item of the input as OpenAI's [Responses API](Client::responses) has it, sent as it is: `{role, content}`, a
    /// `function_call_output`, an item of an earlier answer, or another. It stands among the messages in the order in
    /// which they are given; [variables](Self::variables) are not put into it.
    ///
    /// The span has the messages that the items make: words by their role (`developer` as `system`), calls of tools and
    /// their answers, reasoning.
    ///
    /// # Errors
    /// The call fails before anything is sent where the item is no JSON object, or answers a tool's call without its
    /// `call_id`, and where the call is not one of the Responses API.
    #[doc(alias = "input")]
    pub fn item(mut self, item: impl Into<Value>) -> Self {
        let item = item.into();
        let kind = kind_of(&item).to_owned();
        self.has_items = true;
        self.message(Message::new(Role::Assistant, vec![Part::Other { kind, value: item }]))
    }

    /// More [items](Self::item).
    pub fn items<T: Into<Value>>(self, items: impl IntoIterator<Item = T>) -> Self {
        items.into_iter().fold(self, Self::item)
    }
}

/// An item's type: one that names none is a message if it has a role, else a reference to another.
fn kind_of(item: &Value) -> &str {
    let otherwise = if item.get("role").is_some() { "message" } else { "item_reference" };
    item.get("type").and_then(Value::as_str).unwrap_or(otherwise)
}

/// Whether the input of a call with items may be such.
///
/// # Errors
/// One that may not, in words that say what it must be.
pub(super) fn check(api: Api, request: &Request) -> Result<(), Error> {
    if api != Api::OpenAiResponses {
        return Err(Error::configuration(
            "`.item(..)` and `.items(..)` are for OpenAI's Responses API: `client.responses(model)`",
        ));
    }
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        let Part::Other { kind, value } = part else { continue };
        if !value.is_object() {
            return Err(Error::configuration("an item of the input is a JSON object"));
        }
        if ["input_", "output_"].into_iter().any(|start| kind.starts_with(start)) {
            return Err(Error::configuration(format!(
                "{kind:?} is no item of the input but a part of one: {{\"role\": \"user\", \"content\": [part]}}"
            )));
        }
        let is_told = |id: &Value| id.as_str().is_some_and(|id| !id.trim().is_empty());
        let is_answer = matches!(kind.as_str(), "function_call_output" | "custom_tool_call_output");
        if is_answer && !value.get("call_id").is_some_and(is_told) {
            return Err(Error::configuration(format!(
                "{kind} must have call_id, the id of the call that it answers"
            )));
        }
    }
    Ok(())
}

/// Has `request` tell the messages that its items make, from the body that is sent.
pub(super) fn read_items(request: &mut Request, body: &[u8]) {
    let Some(Call::Inference { request: sent, .. }) = provider::read_request(Api::OpenAiResponses, "", body)
    else {
        return;
    };
    request.messages = sent.messages;
    // The conventions, and Tracia's SDKs for these calls, know the role by its older name.
    for message in request.messages.iter_mut().filter(|message| message.role == Role::Developer) {
        message.role = Role::System;
    }
}
