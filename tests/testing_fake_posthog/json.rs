use super::{post_raw, posthog, status};
use serde_json::{Value, json};

fn export(span: &Value) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn chat() -> Value {
    json!({
        "traceId": "AB".repeat(16),
        "spanId": "01".repeat(8),
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": "3500000000",
        "status": {"code": 2},
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 34}},
            {"key": "raw", "value": {"bytesValue": "Af8="}},
            {"key": "empty", "value": {}},
        ],
    })
}

async fn sent(body: &Value) -> u16 {
    status(post_raw(&posthog(), "application/json", body.to_string().into_bytes())).await
}

#[tokio::test]
async fn reads_spans_in_json() {
    let posthog = posthog();
    let body = export(&chat()).to_string().into_bytes();
    assert_eq!(status(post_raw(&posthog, "application/json; charset=utf-8", body)).await, 200);
    let event = posthog.events().remove(0);
    assert_eq!(event.name, "$ai_generation");
    assert_eq!(event.properties["$ai_trace_id"], "ab".repeat(16));
    assert_eq!(event.properties["$ai_latency"], 2.5);
    assert_eq!(event.properties["$ai_input_tokens"], 12);
    assert_eq!(event.properties["$ai_output_tokens"], 34);
    assert_eq!(event.properties["raw"], "01ff");
    assert_eq!(event.properties["$ai_is_error"], true);
    assert!(!event.properties.contains_key("empty"));
}

#[tokio::test]
async fn a_request_names_its_spans_even_if_there_are_none() {
    assert_eq!(sent(&json!({})).await, 400);
    assert_eq!(sent(&json!({"resourceSpans": []})).await, 200);
}

#[tokio::test]
async fn times_are_strings_and_enums_are_integers() {
    for (key, value) in [
        ("startTimeUnixNano", json!(1_000_000_000)),
        ("kind", json!("SPAN_KIND_CLIENT")),
        ("status", json!({"code": "STATUS_CODE_ERROR"})),
        ("traceId", json!("not hex")),
    ] {
        let mut span = chat();
        span[key] = value;
        assert_eq!(sent(&export(&span)).await, 400, "{key}");
    }
}

#[tokio::test]
async fn an_empty_value_is_tolerated_but_in_a_list() {
    let mut span = chat();
    span["attributes"][4]["value"] = json!({"arrayValue": {"values": [{}]}});
    assert_eq!(sent(&export(&span)).await, 400);
    span["attributes"][4]["value"] = json!({"kvlistValue": {"values": [{"key": "a", "value": {}}]}});
    assert_eq!(sent(&export(&span)).await, 200);
}

#[tokio::test]
async fn fields_it_does_not_know_are_ignored() {
    let mut span = chat();
    span["invented"] = json!(1);
    assert_eq!(sent(&export(&span)).await, 200);
}
