use super::{counts, finish, response, stream, streamed};
use serde_json::{Value, json};
use tracing_genai::record::FinishReason;

fn events(last: &Value) -> Vec<Value> {
    vec![
        json!({ "type": "message_start", "message": { "id": "msg_1", "model": "claude", "role": "assistant",
            "content": [], "usage": { "input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hi" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 9 } }),
        last.clone(),
    ]
}

fn metrics(input: u64, output: u64) -> Value {
    json!({ "inputTokenCount": input, "outputTokenCount": output, "invocationLatency": 5 })
}

#[test]
fn a_message_is_read_as_anthropics() {
    let response = response(&json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{ "type": "text", "text": "Hi" }, { "type": "tool_use", "id": "t", "name": "f", "input": {} }],
        "stop_reason": "tool_use", "usage": { "input_tokens": 1, "cache_creation_input_tokens": 4, "output_tokens": 2 },
    }));
    assert_eq!((response.id.as_deref(), response.model.as_deref()), (Some("msg_1"), Some("claude")));
    assert_eq!(finish(&response), (Some(&FinishReason::ToolCall), Some("tool_use")));
    assert_eq!((counts(&response), response.text().as_str()), ((Some(5), Some(2)), "Hi"));
    assert_eq!(response.output_item_types, ["text", "tool_use"]);
    assert_eq!(response.tool_calls().next().unwrap().id.as_deref(), Some("t"));
}

#[test]
fn a_stream_of_claudes_is_read_as_anthropics() {
    let (reader, deltas) = stream(&events(&json!({ "type": "message_stop" })));
    let want = ["usage Some(13) Some(1)", "text Hi", "stop", "usage Some(13) Some(9)"];
    assert_eq!(deltas, want);
    assert!(reader.is_complete());
    let response = reader.finish().0;
    let end = response.stream.as_ref().unwrap();
    assert_eq!((end.events, end.terminal_event.as_deref()), (6, Some("message_stop")));
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("msg_1"), "Hi"));
}

#[test]
fn bedrocks_own_counts_do_not_take_the_place_of_the_models() {
    let last = json!({ "type": "message_stop", "amazon-bedrock-invocationMetrics": metrics(13, 7) });
    let response = streamed(&events(&last));
    assert_eq!(counts(&response), (Some(13), Some(9)));
    assert_eq!(response.invocation_metrics.unwrap().to_value(), metrics(13, 7));
}

#[test]
fn counts_that_came_before_the_models_first_event_stay() {
    let early = json!({ "amazon-bedrock-invocationMetrics": metrics(20, 7) });
    let events = events(&early);
    let (first, said) = (events[0].clone(), events[2].clone());
    assert_eq!(counts(&streamed(&[early.clone(), said])), (Some(20), Some(7)));
    assert_eq!(counts(&streamed(&[early, first])), (Some(13), Some(1)));
}

#[test]
fn an_error_among_claudes_events_is_told() {
    let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    let (reader, _) = stream(&[events(&json!({}))[0].clone(), error]);
    assert_eq!(reader.error().unwrap().provider_type.as_deref(), Some("overloaded_error"));
    assert!(!reader.is_complete());
}

#[test]
fn a_completion_of_an_older_claude_is_read() {
    let response = response(
        &json!({ "type": "completion", "completion": " Hi", "stop_reason": "stop_sequence", "stop": "\n\nHuman:" }),
    );
    assert_eq!((response.text().as_str(), counts(&response)), (" Hi", (None, None)));
    assert_eq!(finish(&response), (Some(&FinishReason::Stop), Some("stop_sequence")));
    assert_eq!(response.choices[0].stop_sequence.as_deref(), Some("\n\nHuman:"));
}

#[test]
fn an_older_claudes_stream_takes_its_counts_from_bedrock() {
    let response = streamed(&[
        json!({ "type": "completion", "completion": " H", "stop_reason": null, "stop": null }),
        json!({ "type": "completion", "completion": "i", "stop_reason": null, "stop": null }),
        json!({ "type": "completion", "completion": "", "stop_reason": "max_tokens", "stop": null,
            "amazon-bedrock-invocationMetrics": metrics(4, 2) }),
    ]);
    assert_eq!((response.text().as_str(), counts(&response)), (" Hi", (Some(4), Some(2))));
    assert_eq!((response.choices[0].message.parts.len(), response.usage.raw.as_ref()), (1, None));
    assert_eq!(finish(&response), (Some(&FinishReason::Length), Some("max_tokens")));
    assert_eq!(response.stream.unwrap().terminal_event, None);
}
