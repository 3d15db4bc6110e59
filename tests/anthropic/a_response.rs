use super::{answer, call, response, text};
use serde_json::json;
use tracing_genai::provider::anthropic::read_response;
use tracing_genai::record::{ErrorKind, FinishReason, Part, ServerToolResult, ToolCall};

#[test]
fn an_answer_gives_what_stands_above_its_content() {
    let response = response(&json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{ "type": "text", "text": "Hi" }],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": { "service_tier": "standard" },
    }));
    assert_eq!(response.id.as_deref(), Some("msg_1"));
    assert_eq!(response.model.as_deref(), Some("claude-sonnet-4-5-20250929"));
    assert_eq!((response.text().as_str(), response.service_tier.as_deref()), ("Hi", Some("standard")));
    assert_eq!(response.choices[0].raw_finish_reason.as_deref(), Some("end_turn"));
}

#[test]
fn each_block_is_a_part_in_its_order() {
    let blocks = json!([
        { "type": "thinking", "thinking": "Hm.", "signature": "sig" },
        { "type": "redacted_thinking", "data": "secret" },
        { "type": "text", "text": "It " },
        { "type": "text", "text": "rains.", "citations": [{ "cited_text": "rain" }] },
        { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "b": 1, "a": 2 } },
    ]);
    let secret = json!({ "type": "redacted_thinking", "data": "secret" });
    assert_eq!(
        answer(&blocks),
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Signature("sig".to_owned()),
            Part::Other { kind: "redacted_thinking".to_owned(), value: secret },
            text("It "),
            text("rains."),
            Part::Citations(vec![json!({ "cited_text": "rain" })]),
            Part::ToolCall(call("toolu_1", "f", &json!({ "b": 1, "a": 2 }).to_string())),
        ]
    );
    assert_eq!(
        response(&json!({ "content": blocks })).output_item_types,
        ["thinking", "redacted_thinking", "text", "text", "tool_use"]
    );
}

#[test]
fn the_arguments_of_a_call_stay_as_they_were_written() {
    let body = br#"{"content":[{"type":"tool_use","id":"1","name":"f","input":{"b": 1.0, "a":2}}]}"#;
    let response = read_response(body).unwrap();
    assert_eq!(response.tool_calls().next().unwrap().arguments, r#"{"b": 1.0, "a":2}"#);
}

#[test]
fn what_the_provider_runs_itself_is_no_call_for_the_program() {
    let found = json!({ "type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [] });
    let parts = answer(&json!([
        { "type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": { "query": "q" } },
        found,
        { "type": "mcp_tool_use", "id": "mcp_1", "name": "echo", "server_name": "files", "input": {} },
    ]));
    let echo = ToolCall { server: Some("files".to_owned()), ..call("mcp_1", "echo", "{}") };
    assert_eq!(
        parts,
        [
            Part::ServerToolCall(call("srv_1", "web_search", r#"{"query":"q"}"#)),
            Part::ServerToolResult(ServerToolResult::new(
                Some("srv_1".to_owned()),
                "web_search_tool_result",
                found
            )),
            Part::ServerToolCall(echo),
        ]
    );
}

#[test]
fn each_stop_reason_has_the_word_of_the_conventions() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCall),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other("pause_turn".to_owned())),
        ("compaction", FinishReason::Other("compaction".to_owned())),
    ] {
        let response = response(&json!({ "content": [], "stop_reason": word }));
        assert_eq!(response.choices[0].finish_reason, Some(reason));
        assert_eq!(response.choices[0].raw_finish_reason.as_deref(), Some(word));
    }
}

#[test]
fn a_refusal_says_why() {
    let response = response(&json!({
        "content": [], "stop_reason": "refusal",
        "stop_details": { "type": "refusal", "category": "cyber", "explanation": "Against the rules." },
    }));
    assert_eq!(response.choices[0].finish_message.as_deref(), Some("Against the rules."));
}

#[test]
fn an_empty_answer_names_the_stop_sequence_it_hit() {
    let response =
        response(&json!({ "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END" }));
    assert_eq!(response.choices[0].stop_sequence.as_deref(), Some("END"));
    assert_eq!(response.text(), "");
}

#[test]
fn the_cached_input_is_counted_with_the_input() {
    let sent = json!({
        "input_tokens": 2, "cache_creation_input_tokens": 44, "cache_read_input_tokens": 1650,
        "cache_creation": { "ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 4 },
        "output_tokens": 7, "output_tokens_details": { "thinking_tokens": 3 },
    });
    let usage = response(&json!({ "content": [], "usage": sent })).usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (Some(1696), Some(7), None));
    assert_eq!((usage.cache_read_input_tokens, usage.cache_write_input_tokens), (Some(1650), Some(44)));
    assert_eq!((usage.cache_write_1h_input_tokens, usage.reasoning_output_tokens), (Some(4), Some(3)));
    assert_eq!(usage.raw.unwrap().to_value(), sent);
}

#[test]
fn a_count_that_was_not_sent_is_none() {
    let usage = |sent| response(&json!({ "content": [], "usage": sent })).usage;
    let bare = usage(json!({ "input_tokens": 5, "output_tokens": 1 }));
    assert_eq!((bare.input_tokens, bare.cache_read_input_tokens), (Some(5), None));
    assert_eq!(usage(json!({ "cache_read_input_tokens": 5 })).input_tokens, None);
    assert_eq!(usage(json!(null)).raw, None);
}

#[test]
fn each_pass_of_the_model_is_counted_for_itself() {
    let usage = response(&json!({ "content": [], "usage": { "input_tokens": 1, "iterations": [
        { "type": "compaction", "input_tokens": 90, "cache_read_input_tokens": 9, "output_tokens": 8 },
        { "type": "message", "input_tokens": 1 },
    ] } }))
    .usage;
    assert_eq!(usage.iterations.len(), 2);
    let first = &usage.iterations[0];
    assert_eq!((first.kind.as_deref(), first.input_tokens), (Some("compaction"), Some(99)));
    assert_eq!(usage.input_tokens, Some(1));
}

#[test]
fn a_body_without_content_is_no_message() {
    for body in ["", "[]", "{}", r#"{"content":"Hi"}"#, r#"{"content":null}"#, "<html>"] {
        assert_eq!(read_response(body.as_bytes()).unwrap_err().kind, ErrorKind::Protocol, "{body}");
    }
}
