//! The response object.

use crate::{completed, response, said};
use serde_json::json;
use tracing_genai::{
    provider::{
        Limits,
        openai::responses::{StreamReader, read_request, read_response, response_error},
    },
    record::{ErrorKind, FinishReason, Part, ResponseStatus},
};

#[test]
fn that_waits_in_the_background_has_no_generation_yet() {
    let read = response(&json!({"id": "resp_1", "status": "queued", "output": [], "usage": null}));
    assert_eq!(read.status, Some(ResponseStatus::Queued));
    assert!(read.choices.is_empty());
    assert_eq!(read.usage.input_tokens, None);
    assert_eq!(read.usage.raw, None);
}

#[test]
fn that_failed_is_read_and_tells_its_error() {
    let body = json!({
        "id": "resp_1", "status": "failed", "output": [],
        "error": {"code": "server_error", "message": "The model crashed."},
    });
    let read = response(&body);
    assert_eq!(read.status, Some(ResponseStatus::Failed));
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::Error));
    let error = response_error(body.to_string().as_bytes()).unwrap();
    assert_eq!(error.code.as_deref(), Some("server_error"));
    assert_eq!(error.message, "The model crashed.");
    assert_eq!(error.http_status, None);
}

#[test]
fn that_did_not_fail_has_no_error() {
    assert_eq!(response_error(completed(&json!([said("hi")])).to_string().as_bytes()), None);
    assert_eq!(response_error(b"[]"), None);
    assert_eq!(response_error(b""), None);
}

#[test]
fn that_asks_for_a_function_finished_for_a_tool_call() {
    let read = response(&completed(&json!([
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
    ])));
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::ToolCall));
    assert_eq!(read.choices[0].raw_finish_reason, None);
    let call = read.tool_calls().next().unwrap();
    assert_eq!((call.id.as_deref(), call.item_id.as_deref()), (Some("call_1"), Some("fc_1")));
    assert_eq!(read.output_item_types, ["reasoning", "function_call"]);
    assert_eq!(read.parts().count(), 1);
}

#[test]
fn with_a_custom_tool_call_keeps_its_free_text() {
    let read = response(&completed(&json!([
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "sql", "input": "select 1"},
    ])));
    let call = read.tool_calls().next().unwrap();
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("sql", "select 1"));
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::ToolCall));
}

#[test]
fn keeps_what_the_provider_did_itself_apart_from_the_programs_calls() {
    let read = response(&completed(&json!([
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "a  b"}},
        {"type": "file_search_call", "id": "fs_1", "queries": ["x"], "results": [{"text": "long"}]},
        {"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{\"n\":2}", "output": "7"},
        {"type": "image_generation_call", "id": "ig_1", "result": "QUJD".repeat(1000)},
        said("done"),
    ])));
    let calls: Vec<(String, String)> = read
        .parts()
        .filter_map(|part| match part {
            Part::ServerToolCall(call) => Some((call.name.clone(), call.arguments.clone())),
            _ => None,
        })
        .collect();
    let want = [
        ("web_search", r#"{"query":"a  b","type":"search"}"#),
        ("file_search", r#"{"queries":["x"]}"#),
        ("roll", r#"{"n":2}"#),
        ("image_generation", ""),
    ];
    assert_eq!(calls, want.map(|(name, arguments)| (name.to_owned(), arguments.to_owned())));
    assert_eq!(read.tool_calls().count(), 0);
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::Stop));
}

#[test]
fn cut_off_by_a_filter_says_so() {
    let mut body = completed(&json!([said("half")]));
    body["status"] = "incomplete".into();
    body["incomplete_details"] = json!({"reason": "content_filter"});
    let read = response(&body);
    assert_eq!(read.incomplete_reason.as_deref(), Some("content_filter"));
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::ContentFilter));
}

#[test]
fn keeps_reasoning_and_unknown_items_in_order() {
    let read = response(&completed(&json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "First."}],
         "content": [{"type": "reasoning_text", "text": "Then."}]},
        {"type": "compaction", "id": "cmp_1"},
        said("Last."),
    ])));
    let parts: Vec<Part> = read.parts().cloned().collect();
    let other = json!({"type": "compaction", "id": "cmp_1"});
    assert_eq!(
        parts,
        [
            Part::Reasoning("First.".to_owned()),
            Part::Reasoning("Then.".to_owned()),
            Part::Other { kind: "compaction".to_owned(), value: other },
            Part::Text("Last.".to_owned()),
        ]
    );
}

#[test]
fn with_fields_of_wrong_types_loses_only_those() {
    let read = response(&json!({
        "id": "resp_1", "model": 5, "status": [], "service_tier": {}, "incomplete_details": "no",
        "output": [7, null, "x", {"type": 3}, {"type": "message", "content": 4}, said("hi")],
        "usage": "none",
    }));
    assert_eq!(read.text(), "hi");
    assert_eq!((read.model, read.status, read.service_tier), (None, None, None));
}

#[test]
fn is_an_object_with_an_id_and_an_output() {
    let array = r#"["resp_1",null,null,null,[]]"#;
    for body in [array, "", "null", "[]", "{}", r#"{"id":"resp_1"}"#, r#"{"output":[]}"#, "<html>"] {
        assert_eq!(read_response(body.as_bytes()).unwrap_err().kind, ErrorKind::Protocol, "{body}");
    }
}

#[test]
fn never_panics_wherever_it_is_cut() {
    let body =
        completed(&json!([said("grüße \u{1F600}\n"), {"type": "web_search_call", "action": {"q": "\\\""}}]));
    let body = body.to_string();
    for end in 0..body.len() {
        let _ = read_response(&body.as_bytes()[..end]);
        let _ = response_error(&body.as_bytes()[..end]);
        let _ = read_request(&body.as_bytes()[..end]);
        let mut reader = StreamReader::new(Limits::of_text_bytes(end));
        reader.event(None, &body.as_bytes()[..end], &mut |_| {});
    }
}
