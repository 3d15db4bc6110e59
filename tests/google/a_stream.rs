use super::text;
use serde_json::{Value, json};
use std::fmt::Write as _;
use tracing_genai::{
    provider::{Delta, Limits, google::StreamReader},
    record::{ErrorKind, FinishReason, Part},
};

fn read(events: &[Value]) -> StreamReader {
    read_up_to(events, Limits::default()).0
}

/// The reader, and each delta in a line.
fn read_up_to(events: &[Value], limits: Limits) -> (StreamReader, String) {
    let (mut reader, mut deltas) = (StreamReader::new(limits), String::new());
    for event in events {
        reader.event(None, event.to_string().as_bytes(), &mut |delta| match delta {
            Delta::Text { choice, text } => writeln!(deltas, "{choice} text {text}").unwrap(),
            Delta::Reasoning { choice, text } => writeln!(deltas, "{choice} thought {text}").unwrap(),
            Delta::ToolCallStart { index, id, name, .. } => {
                writeln!(deltas, "call {index} {id:?} {name}").unwrap();
            }
            Delta::ToolCallArguments { index, fragment, .. } => {
                writeln!(deltas, "with {index} {fragment}").unwrap();
            }
            Delta::Finished { choice, reason } => {
                writeln!(deltas, "{choice} ends {}", reason.as_str()).unwrap();
            }
            Delta::Usage(usage) => writeln!(deltas, "usage {:?}", usage.output_tokens).unwrap(),
            other => panic!("{other:?}"),
        });
    }
    (reader, deltas)
}

fn says(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]})
}

fn ends(reason: &str) -> Value {
    json!({"candidates": [{"finishReason": reason, "index": 0}]})
}

#[test]
fn texts_in_a_row_become_one_part_and_so_do_thoughts() {
    let events = [
        says(&json!([{"text": "h", "thought": true}])),
        says(&json!([{"text": "m", "thought": true}, {"text": "Hel"}])),
        says(&json!([{"text": "lo"}])),
        says(&json!([{"text": "?", "thought": true}])),
        says(&json!([{"text": "!"}])),
        says(&json!([{"text": "", "thoughtSignature": "s"}])),
        ends("STOP"),
    ];
    let (reader, deltas) = read_up_to(&events, Limits::default());
    let thought = |text: &str| Part::Reasoning(text.to_owned());
    let parts = [thought("hm"), text("Hello"), thought("?"), text("!"), Part::Signature("s".to_owned())];
    assert_eq!(reader.response().choices[0].message.parts, parts);
    assert_eq!(
        deltas,
        "0 thought h\n0 thought m\n0 text Hel\n0 text lo\n0 thought ?\n0 text !\n0 ends stop\n"
    );
    assert!(reader.is_complete());
    assert_eq!(reader.response().stream.as_ref().unwrap().events, 7);
}

#[test]
fn calls_come_in_one_piece_and_tell_why_it_stops() {
    let call =
        |name: &str| json!({"functionCall": {"name": name, "args": {"a": 1}}, "thoughtSignature": "s"});
    let events = [says(&json!([call("f"), call("g")])), ends("STOP"), says(&json!([{"text": ""}]))];
    let (reader, deltas) = read_up_to(&events, Limits::default());
    assert_eq!(
        deltas,
        "call 0 None f\nwith 0 {\"a\":1}\ncall 1 None g\nwith 1 {\"a\":1}\n0 ends tool_call\n"
    );
    let choice = &reader.response().choices[0];
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCall));
    assert_eq!(choice.raw_finish_reason.as_deref(), Some("STOP"));
    assert_eq!(choice.message.parts.len(), 4);
    assert_eq!(reader.response().output_item_types, ["functionCall", "text"]);
}

#[test]
fn a_call_after_the_finish_reason_changes_it() {
    let (reader, deltas) =
        read_up_to(&[ends("STOP"), says(&json!([{"functionCall": {"name": "f"}}]))], Limits::default());
    assert_eq!(reader.response().choices[0].finish_reason, Some(FinishReason::ToolCall));
    assert!(deltas.starts_with("0 ends stop\n") && deltas.ends_with("0 ends tool_call\n"), "{deltas}");
}

#[test]
fn text_after_a_finish_reason_is_read() {
    let events = [
        says(&json!([{"executableCode": {"code": "1"}}])),
        ends("STOP"),
        says(&json!([{"codeExecutionResult": {"output": "1"}}, {"text": "One."}])),
        ends("MAX_TOKENS"),
    ];
    let response = read(&events).finish().0;
    assert_eq!(response.text(), "One.");
    assert_eq!(response.choices[0].finish_reason, Some(FinishReason::Length));
    assert_eq!(response.output_item_types, ["executableCode", "codeExecutionResult", "text"]);
}

#[test]
fn the_last_usage_holds_as_a_whole() {
    let usage = |usage: Value| json!({"usageMetadata": usage});
    let events = [
        usage(json!({"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5})),
        usage(json!({"promptTokenCount": 3, "thoughtsTokenCount": 9, "totalTokenCount": 12})),
    ];
    let (reader, deltas) = read_up_to(&events, Limits::default());
    assert_eq!(reader.response().usage.output_tokens, Some(9));
    assert_eq!(deltas, "usage Some(2)\nusage Some(9)\n");
}

#[test]
fn candidates_are_told_apart_and_all_must_finish() {
    let piece = |index: u32, text: &str, reason: Option<&str>| json!({"candidates": [{"index": index, "content": {"parts": [{"text": text}]}, "finishReason": reason}]});
    let mut events = vec![piece(1, "b", None), piece(0, "a", Some("STOP")), piece(1, "c", None)];
    assert!(!read(&events).is_complete());
    events.push(piece(1, "d", Some("STOP")));
    let reader = read(&events);
    assert!(reader.is_complete());
    assert_eq!(reader.response().text(), "abcd");
}

#[test]
fn a_refused_prompt_is_the_end() {
    let reader = read(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]);
    assert!(reader.is_complete());
    assert_eq!(reader.response().block_reason.as_deref(), Some("SAFETY"));
    assert!(!read(&[]).is_complete());
}

#[test]
fn an_error_ends_it_and_what_came_before_stays() {
    let error = json!({"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}});
    let reader = read(&[says(&json!([{"text": "Hel"}])), error]);
    assert!(!reader.is_complete());
    let (response, error) = reader.finish();
    let error = error.unwrap();
    assert_eq!((error.kind, error.http_status), (ErrorKind::Overloaded, None));
    assert_eq!((error.code.as_deref(), error.provider_type.as_deref()), (Some("503"), Some("UNAVAILABLE")));
    assert_eq!(response.text(), "Hel");
}

#[test]
fn sources_stay_last_and_are_told_once() {
    let cites = |text: &str, uri: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}, "citationMetadata": {"uri": uri}}]});
    let reader = read(&[cites("a", "u"), cites("b", "u"), cites("c", "v")]);
    let sources = Part::Citations(vec![json!({"uri": "u"}), json!({"uri": "v"})]);
    assert_eq!(reader.response().choices[0].message.parts, [text("abc"), sources]);
}

#[test]
fn an_unspecified_reason_is_no_end() {
    let reader = read(&[ends("FINISH_REASON_UNSPECIFIED")]);
    assert!(!reader.is_complete());
    assert_eq!(reader.response().choices[0].raw_finish_reason, None);
}

#[test]
fn no_more_is_kept_than_the_limit() {
    let events = [
        says(&json!([{"text": "€€"}, {"functionCall": {"name": "f", "args": {"a": "long"}}}])),
        says(&json!([{"text": "more", "thoughtSignature": "s"}])),
        says(&json!([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}])),
    ];
    let (reader, deltas) = read_up_to(&events, Limits::of_text_bytes(5));
    assert_eq!(reader.response().text(), "€");
    let calls: Vec<_> = reader.response().tool_calls().map(|call| call.arguments.as_str()).collect();
    assert_eq!(calls, [""]);
    assert_eq!(reader.response().choices[0].message.parts.len(), 2);
    assert!(deltas.contains("0 text more"), "{deltas}");
}

#[test]
fn absurd_indexes_do_not_fill_the_memory() {
    let piece = |index: u32| json!({"candidates": [{"index": index, "content": {"parts": [{"text": "a"}]}}]});
    let events: Vec<_> = (0..2000_u32).map(|number| piece(u32::MAX - number)).collect();
    assert_eq!(read(&events).response().choices.len(), 128);
}

#[test]
fn a_part_that_is_left_out_takes_its_signature_along() {
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAAAAAA"}, "thoughtSignature": "s"});
    let (reader, _) =
        read_up_to(&[says(&json!([{"text": "a"}, image, {"text": "b"}]))], Limits::of_text_bytes(6));
    assert_eq!(reader.response().choices[0].message.parts, [text("ab")]);
}

#[test]
fn endless_calls_do_not_fill_the_memory() {
    let calls = vec![json!({"functionCall": {"name": "f"}}); 5000];
    assert_eq!(read(&[says(&json!(calls))]).response().tool_calls().count(), 4096);
}

#[test]
fn an_unreadable_event_is_counted_and_passed_over() {
    let mut reader = StreamReader::new(Limits::default());
    for event in [
        "",
        "[1]",
        "{\"candidates\"",
        "\u{0}",
        r#"{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}"#,
    ] {
        reader.event(None, event.as_bytes(), &mut |_| {});
    }
    assert_eq!((reader.unreadable_events(), reader.response().text().as_str()), (4, "a"));
}
