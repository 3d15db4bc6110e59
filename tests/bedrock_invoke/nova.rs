use super::{STOP, chunk, counts, finish, read, response, stream, streamed};
use serde_json::{Value, json};
use tracing_genai::provider::Limits;
use tracing_genai::record::{FinishReason, Part, Role};

fn said(index: u64, delta: &Value) -> Value {
    json!({ "contentBlockDelta": { "delta": delta, "contentBlockIndex": index } })
}

fn text(index: u64, text: &str) -> Value {
    said(index, &json!({ "text": text }))
}

fn begin_call(index: u64, id: &str) -> Value {
    json!({ "contentBlockStart": {
        "start": { "toolUse": { "toolUseId": id, "name": "f" } }, "contentBlockIndex": index,
    } })
}

fn arguments(index: u64, piece: &str) -> Value {
    said(index, &json!({ "toolUse": { "input": piece } }))
}

fn stop(index: u64) -> Value {
    json!({ "contentBlockStop": { "contentBlockIndex": index } })
}

fn end(word: &str) -> Value {
    json!({ "messageStop": { "stopReason": word } })
}

#[test]
fn an_answer_gives_its_text_calls_and_counts() {
    let usage = json!({ "inputTokens": 3, "outputTokens": 2, "totalTokens": 16,
        "cacheReadInputTokenCount": 10, "cacheWriteInputTokenCount": 1 });
    let response = response(&json!({
        "output": { "message": { "role": "assistant", "content": [
            { "text": "Let me see." },
            { "reasoningContent": { "reasoningText": { "text": "Hm", "signature": "s" } } },
            { "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1 } } },
        ] } },
        "stopReason": "tool_use", "usage": usage,
    }));
    assert_eq!(response.text(), "Let me see.");
    assert_eq!(response.output_item_types, ["text", "reasoningContent", "toolUse"]);
    assert_eq!(response.choices[0].message.parts[1], Part::Reasoning("Hm".into()));
    let call = response.tool_calls().next().unwrap();
    assert_eq!((call.id.as_deref(), call.arguments.as_str()), (Some("t"), r#"{"a":1}"#));
    assert_eq!(finish(&response), (Some(&FinishReason::ToolCall), Some("tool_use")));
    assert_eq!((counts(&response), response.usage.total_tokens), ((Some(14), Some(2)), Some(16)));
    assert_eq!(response.usage.cache_read_input_tokens, Some(10));
    assert_eq!(response.usage.cache_write_input_tokens, Some(1));
    assert_eq!(response.usage.raw.unwrap().to_value(), usage);
}

#[test]
fn counts_with_two_names_are_not_added_up() {
    let usage = json!({ "inputTokens": 3, "cacheReadInputTokenCount": 10, "cacheReadInputTokens": 10 });
    let response = response(&json!({ "output": { "message": { "content": [] } }, "usage": usage }));
    assert_eq!(response.usage.input_tokens, Some(13));
}

#[test]
fn texts_that_are_blocks_of_their_own_become_one_part() {
    let (reader, deltas) = stream(&[
        json!({ "messageStart": { "role": "assistant" } }),
        text(0, "Hel"),
        stop(0),
        text(1, "lo"),
        stop(1),
        end("end_turn"),
        json!({ "metadata": { "usage": { "inputTokens": 3, "outputTokens": 2 }, "metrics": {} } }),
    ]);
    assert_eq!(deltas, ["text Hel", "text lo", "stop", "usage Some(3) Some(2)"]);
    assert!(reader.is_complete());
    let response = reader.finish().0;
    assert_eq!(response.choices[0].message.parts, [Part::Text("Hello".into())]);
    assert_eq!(response.output_item_types, ["text", "text"]);
    assert_eq!(response.choices[0].message.role, Role::Assistant);
}

#[test]
fn calls_of_a_stream_are_put_together_from_their_pieces() {
    let chunks = [
        text(0, "Let me see."),
        begin_call(1, "a"),
        begin_call(2, "b"),
        arguments(1, r#"{"x""#),
        arguments(2, "{}"),
        arguments(1, ":1}"),
        stop(1),
        stop(2),
        begin_call(3, "c"),
        stop(3),
        end("tool_use"),
    ];
    let (_, deltas) = stream(&chunks);
    assert_eq!(
        deltas[1..5],
        ["call 0 Some(\"a\") f", "call 1 Some(\"b\") f", r#"arguments 0 {"x""#, "arguments 1 {}"]
    );
    let response = streamed(&chunks);
    let calls: Vec<_> =
        response.tool_calls().map(|call| (call.id.as_deref().unwrap(), call.arguments.as_str())).collect();
    assert_eq!(calls, [("a", r#"{"x":1}"#), ("b", "{}"), ("c", "{}")]);
    assert_eq!(response.output_item_types, ["text", "toolUse", "toolUse", "toolUse"]);
}

#[test]
fn an_index_may_be_any_number() {
    let response = streamed(&[
        begin_call(u64::MAX, "a"),
        arguments(u64::MAX, "{}"),
        text(1 << 40, "x"),
        end("end_turn"),
    ]);
    assert_eq!((response.tool_calls().count(), response.text().as_str()), (1, "x"));
    assert_eq!(finish(&response), (Some(&STOP), Some("end_turn")));
}

#[test]
fn text_beyond_the_limit_is_left_out_of_the_record() {
    let frames: Vec<_> = [text(0, "abc"), text(1, "def"), text(2, "ghi")]
        .iter()
        .map(|sent| chunk(sent.to_string().as_bytes()))
        .collect();
    let (reader, deltas) = read(&frames, Limits::of_text_bytes(4));
    assert_eq!((reader.response().text().as_str(), deltas.len()), ("abcd", 3));
}

#[test]
fn reasoning_is_a_part_of_its_own() {
    let response = streamed(&[
        said(0, &json!({ "reasoningContent": { "text": "H" } })),
        said(0, &json!({ "reasoningContent": { "reasoningText": { "text": "m" } } })),
        stop(0),
        text(1, "Yes"),
        end("end_turn"),
    ]);
    assert_eq!(response.choices[0].message.parts, [Part::Reasoning("Hm".into()), Part::Text("Yes".into())]);
    assert_eq!(response.output_item_types, ["reasoningContent", "text"]);
}
