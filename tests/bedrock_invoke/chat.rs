use super::{STOP, counts, finish, response, stream, streamed};
use serde_json::json;
use tracing_genai::record::FinishReason;

#[test]
fn what_is_shaped_like_openais_is_read_as_openais() {
    let response = response(&json!({
        "id": "c", "model": "jamba",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
    }));
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("c"), "Hi"));
    assert_eq!((counts(&response), finish(&response)), ((Some(3), Some(2)), (Some(&STOP), Some("stop"))));
}

#[test]
fn bedrocks_counts_may_be_a_chunk_of_their_own() {
    let metrics = json!({ "inputTokenCount": 17, "outputTokenCount": 9 });
    let piece = |text: &str, reason: Option<&str>, tokens: u64| {
        json!({ "id": "c", "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": reason, "stop_reason": 518 }],
            "usage": { "prompt_tokens": 17, "completion_tokens": tokens } })
    };
    let response = streamed(&[
        piece("H", None, 1),
        piece("i", Some("stop"), 8),
        json!({ "amazon-bedrock-invocationMetrics": metrics }),
    ]);
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (Some(17), Some(8))));
    assert_eq!(response.invocation_metrics.unwrap().to_value(), metrics);
}

#[test]
fn a_stop_reason_is_taken_for_a_finish_reason() {
    let whole = response(&json!({ "choices": [
        { "index": 0, "message": { "role": "assistant", "content": "Hi" }, "stop_reason": "length" },
    ] }));
    assert_eq!(finish(&whole), (Some(&FinishReason::Length), Some("length")));
    let streamed = streamed(&[
        json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi" }, "stop_reason": null }] }),
        json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": "" }, "stop_reason": "tool_calls" }] }),
    ]);
    assert_eq!(streamed.text(), "Hi");
    assert_eq!(finish(&streamed), (Some(&FinishReason::ToolCall), Some("tool_calls")));
}

#[test]
fn a_bare_text_is_a_message() {
    let whole = response(&json!({ "choices": [{ "text": "Hi", "stop_reason": "stop" }] }));
    assert_eq!((whole.text().as_str(), finish(&whole)), ("Hi", (Some(&STOP), Some("stop"))));
    let streamed = streamed(&[
        json!({ "choices": [{ "text": "H", "stop_reason": null }] }),
        json!({ "choices": [{ "text": "i", "stop_reason": "stop" }] }),
    ]);
    assert_eq!(streamed.text(), "Hi");
}

#[test]
fn an_error_where_a_chunk_should_be_is_told() {
    let (reader, _) = stream(&[json!({ "error": { "message": "broken", "type": "server_error" } })]);
    assert_eq!(reader.error().unwrap().message, "broken");
}
