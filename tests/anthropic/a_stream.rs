use super::{call, piece, said, start, stop, stream, stream_within, streamed, text};
use serde_json::{Value, json};
use tracing_genai::provider::{Limits, anthropic::StreamReader};
use tracing_genai::record::{ErrorKind, FinishReason, Part};

fn begin(usage: &Value) -> Value {
    json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    } })
}

fn end(word: &str, usage: &Value) -> Value {
    json!({ "type": "message_delta", "delta": { "stop_reason": word, "stop_sequence": null }, "usage": usage })
}

fn over() -> Value {
    json!({ "type": "message_stop" })
}

fn begin_text(index: u64) -> Value {
    start(index, &json!({ "type": "text", "text": "" }))
}

#[test]
fn a_stream_gives_its_text_and_its_deltas() {
    let (reader, deltas) = stream(&[
        begin(&json!({ "input_tokens": 3, "output_tokens": 1 })),
        begin_text(0),
        json!({ "type": "ping" }),
        said(0, "Hel"),
        said(0, "lo\n"),
        stop(0),
        end("end_turn", &json!({ "output_tokens": 2 })),
        over(),
    ]);
    assert_eq!(deltas, ["usage Some(1)", "text Hel", "text lo\n", "stop", "usage Some(2)"]);
    assert!(reader.is_complete());
    let (response, error) = reader.finish();
    assert_eq!((response.text().as_str(), response.id.as_deref()), ("Hello\n", Some("msg_1")));
    assert_eq!((response.model.as_deref(), error), (Some("m"), None));
    let end = response.stream.unwrap();
    assert_eq!((end.events, end.terminal_event.as_deref()), (8, Some("message_stop")));
}

#[test]
fn counts_at_the_end_take_the_place_of_those_at_the_beginning_also_by_zero() {
    let response = streamed(&[
        begin(
            &json!({ "input_tokens": 9, "cache_read_input_tokens": 55096, "output_tokens": 1, "service_tier": "standard" }),
        ),
        end(
            "end_turn",
            &json!({ "input_tokens": 162, "cache_read_input_tokens": 0, "output_tokens": 11, "cache_creation_input_tokens": null }),
        ),
    ]);
    let usage = &response.usage;
    assert_eq!((usage.input_tokens, usage.cache_read_input_tokens), (Some(162), Some(0)));
    assert_eq!(usage.output_tokens, Some(11));
    assert_eq!(
        usage.raw.as_ref().unwrap().to_value(),
        json!({ "input_tokens": 162, "cache_read_input_tokens": 0, "output_tokens": 11, "service_tier": "standard" })
    );
    assert_eq!(response.service_tier.as_deref(), Some("standard"));
}

#[test]
fn a_call_is_put_together_from_its_pieces() {
    let tool = |id: &str, name: &str| json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
    let more = |index, json: &str| piece(index, &json!({ "type": "input_json_delta", "partial_json": json }));
    let (reader, deltas) = stream(&[
        begin_text(0),
        start(1, &tool("1", "f")),
        more(1, ""),
        more(1, "{\"a\""),
        more(1, ":1}"),
        stop(1),
        start(2, &tool("2", "g")),
        stop(2),
    ]);
    assert_eq!(
        deltas,
        ["call 0 1 f", "arguments 0 {\"a\"", "arguments 0 :1}", "call 1 2 g", "arguments 1 {}"]
    );
    let calls: Vec<_> = reader.response().tool_calls().cloned().collect();
    assert_eq!(calls, [call("1", "f", "{\"a\":1}"), call("2", "g", "{}")]);
}

#[test]
fn arguments_that_come_whole_with_the_call_are_taken_once() {
    let tool = json!({ "type": "tool_use", "id": "1", "name": "f", "input": { "a": 1 } });
    let more = piece(0, &json!({ "type": "input_json_delta", "partial_json": "{\"a\":1}" }));
    let (reader, deltas) = stream(&[start(0, &tool), more, stop(0)]);
    assert_eq!(deltas, ["call 0 1 f", "arguments 0 {\"a\":1}"]);
    assert_eq!(reader.response().tool_calls().next().unwrap().arguments, "{\"a\":1}");
}

#[test]
fn a_tool_that_the_provider_runs_brings_no_deltas() {
    let tool = json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} });
    let found = json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": [] });
    let more = piece(0, &json!({ "type": "input_json_delta", "partial_json": "{\"query\":\"q\"}" }));
    let (reader, deltas) = stream(&[start(0, &tool), more, stop(0), start(1, &found), stop(1)]);
    assert_eq!(deltas, [""; 0]);
    let (response, _) = reader.finish();
    assert_eq!(response.output_item_types, ["server_tool_use", "web_search_tool_result"]);
    let parts: Vec<_> = response.parts().cloned().collect();
    assert_eq!(parts[0], Part::ServerToolCall(call("s", "web_search", "{\"query\":\"q\"}")));
    assert!(matches!(&parts[1], Part::ServerToolResult(result) if result.value == found));
}

#[test]
fn reasoning_is_followed_by_its_signature() {
    let thinking = json!({ "type": "thinking", "thinking": "", "signature": "" });
    let (reader, deltas) = stream(&[
        start(0, &thinking),
        piece(0, &json!({ "type": "thinking_delta", "thinking": "Hm" })),
        piece(0, &json!({ "type": "thinking_delta", "thinking": "." })),
        piece(0, &json!({ "type": "signature_delta", "signature": "sig" })),
        stop(0),
        start(1, &thinking),
        piece(1, &json!({ "type": "signature_delta", "signature": "alone" })),
        stop(1),
    ]);
    assert_eq!(deltas, ["reasoning Hm", "reasoning ."]);
    let parts: Vec<_> = reader.response().parts().cloned().collect();
    let reasoning = |text: &str| Part::Reasoning(text.to_owned());
    let signature = |text: &str| Part::Signature(text.to_owned());
    assert_eq!(parts, [reasoning("Hm."), signature("sig"), reasoning(""), signature("alone")]);
}

#[test]
fn citations_follow_the_text_they_belong_to() {
    let cite = |index, what: &str| {
        piece(index, &json!({ "type": "citations_delta", "citation": { "cited_text": what } }))
    };
    let response = streamed(&[
        start(0, &json!({ "type": "text", "text": "", "citations": [] })),
        cite(0, "a"),
        said(0, "It rains."),
        cite(0, "b"),
        begin_text(1),
        said(1, " Yes."),
    ]);
    let cited = vec![json!({ "cited_text": "a" }), json!({ "cited_text": "b" })];
    let parts: Vec<_> = response.parts().cloned().collect();
    assert_eq!(parts, [text("It rains."), Part::Citations(cited), text(" Yes.")]);
}

#[test]
fn a_compaction_is_kept_as_the_block_it_would_be() {
    let response = streamed(&[
        start(0, &json!({ "type": "compaction", "content": null })),
        piece(0, &json!({ "type": "compaction_delta", "content": "So " })),
        piece(0, &json!({ "type": "compaction_delta", "content": "far." })),
    ]);
    let value = json!({ "type": "compaction", "content": "So far." });
    let parts: Vec<_> = response.parts().cloned().collect();
    assert_eq!(parts, [Part::Other { kind: "compaction".to_owned(), value }]);
}

#[test]
fn an_overload_in_the_middle_leaves_what_came_before() {
    let (reader, _) = stream(&[
        begin(&json!({ "input_tokens": 3 })),
        begin_text(0),
        said(0, "Hel"),
        json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" }, "request_id": "req_1" }),
    ]);
    assert!(!reader.is_complete());
    let (response, error) = reader.finish();
    let error = error.unwrap();
    assert_eq!((error.kind, error.http_status), (ErrorKind::Overloaded, None));
    assert_eq!((error.message.as_str(), error.request_id.as_deref()), ("Overloaded", Some("req_1")));
    assert_eq!((response.text().as_str(), response.usage.input_tokens), ("Hel", Some(3)));
}

#[test]
fn a_refusal_and_a_pause_end_a_stream() {
    for (word, reason) in [
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other("pause_turn".to_owned())),
    ] {
        let (reader, deltas) = stream(&[begin(&json!({})), end(word, &json!({})), over()]);
        assert!(reader.is_complete());
        assert_eq!(reader.response().choices[0].finish_reason, Some(reason.clone()));
        assert!(deltas.contains(&reason.as_str().to_owned()));
    }
}

#[test]
fn a_stream_that_breaks_off_is_not_complete() {
    let (reader, _) = stream(&[begin(&json!({})), begin_text(0), said(0, "Hel")]);
    assert!(!reader.is_complete());
    assert_eq!(reader.response().stream.as_ref().unwrap().terminal_event, None);
}

#[test]
fn a_stop_reason_makes_an_answer_complete_without_the_last_event() {
    let (reader, _) = stream(&[begin(&json!({})), end("end_turn", &json!({}))]);
    assert!(reader.is_complete());
}

#[test]
fn an_unknown_event_is_counted_and_passed_over() {
    let (reader, deltas) = stream(&[
        json!({ "type": "new_event", "index": "x" }),
        piece(7, &json!({ "type": "input_json_delta", "partial_json": "{" })),
        piece(0, &json!({ "type": "new_delta", "text": "?" })),
    ]);
    assert_eq!((reader.unreadable_events(), deltas.len()), (0, 0));
    assert_eq!(reader.response().stream.as_ref().unwrap().events, 3);
}

#[test]
fn an_event_that_is_no_json_is_counted_as_unreadable() {
    let mut reader = StreamReader::new(Limits::default());
    for data in ["", "[DONE]", "{\"type\":", "[]"] {
        reader.event(None, data.as_bytes(), &mut |_| {});
    }
    assert_eq!((reader.unreadable_events(), reader.error()), (4, None));
    reader.event(Some("error"), b"upstream died", &mut |_| {});
    assert_eq!(reader.error().unwrap().message, "upstream died");
}

#[test]
fn an_absurd_index_and_a_lost_beginning_lose_no_text() {
    let response = streamed(&[said(1_000_000_000, "a"), begin_text(u64::MAX), said(u64::MAX, "b")]);
    assert_eq!((response.text().as_str(), response.output_item_types.len()), ("ab", 2));
}

#[test]
fn only_so_much_is_kept_but_deltas_are_whole() {
    let found = json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": ["long"] });
    let (reader, deltas) = stream_within(
        Limits::of_text_bytes(4),
        &[begin_text(0), said(0, "aüü"), said(0, "b"), start(1, &found), said(0, "c")],
    );
    assert_eq!(deltas, ["text aüü", "text b", "text c"]);
    let parts: Vec<_> = reader.response().parts().cloned().collect();
    let gone = Part::Other { kind: "web_search_tool_result".to_owned(), value: Value::Null };
    assert_eq!(parts, [text("aü"), gone]);
}
