#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use super::*;
use crate::record::{
    Agent, Embeddings, EmbeddingsRequest, ErrorKind, Evaluation, Marks, Media, Memory, Modality,
    OperationKind, Plan, Retrieval, Role, ServerToolResult, ToolCall, ToolExecution, ToolResult, Workflow,
};
use serde_json::json;

const NAME: &str = "Jane Roe";

fn redaction() -> Redaction {
    Redaction::new(|text| text.replace(NAME, "[name]").replace("4111", "[card]").into())
}

fn parts() -> Vec<Part> {
    let call = || ToolCall { arguments: json!({ NAME: 4111 }).to_string(), ..ToolCall::default() };
    let result = ToolResult {
        content: NAME.into(),
        media: vec![Media::from_uri(Modality::Image, &format!("https://x.io/{NAME}"))],
        ..ToolResult::default()
    };
    vec![
        Part::Text(NAME.into()),
        Part::Reasoning(NAME.into()),
        Part::Refusal(NAME.into()),
        Part::ToolCall(call()),
        Part::ServerToolCall(call()),
        Part::ToolResult(result),
        Part::ServerToolResult(ServerToolResult::new(None, "search", json!([{ "said": NAME }]))),
        Part::Citations(vec![json!({ "of": [NAME] })]),
        Part::Media(Media::from_uri(Modality::Image, NAME)),
        Part::Other { kind: "note".into(), value: json!({ NAME: NAME }) },
    ]
}

fn request() -> Request {
    let mut request = Request { system_instructions: parts(), ..Request::default() };
    request.messages.push(Message::new(Role::User, parts()));
    request.variables.insert("who".into(), NAME.into());
    request.tools.push(ToolDefinition::function("find", NAME, json!({ "description": NAME })));
    request
}

fn response() -> Response {
    let mut response = Response::default();
    let choice = response.choice_mut(0);
    choice.message.parts = parts();
    choice.finish_message = Some(NAME.into());
    response
}

fn calls() -> Vec<(OperationKind, Call)> {
    let message = || vec![Message::new(Role::User, parts())];
    let text = || Some(NAME.to_owned());
    let embeddings = EmbeddingsRequest { input: vec![NAME.into()], ..EmbeddingsRequest::default() };
    let tool = ToolExecution { arguments: text(), result: text(), ..ToolExecution::default() };
    let search =
        Retrieval { query: text(), documents: vec![json!({ "text": NAME })], ..Retrieval::default() };
    let agent = Agent { request: request(), response: response(), ..Agent::default() };
    let run = Workflow { input: message(), output: message(), ..Workflow::default() };
    let memory = Memory { query: text(), records: vec![json!(NAME)], ..Memory::default() };
    let judged = Evaluation { explanation: text(), ..Evaluation::default() };
    vec![
        (
            OperationKind::Chat,
            Call::Inference { request: Box::new(request()), response: Arc::new(response()) },
        ),
        (
            OperationKind::Embeddings,
            Call::Embeddings { request: Box::new(embeddings), response: Box::<Embeddings>::default() },
        ),
        (OperationKind::ExecuteTool, Call::Tool(Box::new(tool))),
        (OperationKind::Retrieval, Call::Retrieval(Box::new(search))),
        (OperationKind::InvokeAgent, Call::Agent(Box::new(agent))),
        (OperationKind::InvokeWorkflow, Call::Workflow(Box::new(run))),
        (OperationKind::Plan, Call::Plan(Box::new(Plan { text: text(), ..Plan::default() }))),
        (OperationKind::SearchMemory, Call::Memory(Box::new(memory))),
        (OperationKind::Evaluation, Call::Evaluation(Box::new(judged))),
    ]
}

#[test]
fn no_text_of_any_operation_goes_past_it() {
    for (kind, call) in calls() {
        let mut operation = Operation::new(kind, call);
        let mut error = ErrorInfo::new(ErrorKind::InvalidRequest, format!("bad input: {NAME}"));
        error.body = Some(json!({ "error": NAME }).to_string());
        error.details = vec![json!({ "field": NAME })];
        operation.outcome = Outcome::Failed(Box::new(error));
        let mut marks = Marks::default();
        marks.attributes.insert(TRACIA_VARIABLES.into(), json!({ "who": NAME }).to_string().into());
        operation.marks = Some(Arc::new(marks));
        assert!(serde_json::to_string(&operation).unwrap().contains(NAME));

        let redacted = serde_json::to_string(&redaction().operation(&operation)).unwrap();
        assert!(!redacted.contains(NAME) && redacted.contains("[name]"), "{kind:?}: {redacted}");
        assert!(!redacted.contains("4111"), "{kind:?}: {redacted}");
    }
}

#[test]
fn json_stays_json_with_its_names_texts_and_numbers_redacted() {
    let mut text = json!({ "card": 4111, "of": [NAME, 7, true], NAME: null }).to_string();
    redaction().json_text(&mut text);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json, json!({ "card": "[card]", "of": ["[name]", 7, true], "[name]": null }));
}

#[test]
fn json_that_has_nothing_to_redact_stays_as_it_was_written() {
    let mut text = "{ \"a\" : [1.0, 2] }".to_owned();
    redaction().json_text(&mut text);
    assert_eq!(text, "{ \"a\" : [1.0, 2] }");
}

#[test]
fn a_text_whose_redaction_panics_is_not_recorded() {
    let hook = Redaction::new(|text| if text.contains(NAME) { panic!("no rule") } else { text.into() });
    let mut text = format!("I am {NAME}");
    hook.text(&mut text);
    assert_eq!(text, FAILED);
    let mut other = "I am nobody".to_owned();
    hook.text(&mut other);
    assert_eq!(other, "I am nobody");
}

#[test]
fn debug_shows_a_word_and_two_clones_are_the_same() {
    let hook = redaction();
    assert_eq!(format!("{hook:?}"), "Redaction");
    assert_eq!(hook.clone(), hook);
    assert_ne!(redaction(), hook);
}
