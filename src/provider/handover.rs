//! A conversation that goes from one provider to another.

use super::Api;
use crate::record::{Message, Part, Request, Response, Role};
use std::borrow::Cow;

/// Notes on every generation whose format it came in.
pub(super) fn with_origin(api: Api, mut response: Response) -> Response {
    for choice in &mut response.choices {
        choice.message.origin = Some(Cow::Borrowed(api.family().name()));
    }
    response
}

/// The request as this API can take it: without what only another provider understands, and with ids
/// on calls of tools where the API wants them and the provider that made the calls gave none.
pub(super) fn adapted(api: Api, request: &Request) -> Cow<'_, Request> {
    let ours = api.family().name();
    let is_foreign = |message: &Message| message.origin.as_deref().is_some_and(|origin| origin != ours);
    let has_foreign = request
        .messages
        .iter()
        .any(|message| is_foreign(message) && message.parts.iter().any(is_of_its_provider));
    let lacks_ids = wants_ids(api, request);
    if !has_foreign && !lacks_ids {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    for message in request.messages.iter_mut().filter(|message| is_foreign(message)) {
        message.parts.retain(|part| !is_of_its_provider(part));
    }
    if lacks_ids {
        give_ids(&mut request.messages);
    }
    Cow::Owned(request)
}

/// Whether only the provider that wrote it understands this part.
fn is_of_its_provider(part: &Part) -> bool {
    matches!(
        part,
        Part::Signature(_)
            | Part::Reasoning(_)
            | Part::ServerToolCall(_)
            | Part::ServerToolResult(_)
            | Part::Citations(_)
            | Part::Other { .. }
    )
}

/// Whether a call or a result lacks the id without which this API takes none.
fn wants_ids(api: Api, request: &Request) -> bool {
    let mut lacks = request.messages.iter().filter(|message| {
        message.parts.iter().any(|part| match part {
            Part::ToolCall(call) => call.id.is_none(),
            Part::ToolResult(result) => result.call_id.is_none(),
            _ => false,
        })
    });
    match api {
        Api::GoogleGenerateContent => false,
        // A call without an id is one of OpenAI's older form, unless its result is of the newer.
        Api::OpenAiChat => lacks.any(|message| message.role == Role::Tool),
        _ => lacks.next().is_some(),
    }
}

/// Numbers the calls that have no id; a result without one answers the first open call of its name.
fn give_ids(messages: &mut [Message]) {
    let mut open: Vec<(String, String)> = Vec::new();
    let mut number = 0_usize;
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) if call.id.is_none() => {
                number += 1;
                let id = format!("call_{number}");
                open.push((call.name.clone(), id.clone()));
                call.id = Some(id);
            }
            Part::ToolResult(result) if result.call_id.is_none() => {
                let name = result.name.as_deref();
                let answered = open.iter().position(|(called, _)| name.is_none_or(|name| name == called));
                result.call_id = answered.map(|at| open.remove(at).1);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ToolCall, ToolResult};

    fn call(name: &str, id: Option<&str>) -> Part {
        Part::ToolCall(ToolCall { id: id.map(str::to_owned), name: name.to_owned(), ..ToolCall::default() })
    }

    fn result(name: &str) -> Part {
        Part::ToolResult(ToolResult { name: Some(name.to_owned()), ..ToolResult::default() })
    }

    fn request(parts: impl IntoIterator<Item = (Role, Vec<Part>)>) -> Request {
        let messages = parts.into_iter().map(|(role, parts)| Message::new(role, parts)).collect();
        Request { messages, ..Request::default() }
    }

    #[test]
    fn results_without_ids_answer_the_open_calls_of_their_name() {
        let calls = vec![call("a", None), call("b", None), call("a", None)];
        let results = vec![result("b"), result("a"), result("a")];
        let request = request([(Role::Assistant, calls), (Role::Tool, results)]);
        let adapted = adapted(Api::AnthropicMessages, &request);
        let ids: Vec<_> = adapted.messages[1]
            .parts
            .iter()
            .filter_map(
                |part| if let Part::ToolResult(result) = part { result.call_id.as_deref() } else { None },
            )
            .collect();
        assert_eq!(ids, ["call_2", "call_1", "call_3"]);
    }

    #[test]
    fn google_takes_calls_without_ids() {
        let request = request([(Role::Assistant, vec![call("a", None)]), (Role::Tool, vec![result("a")])]);
        assert!(matches!(adapted(Api::GoogleGenerateContent, &request), Cow::Borrowed(_)));
    }

    #[test]
    fn openais_older_form_of_a_call_stays() {
        let function = Role::Other("function".to_owned());
        let request = request([(Role::Assistant, vec![call("a", None)]), (function, vec![result("a")])]);
        assert!(matches!(adapted(Api::OpenAiChat, &request), Cow::Borrowed(_)));
    }

    #[test]
    fn what_only_another_provider_understands_is_left_out() {
        let own = vec![
            Part::Reasoning("hm".to_owned()),
            Part::Signature("proof".to_owned()),
            Part::Text("Hi".to_owned()),
            Part::Other { kind: "redacted_thinking".to_owned(), value: serde_json::Value::Null },
            call("a", Some("1")),
        ];
        let mut request = request([(Role::Assistant, own.clone())]);
        assert_eq!(adapted(Api::AnthropicMessages, &request).messages[0].parts, own, "the program's own");
        request.messages[0].origin = Some("anthropic".into());
        assert_eq!(adapted(Api::AnthropicMessages, &request).messages[0].parts, own);
        let elsewhere = adapted(Api::GoogleGenerateContent, &request);
        assert_eq!(elsewhere.messages[0].parts, [own[2].clone(), own[4].clone()]);
    }
}
