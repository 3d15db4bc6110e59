use super::{call, end, exception, frame, piece, said, start, stop, stream, stream_within, streamed, text};
use serde_json::json;
use tracing_genai::provider::{Limits, bedrock::converse::StreamReader};
use tracing_genai::record::{ErrorKind, FinishReason, Part, ServerToolResult};

fn begin() -> Vec<u8> {
    frame("messageStart", &json!({ "role": "assistant", "p": "abcdefghijk" }))
}

fn tool(id: &str, name: &str) -> serde_json::Value {
    json!({ "toolUse": { "toolUseId": id, "name": name } })
}

fn input(index: u64, fragment: &str) -> Vec<u8> {
    piece(index, &json!({ "toolUse": { "input": fragment } }))
}

#[test]
fn a_stream_gives_its_text_and_its_deltas() {
    let usage = json!({
        "usage": { "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 }, "metrics": { "latencyMs": 352 },
    });
    let (reader, deltas) = stream(&[
        begin(),
        said(0, "Hel"),
        said(0, ""),
        said(0, "lo\n"),
        stop(0),
        end("end_turn"),
        frame("metadata", &usage),
    ]);
    assert_eq!(deltas, ["text Hel", "text lo\n", "stop", "usage Some(2)"]);
    assert!(reader.is_complete());
    let (response, error) = reader.finish();
    assert_eq!((response.text().as_str(), error), ("Hello\n", None));
    assert_eq!((response.usage.input_tokens, response.usage.total_tokens), (Some(3), Some(5)));
    assert_eq!((response.latency_ms, response.output_item_types.len()), (Some(352), 1));
    assert_eq!(response.stream.unwrap().events, 7);
}

#[test]
fn calls_are_told_from_each_other_by_their_blocks() {
    let frames = [
        begin(),
        said(0, "Hm."),
        stop(0),
        start(1, &tool("t1", "f")),
        start(7, &tool("t2", "g")),
        input(7, r#"{"b":"#),
        input(1, ""),
        input(1, r#"{"a":1}"#),
        input(7, "2}"),
        stop(1),
        stop(7),
        end("tool_use"),
    ];
    let (reader, deltas) = stream(&frames);
    assert_eq!(
        deltas,
        [
            "text Hm.",
            "call 0 t1 f",
            "call 1 t2 g",
            "arguments 1 {\"b\":",
            "arguments 0 {\"a\":1}",
            "arguments 1 2}",
            "tool_call",
        ]
    );
    let response = reader.finish().0;
    assert_eq!(
        response.choices[0].message.parts,
        [
            text("Hm."),
            Part::ToolCall(call("t1", "f", r#"{"a":1}"#)),
            Part::ToolCall(call("t2", "g", r#"{"b":2}"#))
        ]
    );
    assert_eq!(response.output_item_types, ["text", "toolUse", "toolUse"]);
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let parts = streamed(&[start(0, &tool("t", "f")), input(0, ""), stop(0)]);
    assert_eq!(parts, [Part::ToolCall(call("t", "f", "{}"))]);
}

#[test]
fn reasoning_has_its_proof_behind_it() {
    let reasoning = |delta| json!({ "reasoningContent": delta });
    let (reader, deltas) = stream(&[
        piece(0, &reasoning(json!({ "text": "Hm" }))),
        piece(0, &reasoning(json!({ "text": "." }))),
        piece(0, &reasoning(json!({ "signature": "sig" }))),
        stop(0),
        piece(1, &reasoning(json!({ "redactedContent": "AAAA" }))),
        stop(1),
        said(2, "Hi"),
    ]);
    assert_eq!(deltas, ["reasoning Hm", "reasoning .", "text Hi"]);
    let response = reader.finish().0;
    let secret = json!({ "reasoningContent": { "redactedContent": "AAAA" } });
    assert_eq!(
        response.choices[0].message.parts,
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Signature("sig".to_owned()),
            Part::Other { kind: "redactedContent".to_owned(), value: secret },
            text("Hi"),
        ]
    );
    assert_eq!(response.output_item_types, ["reasoningContent", "reasoningContent", "text"]);
}

#[test]
fn citations_hang_on_their_block_or_are_one() {
    let cited = |index| piece(index, &json!({ "citation": { "title": "t" } }));
    let citations = || Part::Citations(vec![json!({ "title": "t" })]);
    assert_eq!(streamed(&[said(0, "It rains."), cited(0)]), [text("It rains."), citations()]);
    assert_eq!(
        streamed(&[said(0, "It rains"), stop(0), cited(1), stop(1), said(2, ".")]),
        [text("It rains"), citations(), text(".")]
    );
}

#[test]
fn a_tool_that_the_service_ran_is_no_call_of_the_programs() {
    let (reader, deltas) = stream(&[
        start(
            0,
            &json!({ "toolUse": { "toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use" } }),
        ),
        input(0, r#"{"query":"rain"}"#),
        stop(0),
        start(1, &json!({ "toolResult": { "toolUseId": "t", "type": "nova_grounding_result" } })),
        piece(1, &json!({ "toolResult": [{ "text": "[HIDDEN]" }] })),
        stop(1),
    ]);
    assert!(deltas.is_empty(), "{deltas:?}");
    let value = json!({ "toolResult": {
        "toolUseId": "t", "type": "nova_grounding_result", "content": [{ "text": "[HIDDEN]" }],
    } });
    let response = reader.finish().0;
    assert_eq!(
        response.choices[0].message.parts,
        [
            Part::ServerToolCall(call("t", "nova_grounding", r#"{"query":"rain"}"#)),
            Part::ServerToolResult(ServerToolResult::new(
                Some("t".to_owned()),
                "nova_grounding_result",
                value
            )),
        ]
    );
}

#[test]
fn an_exception_ends_the_answer_with_what_came_before_it() {
    let (reader, _) = stream(&[
        begin(),
        said(0, "It ra"),
        exception(
            "throttlingException",
            r#"{"message":"Too many tokens, please wait before trying again."}"#,
        ),
    ]);
    assert!(!reader.is_complete());
    let (response, error) = reader.finish();
    let error = error.unwrap();
    assert_eq!(response.text(), "It ra");
    assert_eq!((error.kind, error.http_status), (ErrorKind::RateLimited, None));
    assert_eq!(error.message, "Too many tokens, please wait before trying again.");
    assert_eq!(error.error_type(), "throttlingException");
    assert_eq!(response.stream.unwrap().events, 3);
}

#[test]
fn each_exception_has_its_kind() {
    for (name, kind) in [
        ("internalServerException", ErrorKind::Server),
        ("modelStreamErrorException", ErrorKind::Server),
        ("serviceUnavailableException", ErrorKind::Overloaded),
        ("validationException", ErrorKind::InvalidRequest),
        ("modelTimeoutException", ErrorKind::Timeout),
        ("newException", ErrorKind::Server),
    ] {
        let error = stream(&[exception(name, "")]).0.finish().1.unwrap();
        assert_eq!((error.kind, error.message.is_empty()), (kind, false), "{name}");
    }
}

#[test]
fn text_beyond_the_limit_is_left_out_and_told_all_the_same() {
    let frames = [said(0, "Hel"), said(0, "lo"), said(1, "!")];
    let (reader, deltas) = stream_within(Limits::of_text_bytes(4), &frames);
    assert_eq!(reader.response().text(), "Hell");
    assert_eq!(deltas, ["text Hel", "text lo", "text !"]);
}

#[test]
fn deltas_are_the_same_within_any_limit() {
    let found = json!({ "toolResult": { "toolUseId": "s", "content": [{ "text": "found" }] } });
    // An index that is used again is the last one's, whether or not there was room for that.
    for again in [start(0, &found), piece(0, &json!({ "citation": { "title": "somewhere" } }))] {
        let frames = [start(0, &tool("t", "find")), again.clone(), again, input(0, "{}"), stop(0)];
        let (_, whole) = stream(&frames);
        assert_eq!(whole, ["call 0 t find"]);
        let (reader, within) = stream_within(Limits::of_text_bytes(4), &frames);
        assert_eq!(within, whole);
        assert_eq!(reader.response().parts().count(), 1, "what has no room is left out");
    }
}

#[test]
fn no_index_makes_the_reader_grow() {
    let mut frames: Vec<_> = (0..5000).map(|index| said(u64::MAX - index, "a")).collect();
    frames.push(end("end_turn"));
    let (reader, deltas) = stream(&frames);
    assert_eq!((reader.response().text().len(), deltas.len()), (4096, 5001));
    assert!(reader.is_complete());
}

#[test]
fn events_in_any_order_are_borne() {
    let (reader, deltas) = stream(&[
        frame("metadata", &json!({ "usage": { "inputTokens": 1 } })),
        end("end_turn"),
        input(3, "{}"),
        stop(9),
        piece(0, &json!({ "reasoningContent": { "signature": "sig" } })),
        said(0, "late"),
        frame("contentBlockDelta", &json!({ "delta": { "text": "bare" } })),
        frame("new", &json!({})),
        frame("contentBlockDelta", &json!([1])),
    ]);
    assert_eq!(deltas, ["usage None", "stop", "text late", "text bare"]);
    assert_eq!(reader.unreadable_events(), 1);
    let response = reader.finish().0;
    assert_eq!(response.choices[0].finish_reason, Some(FinishReason::Stop));
    assert_eq!(response.stream.unwrap().events, 9);
}

#[test]
fn an_empty_stream_is_not_complete() {
    let reader = StreamReader::new(Limits::default());
    assert!(!reader.is_complete() && reader.response().choices.is_empty());
}
