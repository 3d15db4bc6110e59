#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use super::{
    super::examples::{chat, embeddings, failed, generation_of, tool},
    *,
};
use crate::record::{
    Agent, Call, ErrorInfo, ErrorKind, Marks, Message, OperationKind, Outcome, Part, Plan, Role,
};
use serde_json::json;
use std::sync::Arc;

fn told_with(operation: &Operation, content: &ContentCapture) -> Json {
    let list = attributes(operation, content);
    let told: serde_json::Map<_, _> =
        list.iter().map(|one| (one.key.as_str().to_owned(), json(&one.value))).collect();
    assert_eq!(told.len(), list.len(), "a name twice");
    Json::Object(told)
}

fn told(operation: &Operation) -> Json {
    told_with(operation, &ContentCapture::on())
}

fn agent() -> Operation {
    let mut run = Agent { name: Some("forecaster".into()), ..Agent::default() };
    run.request.system_instructions.push(Part::Text("Be brief.".into()));
    run.request.messages.push(Message::text(Role::User, "How warm is it?"));
    let mut operation = Operation::new(OperationKind::InvokeAgent, Call::Agent(Box::new(run)));
    operation.outcome = Outcome::Done;
    operation
}

fn responses() -> Operation {
    let mut operation = chat();
    operation.api = Some("responses".into());
    let Call::Inference { request, .. } = &mut operation.call else { panic!("no chat") };
    request.system_instructions.push(Part::Text("Be brief.".into()));
    operation
}

fn marked(marks: Marks) -> Operation {
    Operation { marks: Some(Arc::new(marks)), ..chat() }
}

#[test]
fn a_generation_has_what_posthog_does_not_derive_and_nothing_else() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        told(&chat()),
        json!({
            "$ai_span_type": "generation",
            "$ai_temperature": 0.5,
            "$ai_max_tokens": 100,
            "$ai_stream": true,
            "$ai_time_to_first_token": 0.25,
            "$ai_stop_reason": "stop",
            "$ai_completion_id": "resp_1",
            "$ai_reasoning_tokens": 4,
            "$ai_cache_creation_input_tokens": 8,
            "$ai_cache_creation_1h_input_tokens": 3,
            "$ai_cache_creation_5m_input_tokens": 5,
            "$ai_cache_reporting_exclusive": false,
            "$ai_http_status": 200,
            "$ai_is_error": false,
            "$ai_base_url": "https://api.openai.com/v1",
            "$ai_request_url": "https://api.openai.com/v1/chat/completions",
            "$process_person_profile": false,
            "$lib": "tracing-genai",
            "$lib_version": version,
            "$ai_lib": "tracing-genai",
            "$ai_lib_version": version,
        })
    );
}

#[test]
fn a_call_that_failed_never_has_the_status_of_a_success() {
    let refusal = ErrorInfo { http_status: Some(429), ..ErrorInfo::new(ErrorKind::RateLimited, "slow down") };
    let broken = ErrorInfo::new(ErrorKind::Connection, "broken at https://host:443");
    let unanswered = Operation { http_status: None, ..failed(chat(), broken.clone()) };
    for (operation, status) in [
        (Operation { http_status: Some(429), ..failed(chat(), refusal) }, json!(429)),
        (failed(chat(), broken.clone()), json!(500)),
        (unanswered, json!(0)),
        (failed(tool(), broken), Json::Null),
    ] {
        let told = told(&operation);
        assert_eq!(told["$ai_http_status"], status);
        assert_eq!(told["$ai_is_error"], true);
    }
}

#[test]
fn a_failure_is_told_by_its_type_and_its_words() {
    let told = told(&failed(chat(), ErrorInfo::new(ErrorKind::Connection, "the stream broke")));
    assert_eq!(told["$ai_error"], "the stream broke");
    assert_eq!(told["$ai_error_type"], "connection");
}

#[test]
fn an_abandoned_call_is_no_error() {
    let told = told(&Operation { outcome: Outcome::Abandoned, ..chat() });
    assert_eq!(told["$ai_is_error"], false);
    assert_eq!(told["$ai_http_status"], 200);
}

#[test]
fn a_span_is_of_its_user_and_session_or_of_nobody() {
    let anonymous = told(&chat());
    assert_eq!(anonymous["$process_person_profile"], false);
    assert!(anonymous.get("posthog.distinct_id").is_none());

    let marks = Marks { user: Some("jane".into()), session: Some("s/1 ä".into()), ..Marks::default() };
    let janes = told(&marked(marks));
    assert_eq!(janes["posthog.distinct_id"], "jane");
    assert_eq!(janes["$ai_session_id"], "s~2F1~20~C3~A4");
    assert!(janes.get("$process_person_profile").is_none());
}

#[test]
fn what_the_program_says_in_its_scope_is_not_said_again() {
    let mut marks = Marks::default();
    marks.attributes.insert("$ai_stop_reason".into(), "mine".into());
    marks.attributes.insert("$ai_trace_id".into(), "mine".into());
    let told = told(&marked(marks));
    assert!(told.get("$ai_stop_reason").is_none() && told.get("$ai_trace_id").is_none());
    assert_eq!(told["$ai_completion_id"], "resp_1");
}

#[test]
fn states_are_json_as_text() {
    let weather = told(&tool());
    assert_eq!(weather["$ai_input_state"], r#"{"city":"Lund"}"#);
    assert_eq!(weather["$ai_output_state"], "18 degrees");

    let input = told(&agent())["$ai_input_state"].clone();
    let input: Json = serde_json::from_str(input.as_str().unwrap()).unwrap();
    assert_eq!(input[0]["role"], "system");
    assert_eq!(input[1]["parts"][0]["content"], "How warm is it?");
}

#[test]
fn what_was_embedded_is_a_text_a_list_of_texts_or_of_tokens() {
    let input = |input| told(&embeddings(input))["$ai_input"].clone();
    assert_eq!(input(vec!["a".into()]), "a");
    assert_eq!(input(vec!["a".into(), "b".into()]), json!(["a", "b"]));
    assert_eq!(input(vec![vec![1, 2].into()]), json!([1, 2]));
    // No attribute is a list of lists.
    assert_eq!(input(vec![vec![1, 2].into(), vec![3].into()]), "[[1,2],[3]]");
}

#[test]
fn instructions_are_told_of_responses_alone() {
    assert_eq!(told(&responses())["$ai_instructions"], "Be brief.");
    let elsewhere = Operation { api: Some("chat_completions".into()), ..responses() };
    assert!(told(&elsewhere).get("$ai_instructions").is_none());
}

#[test]
fn without_content_nothing_that_was_said_is_told() {
    let plan = Plan { text: Some("How warm is it?".into()), ..Plan::default() };
    let plan = Operation::new(OperationKind::Plan, Call::Plan(Box::new(plan)));
    let words = ErrorInfo::new(ErrorKind::InvalidRequest, "cannot parse: How warm is it?");
    let refused = failed(chat(), words);
    for operation in
        [chat(), responses(), refused, embeddings(vec!["How warm is it?".into()]), tool(), agent(), plan]
    {
        let with = told(&operation).to_string();
        let without = told_with(&operation, &ContentCapture::off()).to_string();
        for said in
            ["How warm", "18 degrees", "Lund", "Be brief", "_state", "$ai_input\"", "$ai_instructions"]
        {
            assert!(!without.contains(said), "{said}: {without}");
        }
        assert!(without.contains("$ai_span_type") && with.contains("$ai_span_type"));
    }
}

#[test]
fn costs_are_told_where_the_provider_tells_them() {
    assert!(told(&chat()).get("$ai_total_cost_usd").is_none());
    let told = told(&generation_of(OperationKind::Chat, "openrouter"));
    assert_eq!(told["$ai_total_cost_usd"], 0.25);
    assert_eq!(told["$ai_cost_passthrough"], true);
}

#[test]
fn of_another_librarys_span_the_end_is_left_to_its_maker() {
    let broken = failed(responses(), ErrorInfo::new(ErrorKind::Connection, "the stream broke"));
    for operation in [responses(), broken] {
        let list = attributes_of_theirs(&operation);
        let has = |name: &str| list.iter().any(|one| one.key.as_str() == name);
        for end in ["$ai_is_error", "$ai_http_status", "$ai_error", "$ai_error_type", "$ai_instructions"] {
            assert!(!has(end), "{end}");
        }
        assert!(has("$lib") && has("$ai_completion_id"));
        assert_eq!(has("$ai_stop_reason"), operation.outcome == Outcome::Done);
    }
}

#[test]
fn no_name_is_one_that_posthog_sets_or_takes_for_another_librarys() {
    for operation in [chat(), embeddings(Vec::new()), tool(), agent()] {
        for attribute in attributes(&operation, &ContentCapture::on()) {
            let name = attribute.key.as_str();
            assert!(name.starts_with('$') || name == "posthog.distinct_id", "{name}");
            assert!(super::super::properties::is_kept(name), "{name}");
        }
    }
}
