use super::{post, sent, span, tracia, with, with_id};
use serde_json::{Value, json};

/// The message with which a span is refused; `None` if it is stored.
async fn refusal(span: &Value) -> Option<String> {
    let tracia = tracia();
    let (status, answer) = sent(post(&tracia, "/spans", span)).await;
    assert_eq!(tracia.spans().len(), usize::from(status == 200));
    match status {
        200 => None,
        _ => {
            assert_eq!((status, &answer["error"]["code"]), (400, &json!("INVALID_REQUEST")));
            Some(answer["error"]["message"].as_str().unwrap().to_owned())
        }
    }
}

#[tokio::test]
async fn stores_a_span_as_it_was_sent() {
    let tracia = tracia();
    let (status, answer) = sent(post(&tracia, "/spans", &span())).await;
    assert_eq!((status, &answer["spanId"]), (200, &span()["spanId"]));
    assert_eq!((&answer["traceId"], &answer["cost"]), (&span()["traceId"], &json!(null)));
    assert_eq!(tracia.spans(), [span()]);
}

#[tokio::test]
async fn wants_every_required_key() {
    for key in [
        "spanId",
        "model",
        "provider",
        "input",
        "status",
        "latencyMs",
        "inputTokens",
        "outputTokens",
        "totalTokens",
    ] {
        let mut span = span();
        span.as_object_mut().unwrap().remove(key);
        assert_eq!(refusal(&span).await.unwrap(), format!("{key} is missing"));
    }
}

#[tokio::test]
async fn can_do_without_the_others() {
    let mut span = span();
    for key in ["variables", "output", "error", "tools", "toolCalls", "traceId"] {
        span.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(refusal(&span).await, None);
}

#[tokio::test]
async fn takes_every_key_in_its_type() {
    let mut span = span();
    for (key, value) in [
        ("variables", json!({"name": "Ann"})),
        ("error", json!("failed")),
        ("status", json!("ERROR")),
        ("tags", json!(["a", "b"])),
        ("userId", json!("u")),
        ("sessionId", json!("s")),
        ("temperature", json!(0.5)),
        ("maxOutputTokens", json!(9)),
        ("topP", json!(1)),
        ("parentSpanId", json!("sp_76e94b3a44273dcc")),
        ("spanKind", json!("LLM")),
    ] {
        span[key] = value;
    }
    assert_eq!(refusal(&span).await, None);
}

#[tokio::test]
async fn refuses_values_of_other_types() {
    for (key, value) in [
        ("model", json!(" ")),
        ("model", json!(null)),
        ("provider", json!("OPENAI")),
        ("provider", json!("azure")),
        ("status", json!("OK")),
        ("input", json!("w")),
        ("latencyMs", json!(1.5)),
        ("latencyMs", json!(-1)),
        ("inputTokens", json!(null)),
        ("outputTokens", json!("50")),
        ("totalTokens", json!(1.0)),
        ("variables", json!({"n": 1})),
        ("output", json!({})),
        ("error", json!(1)),
        ("tags", json!("a")),
        ("tags", json!([1])),
        ("tags", json!(null)),
        ("userId", json!(7)),
        ("sessionId", json!(null)),
        ("temperature", json!("0.5")),
        ("maxOutputTokens", json!(1.5)),
        ("topP", json!(null)),
        ("tools", json!([{"name": "f", "parameters": {"type": "object", "properties": {}}}])),
        ("tools", json!([{"name": "f", "description": "", "parameters": {}}])),
        ("toolCalls", json!([{"id": "1", "name": "f", "arguments": "{}"}])),
        ("toolCalls", json!(null)),
        ("spanKind", json!("TOOL")),
    ] {
        let message = refusal(&with(key, value.clone())).await.unwrap_or_default();
        assert!(message.starts_with(key), "{key}: {value}: {message}");
    }
}

#[tokio::test]
async fn refuses_keys_it_does_not_know() {
    let message = refusal(&with("metadata", json!({}))).await.unwrap();
    assert_eq!(message, "metadata is no key of a span");
}

#[tokio::test]
async fn ids_have_a_prefix_and_16_hex_digits() {
    for (key, id, taken) in [
        ("spanId", "sp_0123456789abcdef", true),
        ("spanId", "sp_0123456789ABCDEF", true),
        ("spanId", "tr_0123456789abcdef", true),
        ("spanId", "sp_0123456789abcde", false),
        ("spanId", "sp_0123456789abcdef0", false),
        ("spanId", "sp_0123456789abcdeg", false),
        ("spanId", "xx_0123456789abcdef", false),
        ("spanId", "", false),
        ("parentSpanId", "sp_0123456789abcdef", true),
        ("parentSpanId", "0123456789abcdef", false),
        ("traceId", "tr_0123456789abcdef", true),
        ("traceId", "sp_0123456789abcdef", false),
        ("traceId", "banana", false),
    ] {
        assert_eq!(refusal(&with(key, id.into())).await.is_none(), taken, "{key}: {id}");
    }
}

#[tokio::test]
async fn takes_messages_of_every_kind() {
    let messages = json!([
        {"role": "system", "content": "s"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image", "image": "https://x", "mimeType": "image/png"}]},
        {"role": "assistant", "content": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {}}]},
        {"role": "tool", "toolCallId": "1", "toolName": "f", "content": "9"},
    ]);
    assert_eq!(refusal(&with("input", json!({"messages": messages}))).await, None);
    assert_eq!(refusal(&with("input", json!({"messages": []}))).await, None);
}

#[tokio::test]
async fn refuses_messages_of_no_kind() {
    for message in [
        json!({"role": "model", "content": "x"}),
        json!({"role": "user", "content": null}),
        json!({"role": "user", "parts": []}),
        json!({"role": "user", "content": [{"type": "audio", "data": "x"}]}),
        json!({"role": "assistant", "content": [{"type": "tool_call", "id": "1", "name": "f", "arguments": "{}"}]}),
        json!({"role": "tool", "content": "9"}),
        json!({"role": "tool", "toolCallId": "1", "content": [{"type": "text", "text": "9"}]}),
        json!({"role": "user", "content": "x", "name": "Ann"}),
    ] {
        let span = with("input", json!({"messages": [message.clone()]}));
        assert!(
            refusal(&span).await.is_some_and(|reason| reason.starts_with("input.messages[0]")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_embedding_has_text_and_nothing_else_has() {
    let embedding = |text: Value| {
        let mut span = with("spanKind", "EMBEDDING".into());
        span["input"] = json!({"text": text});
        span
    };
    assert_eq!(refusal(&embedding(json!(["a", "b"]))).await, None);
    assert_eq!(refusal(&embedding(json!("a"))).await, None);
    assert!(refusal(&embedding(json!([1]))).await.is_some());
    assert!(refusal(&with("spanKind", "EMBEDDING".into())).await.is_some());
    assert!(refusal(&with("input", json!({"text": ["a"]}))).await.is_some());
}

#[tokio::test]
async fn a_span_of_the_same_id_is_a_conflict() {
    let tracia = tracia();
    sent(post(&tracia, "/spans", &with_id(1))).await;
    let (status, answer) = sent(post(&tracia, "/spans", &with_id(1))).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("CONFLICT")));
    assert_eq!(tracia.spans().len(), 1);
}

#[tokio::test]
async fn keeps_the_order_of_arrival() {
    let tracia = tracia();
    for number in [3, 1, 2] {
        sent(post(&tracia, "/spans", &with_id(number))).await;
    }
    assert_eq!(tracia.spans(), [with_id(3), with_id(1), with_id(2)]);
}

#[tokio::test]
async fn wants_json() {
    let tracia = tracia();
    let url = format!("{}/api/v1/spans", tracia.url());
    let request = || reqwest::Client::new().post(&url).bearer_auth(tracia.api_key());
    assert_eq!(sent(request().body(span().to_string())).await.0, 400);
    let request = || request().header("content-type", "application/json");
    assert_eq!(sent(request().body("[]")).await.0, 400);
    assert_eq!(sent(request().body(r#"{"latencyMs":NaN}"#)).await.0, 400);
}
