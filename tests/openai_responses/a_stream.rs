//! The events of a stream.

use crate::{completed, said};
use serde_json::{Value, json};
use tracing_genai::{
    provider::{Delta, Limits, openai::responses::StreamReader},
    record::{ErrorKind, FinishReason, Part, ResponseStatus},
};

/// Reads these events without names; the deltas as text, one a line.
fn stream(events: &[Value]) -> (StreamReader, Vec<String>) {
    stream_within(Limits::default(), events)
}

fn stream_within(limits: Limits, events: &[Value]) -> (StreamReader, Vec<String>) {
    let mut reader = StreamReader::new(limits);
    let mut deltas = Vec::new();
    for event in events {
        reader.event(None, event.to_string().as_bytes(), &mut |delta| {
            deltas.push(match delta {
                Delta::Text { text, .. } => format!("text {text}"),
                Delta::Reasoning { text, .. } => format!("reasoning {text}"),
                Delta::Refusal { text, .. } => format!("refusal {text}"),
                Delta::ToolCallStart { index, id, name, .. } => format!("call {index} {id:?} {name}"),
                Delta::ToolCallArguments { index, fragment, .. } => format!("arguments {index} {fragment}"),
                Delta::Usage(usage) => format!("usage {:?}", usage.total_tokens),
                Delta::Finished { reason, .. } => format!("finished {}", reason.as_str()),
                // Whole items are told besides what they hold: `client_responses` reads them.
                Delta::ItemAdded { .. } | Delta::ItemDone { .. } => return,
                _ => "something else".to_owned(),
            });
        });
    }
    (reader, deltas)
}

fn created() -> Value {
    json!({"type": "response.created", "response": {
        "id": "resp_1", "model": "gpt-5", "status": "in_progress", "output": [], "usage": null,
    }})
}

fn text_delta(item: u64, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": item, "content_index": 0, "delta": text})
}

fn ended(name: &str, response: &Value) -> Value {
    json!({"type": name, "response": response})
}

fn call_added(item: u64, id: &str, name: &str) -> Value {
    json!({"type": "response.output_item.added", "output_index": item, "item": {
        "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name, "arguments": "",
    }})
}

fn call_piece(item: u64, fragment: &str) -> Value {
    json!({"type": "response.function_call_arguments.delta", "output_index": item, "delta": fragment})
}

#[test]
fn cut_half_way_keeps_what_came() {
    let (reader, deltas) = stream(&[created(), text_delta(0, "Hel"), text_delta(0, "lo")]);
    assert_eq!(deltas, ["text Hel", "text lo"]);
    assert!(!reader.is_complete());
    let (read, error) = reader.finish();
    assert_eq!(read.text(), "Hello");
    assert_eq!(read.id.as_deref(), Some("resp_1"));
    assert_eq!(read.status, Some(ResponseStatus::InProgress));
    assert_eq!(read.choices[0].finish_reason, None);
    assert_eq!(read.stream.unwrap().terminal_event, None);
    assert_eq!(error, None);
}

#[test]
fn ends_with_the_response_as_a_whole() {
    let whole = completed(&json!([said("Right.")]));
    let (reader, deltas) = stream(&[created(), text_delta(0, "Wrong."), ended("response.completed", &whole)]);
    assert!(reader.is_complete());
    assert_eq!(deltas, ["text Wrong.", "usage Some(5)", "finished stop"]);
    let read = reader.response();
    assert_eq!(read.text(), "Right.");
    assert_eq!(read.output_item_types, ["message"]);
    let stream = read.stream.clone().unwrap();
    assert_eq!((stream.events, stream.done), (3, false));
    assert_eq!(stream.terminal_event.as_deref(), Some("response.completed"));
}

#[test]
fn whose_last_object_cannot_be_read_ends_with_what_came() {
    for whole in [json!(null), json!([1]), json!("x")] {
        let (reader, _) = stream(&[created(), text_delta(0, "Hi"), ended("response.completed", &whole)]);
        assert!(reader.is_complete());
        assert_eq!(reader.unreadable_events(), 1);
        assert_eq!(reader.response().text(), "Hi");
        assert_eq!(reader.response().choices[0].finish_reason, Some(FinishReason::Stop));
    }
}

#[test]
fn whose_last_object_has_no_output_keeps_what_came() {
    let (reader, _) =
        stream(&[created(), text_delta(0, "Hi"), ended("response.completed", &completed(&json!([])))]);
    assert_eq!(reader.response().text(), "Hi");
    assert_eq!(reader.response().usage.total_tokens, Some(5));
}

#[test]
fn tells_of_one_failure_twice_and_reports_it_once() {
    let failed = json!({
        "id": "resp_1", "status": "failed", "output": [], "usage": null,
        "error": {"code": "rate_limit_exceeded", "message": "Slow down."},
    });
    let error = json!({"type": "error", "error": {
        "type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down.", "param": null,
    }});
    let (reader, deltas) =
        stream(&[created(), text_delta(0, "Hi"), error, ended("response.failed", &failed)]);
    assert_eq!(deltas, ["text Hi", "finished error"]);
    let (read, error) = reader.finish();
    let error = error.unwrap();
    assert_eq!(error.provider_type.as_deref(), Some("tokens"));
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!((error.http_status, error.kind), (None, ErrorKind::RateLimited));
    assert_eq!(read.text(), "Hi");
    assert_eq!(read.status, Some(ResponseStatus::Failed));
}

#[test]
fn may_tell_its_error_without_an_error_object() {
    let event = json!({"type": "error", "code": "server_error", "message": "Oh.", "param": null});
    let (reader, _) = stream(&[event]);
    let error = reader.error().unwrap();
    assert_eq!((error.code.as_deref(), error.provider_type.as_deref()), (Some("server_error"), None));
    assert_eq!(error.message, "Oh.");
}

#[test]
fn numbers_parallel_calls_by_their_place_among_the_calls() {
    let (reader, deltas) = stream(&[
        created(),
        text_delta(0, "Both."),
        call_added(1, "a", "f"),
        call_added(2, "b", "g"),
        call_piece(2, "{\"x\""),
        call_piece(1, "{}"),
        call_piece(2, ":1}"),
    ]);
    assert_eq!(
        deltas,
        [
            "text Both.",
            "call 0 Some(\"a\") f",
            "call 1 Some(\"b\") g",
            "arguments 1 {\"x\"",
            "arguments 0 {}",
            "arguments 1 :1}",
        ]
    );
    let calls: Vec<&str> = reader.response().tool_calls().map(|call| call.arguments.as_str()).collect();
    assert_eq!(calls, ["{}", "{\"x\":1}"]);
}

#[test]
fn that_sends_items_only_when_done_tells_all_of_them_once() {
    let call =
        json!({"type": "custom_tool_call", "id": "ctc", "call_id": "c", "name": "sql", "input": "select 1"});
    let (reader, deltas) = stream(&[
        json!({"type": "response.output_item.done", "output_index": 0, "item": said("Hi")}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": call}),
    ]);
    assert_eq!(deltas, ["text Hi", "call 0 Some(\"c\") sql", "arguments 0 select 1"]);
    assert_eq!(reader.response().output_item_types, ["message", "custom_tool_call"]);
}

#[test]
fn says_nothing_twice_when_a_text_is_done() {
    let (reader, deltas) = stream(&[
        text_delta(0, "Hi"),
        json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": said("Hi")}),
    ]);
    assert_eq!(deltas, ["text Hi"]);
    assert_eq!(reader.response().text(), "Hi");
}

#[test]
fn keeps_items_in_the_order_of_the_output_however_they_come() {
    let (reader, _) = stream(&[
        text_delta(7, "third"),
        text_delta(u64::MAX, "last "),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "r"}),
        text_delta(3, "second "),
    ]);
    assert_eq!(reader.response().text(), "second thirdlast ");
    assert_eq!(reader.response().parts().next(), Some(&Part::Reasoning("r".to_owned())));
}

#[test]
fn counts_what_it_cannot_read_and_goes_on() {
    let mut reader = StreamReader::new(Limits::default());
    for data in ["{", "", "[]", "{}", "\u{0}", "{\"type\":4}"] {
        reader.event(None, data.as_bytes(), &mut |_| {});
    }
    reader.event(None, b"\xff\xfe", &mut |_| {});
    reader.event(None, text_delta(0, "Hi").to_string().as_bytes(), &mut |_| {});
    assert_eq!(reader.unreadable_events(), 7);
    assert_eq!(reader.response().text(), "Hi");
    assert_eq!(reader.response().stream.as_ref().unwrap().events, 8);
}

#[test]
fn is_known_by_the_events_name_where_the_data_has_no_type() {
    let mut reader = StreamReader::new(Limits::default());
    let data = br#"{"output_index":0,"content_index":0,"delta":"Hi"}"#;
    reader.event(Some("response.output_text.delta"), data, &mut |_| {});
    assert_eq!(reader.response().text(), "Hi");
}

#[test]
fn notes_a_sentinel_that_another_server_sends() {
    let mut reader = StreamReader::new(Limits::default());
    reader.event(None, b"[DONE]", &mut |_| {});
    assert!(reader.response().stream.as_ref().unwrap().done);
    assert_eq!(reader.unreadable_events(), 0);
}

#[test]
fn keeps_no_more_text_than_it_may_and_reports_all_of_it() {
    let limits = Limits::of_text_bytes(4);
    let events = [
        created(),
        text_delta(0, "abc"),
        text_delta(0, "ü"),
        text_delta(0, "d"),
        call_added(1, "a", "f"),
        call_piece(1, "{}"),
    ];
    let (reader, deltas) = stream_within(limits, &events);
    assert_eq!(deltas.len(), 5);
    assert_eq!(reader.response().text(), "abc");
    assert_eq!(reader.response().tool_calls().next().unwrap().arguments, "");
    let whole = completed(&json!([said("abcüd")]));
    let (reader, _) = stream_within(limits, &[ended("response.completed", &whole)]);
    assert_eq!(reader.response().text(), "abc");
}

#[test]
fn of_any_mixture_of_events_never_panics() {
    let types = [
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.created",
        "error",
        "response.failed",
    ];
    let items = [
        said("x"),
        json!({"type": "function_call"}),
        json!({"type": "web_search_call"}),
        json!({"type": "reasoning", "summary": [{"text": "t"}]}),
        json!({"type": "odd"}),
        json!(3),
    ];
    for first in types {
        for second in types {
            for (index, item) in (0_u64..).zip(&items) {
                let event = |kind: &str, at: u64| {
                    json!({"type": kind, "output_index": at, "content_index": index % 2,
                    "delta": "d", "text": "t", "arguments": "a", "item": item, "response": item, "error": item})
                };
                let mut reader = StreamReader::new(Limits::of_text_bytes(3));
                for (kind, at) in [(first, 1), (second, 1), (second, 0), (first, 0)] {
                    reader.event(None, event(kind, at).to_string().as_bytes(), &mut |_| {});
                }
                let _ = reader.finish();
            }
        }
    }
}
