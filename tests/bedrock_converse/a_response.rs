use super::{answer, call, response, text};
use serde_json::json;
use tracing_genai::provider::bedrock::converse::read_response;
use tracing_genai::record::{ErrorKind, FinishReason, Part, ServerToolResult};

#[test]
fn an_answer_gives_what_stands_beside_its_content() {
    let response = response(&json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hi" }] } },
        "stopReason": "end_turn", "metrics": { "latencyMs": 951 }, "serviceTier": { "type": "priority" },
    }));
    assert_eq!((response.text().as_str(), response.latency_ms), ("Hi", Some(951)));
    assert_eq!(response.service_tier.as_deref(), Some("priority"));
    assert_eq!((response.id, response.model), (None, None));
    assert_eq!(response.choices[0].raw_finish_reason.as_deref(), Some("end_turn"));
}

#[test]
fn each_block_is_a_part_in_its_order() {
    let secret = json!({ "reasoningContent": { "redactedContent": "AAAA" } });
    let response = answer(&json!([
        { "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "sig" } } },
        secret,
        { "text": "It " },
        { "citationsContent": { "content": [{ "text": "rains." }], "citations": [{ "title": "t" }] } },
        { "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1 }, "type": "tool_use" } },
    ]));
    assert_eq!(
        response.choices[0].message.parts,
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Signature("sig".to_owned()),
            Part::Other { kind: "redactedContent".to_owned(), value: secret },
            text("It "),
            text("rains."),
            Part::Citations(vec![json!({ "title": "t" })]),
            Part::ToolCall(call("t", "f", r#"{"a":1}"#)),
        ]
    );
    assert_eq!(
        response.output_item_types,
        ["reasoningContent", "reasoningContent", "text", "citationsContent", "toolUse"]
    );
}

#[test]
fn a_tool_that_the_service_ran_is_no_call_of_the_programs() {
    let result =
        json!({ "toolResult": { "toolUseId": "t", "type": "nova_grounding_result", "content": [] } });
    let response = answer(&json!([
        { "toolUse": { "toolUseId": "t", "name": "nova_grounding", "input": {}, "type": "server_tool_use" } },
        result,
    ]));
    assert_eq!(response.tool_calls().count(), 0);
    assert_eq!(
        response.choices[0].message.parts,
        [
            Part::ServerToolCall(call("t", "nova_grounding", "{}")),
            Part::ServerToolResult(ServerToolResult::new(
                Some("t".to_owned()),
                "nova_grounding_result",
                result
            )),
        ]
    );
}

#[test]
fn the_input_holds_what_the_cache_gave_and_took_once() {
    let usage = response(&json!({
        "output": { "message": { "content": [] } },
        "usage": {
            "inputTokens": 10, "outputTokens": 4, "totalTokens": 7366,
            "cacheReadInputTokens": 1, "cacheReadInputTokenCount": 1,
            "cacheWriteInputTokens": 7351, "cacheWriteInputTokenCount": 7351,
            "cacheDetails": [{ "inputTokens": 51, "ttl": "5m" }, { "inputTokens": 7300, "ttl": "1h" }],
        },
    }))
    .usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(7362), Some(4)));
    assert_eq!(usage.total_tokens, Some(7366));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_write_input_tokens), (Some(1), Some(7351)));
    assert_eq!(usage.cache_write_1h_input_tokens, Some(7300));
}

#[test]
fn counts_that_were_not_sent_are_none() {
    let usage = response(&json!({
        "output": { "message": { "content": [] } }, "usage": { "inputTokens": 3, "outputTokens": 1.5 },
    }))
    .usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (Some(3), None, None));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_write_1h_input_tokens), (None, None));
}

#[test]
fn each_reason_to_stop_has_its_meaning() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCall),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_tool_use", FinishReason::Other("malformed_tool_use".to_owned())),
    ] {
        let response = response(&json!({ "output": { "message": { "content": [] } }, "stopReason": word }));
        assert_eq!(response.choices[0].finish_reason, Some(reason));
        assert_eq!(response.choices[0].raw_finish_reason.as_deref(), Some(word));
    }
}

#[test]
fn what_is_no_message_is_an_error_with_its_first_bytes() {
    for body in ["", "[]", "{}", r#"{"output":{}}"#, r#"{"output":{"message":{"content":"x"}}}"#] {
        let error = read_response(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
        assert_eq!(error.body.as_deref().unwrap_or_default(), body);
    }
}
