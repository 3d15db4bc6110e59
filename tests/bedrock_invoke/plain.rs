use super::{STOP, counts, finish, response, stream, streamed};
use serde_json::json;
use tracing_genai::provider::bedrock::invoke::read_response;
use tracing_genai::record::{ErrorKind, FinishReason};

#[test]
fn titans_counts_may_be_floats() {
    let response = response(&json!({
        "inputTextTokenCount": 28.0,
        "results": [{ "tokenCount": 197.0, "outputText": "Hi", "completionReason": "FINISH" }],
        "amazon-bedrock-guardrailAction": "INTERVENED",
    }));
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (Some(28), Some(197))));
    assert_eq!(finish(&response), (Some(&STOP), Some("FINISH")));
    assert_eq!((response.guardrail_action.as_deref(), response.usage.raw), (Some("INTERVENED"), None));
}

#[test]
fn each_result_of_titans_is_a_generation() {
    let response = response(&json!({ "inputTextTokenCount": 1, "results": [
        { "tokenCount": 2, "outputText": "a", "completionReason": "LENGTH" },
        { "tokenCount": 3, "outputText": "b", "completionReason": "CONTENT_FILTERED" },
    ] }));
    let reasons: Vec<_> =
        response.choices.iter().filter_map(|choice| choice.finish_reason.as_ref()).collect();
    assert_eq!(reasons, [&FinishReason::Length, &FinishReason::ContentFilter]);
    assert_eq!(counts(&response), (Some(1), Some(5)));
}

#[test]
fn the_index_of_titans_chunks_is_no_generation() {
    let response = streamed(&[
        json!({ "outputText": "a", "index": 0, "completionReason": null, "inputTextTokenCount": 3, "totalOutputTextTokenCount": null }),
        json!({ "outputText": "b", "index": 1, "completionReason": "FINISH", "inputTextTokenCount": null, "totalOutputTextTokenCount": 2.0 }),
    ]);
    assert_eq!((response.choices.len(), response.text().as_str()), (1, "ab"));
    assert_eq!(counts(&response), (Some(3), Some(2)));
}

#[test]
fn a_guardrails_answer_ends_a_stream_without_a_finish_reason() {
    let response =
        streamed(&[json!({ "outputText": "Input blocked", "index": 0.0, "totalOutputTextTokenCount": 3.0,
        "inputTextTokenCount": 6.0, "amazon-bedrock-guardrailAction": "INTERVENED" })]);
    assert_eq!(finish(&response), (None, None));
    assert_eq!(
        (response.guardrail_action.as_deref(), counts(&response)),
        (Some("INTERVENED"), (Some(6), Some(3)))
    );
}

#[test]
fn llamas_answer_is_read() {
    let response = response(
        &json!({ "generation": "Hi", "prompt_token_count": 8, "generation_token_count": 35, "stop_reason": "length" }),
    );
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (Some(8), Some(35))));
    assert_eq!(finish(&response), (Some(&FinishReason::Length), Some("length")));
}

#[test]
fn llamas_stream_tells_the_prompts_tokens_once() {
    let chunks = [
        json!({ "generation": "H", "prompt_token_count": 9, "generation_token_count": 1, "stop_reason": null }),
        json!({ "generation": "i", "prompt_token_count": null, "generation_token_count": 2, "stop_reason": null }),
        json!({ "generation": "", "prompt_token_count": null, "generation_token_count": 3, "stop_reason": "stop",
            "amazon-bedrock-invocationMetrics": { "inputTokenCount": 90, "outputTokenCount": 30 } }),
    ];
    let response = streamed(&chunks);
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (Some(9), Some(3))));
    assert!(!stream(&chunks[..2]).0.is_complete());
}

#[test]
fn mistrals_answer_is_read() {
    let response = response(&json!({ "outputs": [{ "text": "Hi", "stop_reason": "stop" }] }));
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (None, None)));
    assert_eq!(finish(&response), (Some(&STOP), Some("stop")));
}

#[test]
fn a_stream_without_counts_takes_bedrocks() {
    let response = streamed(&[
        json!({ "outputs": [{ "text": "Hi", "stop_reason": null }] }),
        json!({ "outputs": [{ "text": "", "stop_reason": "stop" }],
            "amazon-bedrock-invocationMetrics": { "inputTokenCount": 8, "outputTokenCount": 94, "cacheReadInputTokenCount": 2 } }),
    ]);
    assert_eq!((response.text().as_str(), counts(&response)), ("Hi", (Some(10), Some(94))));
    assert_eq!(response.usage.cache_read_input_tokens, Some(2));
}

#[test]
fn coheres_answer_is_read() {
    let response = response(&json!({
        "response_id": "r", "generation_id": "g", "text": "Hi<", "chat_history": [], "finish_reason": "STOP_SEQUENCE",
    }));
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("r"), "Hi<"));
    assert_eq!(finish(&response), (Some(&STOP), Some("STOP_SEQUENCE")));
}

#[test]
fn coheres_calls_are_read() {
    let response = response(&json!({ "text": "", "generation_id": "g", "finish_reason": "COMPLETE",
        "tool_calls": [{ "name": "f", "parameters": { "a": 1 } }] }));
    let call = response.tool_calls().next().unwrap();
    assert_eq!((call.name.as_str(), call.arguments.as_str(), &call.id), ("f", r#"{"a":1}"#, &None));
    assert_eq!(response.id.as_deref(), Some("g"));
}

#[test]
fn the_end_of_coheres_stream_repeats_its_text_and_brings_its_id() {
    let response = streamed(&[
        json!({ "is_finished": false, "event_type": "stream-start", "generation_id": "g" }),
        json!({ "is_finished": false, "event_type": "text-generation", "text": "H" }),
        json!({ "is_finished": false, "event_type": "text-generation", "text": "i" }),
        json!({ "is_finished": true, "event_type": "stream-end", "finish_reason": "MAX_TOKENS", "response": {
            "response_id": "r", "generation_id": "g", "text": "Hi", "finish_reason": "MAX_TOKENS",
            "meta": { "billed_units": { "input_tokens": 7, "output_tokens": 2 }, "tokens": { "input_tokens": 73, "output_tokens": 8 } },
        } }),
    ]);
    assert_eq!((response.id.as_deref(), response.text().as_str()), (Some("r"), "Hi"));
    assert_eq!(counts(&response), (Some(7), Some(2)));
    assert_eq!(finish(&response), (Some(&FinishReason::Length), Some("MAX_TOKENS")));
}

#[test]
fn coheres_calls_come_once_though_the_end_repeats_them() {
    let calls = json!([{ "name": "f", "parameters": {} }]);
    let (reader, deltas) = stream(&[
        json!({ "event_type": "tool-calls-generation", "is_finished": false, "tool_calls": calls }),
        json!({ "event_type": "stream-end", "is_finished": true, "finish_reason": "COMPLETE", "response": { "tool_calls": calls } }),
    ]);
    assert_eq!(deltas, ["call 0 None f", "arguments 0 {}", "stop"]);
    assert_eq!(reader.response().tool_calls().count(), 1);
}

#[test]
fn generations_of_an_older_cohere_are_told_apart() {
    let whole = response(&json!({ "id": "c", "prompt": "Say", "generations": [
        { "id": "1", "text": "a", "finish_reason": "COMPLETE" },
        { "id": "2", "text": "b", "finish_reason": "ERROR_TOXIC" },
    ] }));
    assert_eq!((whole.id.as_deref(), whole.choices.len()), (Some("c"), 2));
    assert_eq!(whole.choices[1].finish_reason, Some(FinishReason::ContentFilter));
    let streamed = streamed(&[
        json!({ "text": "a", "is_finished": false, "index": 0 }),
        json!({ "text": "b", "is_finished": false, "index": 1 }),
        json!({ "is_finished": true, "finish_reason": "COMPLETE", "index": 0 }),
        json!({ "is_finished": true, "finish_reason": "COMPLETE", "index": 1 }),
    ]);
    assert_eq!(streamed.choices.len(), 2);
}

#[test]
fn no_more_generations_are_kept_than_a_model_gives() {
    let chunks: Vec<_> =
        (0..500).map(|index| json!({ "text": "a", "is_finished": false, "index": index })).collect();
    assert!(stream(&chunks).0.response().choices.len() < 200);
}

#[test]
fn jurassics_completion_is_read() {
    let response = response(&json!({ "id": 1234, "completions": [
        { "data": { "text": "Hi" }, "finishReason": { "reason": "endoftext" } },
    ] }));
    assert_eq!((response.text().as_str(), response.id.as_deref()), ("Hi", None));
    assert_eq!(finish(&response), (Some(&STOP), Some("endoftext")));
}

#[test]
fn a_word_that_is_not_known_is_kept() {
    let response = response(&json!({ "generation": "", "stop_reason": "bored" }));
    assert_eq!(finish(&response), (Some(&FinishReason::Other("bored".into())), Some("bored")));
}

#[test]
fn a_body_of_no_known_shape_is_an_error() {
    for body in
        ["", "[]", "{}", "hello", r#"{"text":"alone"}"#, r#"{"message":"no"}"#, r#"{"content":"text"}"#]
    {
        let error = read_response(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
    }
}
