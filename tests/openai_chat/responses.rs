use super::{answer, call, media, response};
use serde_json::json;
use tracing_genai::provider::openai::chat::read_response;
use tracing_genai::record::{ErrorKind, FinishReason, MediaSource, Modality, Part};

#[test]
fn text_reasoning_refusal_and_calls_are_parts() {
    let parts = answer(&json!({
        "role": "assistant", "reasoning_content": "Hm.", "content": "Yes.", "refusal": "No.",
        "tool_calls": [{ "id": "1", "type": "function", "function": { "name": "f", "arguments": "" } }],
    }));
    assert_eq!(
        parts,
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Text("Yes.".to_owned()),
            Part::Refusal("No.".to_owned()),
            Part::ToolCall(call(Some("1"), "f", "")),
        ],
    );
}

#[test]
fn the_arguments_of_a_custom_tool_are_its_input() {
    let parts = answer(&json!({ "content": null, "tool_calls": [
        { "id": "1", "type": "custom", "custom": { "name": "shell", "input": "ls -l" } },
    ] }));
    assert_eq!(parts, [Part::ToolCall(call(Some("1"), "shell", "ls -l"))]);
}

#[test]
fn speech_is_its_words_and_its_bytes() {
    let parts = answer(&json!({ "content": null, "audio": {
        "id": "audio_1", "data": "AAAA", "transcript": "Hello", "expires_at": 1,
    } }));
    let sound = media(Modality::Audio, None, MediaSource::Base64("AAAA".to_owned()));
    assert_eq!(parts, [Part::Text("Hello".to_owned()), sound]);
}

#[test]
fn a_choice_without_a_message_still_counts() {
    let read = response(&json!({
        "choices": [{ "index": 0, "finish_reason": "content_filter" }],
        "usage": { "prompt_tokens": 15, "completion_tokens": 19 },
    }));
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::ContentFilter));
    assert!(read.choices[0].message.parts.is_empty());
    assert_eq!(read.usage.output_tokens, Some(19));
}

#[test]
fn choices_come_by_index() {
    let read = response(&json!({ "choices": [
        { "index": 1, "message": { "content": "b" } }, { "index": 0, "message": { "content": "a" } },
    ] }));
    assert_eq!(read.text(), "ab");
}

#[test]
fn choices_with_the_same_index_are_all_kept() {
    let read = response(&json!({ "choices": [
        { "index": 0, "message": { "content": "a" } }, { "index": 0, "message": { "content": "b" } },
        { "message": { "content": "c" } },
    ] }));
    assert_eq!(read.text(), "abc");
    assert_eq!(read.choices.len(), 3);
}

#[test]
fn finish_reasons_are_the_conventions_and_the_providers_own() {
    for (word, reason) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("tool_calls", FinishReason::ToolCall),
        ("function_call", FinishReason::ToolCall),
        ("eos", FinishReason::Other("eos".to_owned())),
    ] {
        let read = response(&json!({ "choices": [{ "finish_reason": word }] }));
        assert_eq!(read.choices[0].finish_reason, Some(reason));
        assert_eq!(read.choices[0].raw_finish_reason.as_deref(), Some(word));
    }
}

#[test]
fn counts_keep_their_meaning_and_the_sent_object() {
    let usage = r#"{"prompt_tokens":28.0,"completion_tokens":10,"total_tokens":38,"prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":4,"audio_tokens":2,"text_tokens":25,"image_tokens":1},"completion_tokens_details":{"reasoning_tokens":6,"audio_tokens":0,"text_tokens":4},"cost":0.1}"#;
    let read = read_response(format!(r#"{{"choices":[],"usage":{usage}}}"#).as_bytes()).unwrap().usage;
    assert_eq!((read.input_tokens, read.output_tokens, read.total_tokens), (Some(28), Some(10), Some(38)));
    assert_eq!((read.cache_read_input_tokens, read.cache_write_input_tokens), (Some(8), Some(4)));
    assert_eq!(read.reasoning_output_tokens, Some(6));
    assert_eq!((read.input.text, read.input.image, read.input.audio), (Some(25), Some(1), Some(2)));
    assert_eq!((read.output.text, read.output.image, read.output.audio), (Some(4), None, Some(0)));
    assert_eq!(read.raw.unwrap().as_str(), usage);
}

#[test]
fn the_output_includes_the_reasoning_wherever_the_server_counts_it() {
    let output = |input: u64, output: u64, reasoning: u64, total: u64| {
        let read = response(&json!({ "choices": [], "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": total,
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        } }));
        assert_eq!(read.usage.reasoning_output_tokens, Some(reasoning));
        read.usage.output_tokens
    };
    // Beside the output, as the total tells: xAI.
    assert_eq!(output(32, 9, 110, 151), Some(119));
    assert_eq!(output(32, 119, 110, 151), Some(119));
    assert_eq!(output(32, 9, 0, 41), Some(9));
    assert_eq!(output(32, 9, 110, 140), Some(9));
    assert_eq!(output(1, u64::MAX, 1, 1), Some(u64::MAX));
}

#[test]
fn a_count_that_was_not_sent_is_none() {
    let read =
        response(&json!({ "choices": [], "usage": { "prompt_tokens": "many", "completion_tokens": -1 } }));
    assert_eq!((read.usage.input_tokens, read.usage.output_tokens), (None, None));
    let without = response(&json!({ "choices": [], "usage": null }));
    assert_eq!(without.usage.raw, None);
}

#[test]
fn what_is_empty_or_of_the_wrong_type_is_none() {
    let read = response(&json!({
        "id": "", "model": 7, "service_tier": null, "system_fingerprint": [],
        "choices": [7, null, [], [0], { "index": "x", "message": 3, "finish_reason": {} }],
    }));
    assert_eq!((read.id, read.model, read.service_tier, read.system_fingerprint), (None, None, None, None));
    assert_eq!(read.choices.len(), 1);
    assert_eq!(read.choices[0].finish_reason, None);
}

#[test]
fn a_body_without_choices_is_a_protocol_error() {
    for body in ["", "null", "[]", "[[]]", "{}", r#"{"choices":null}"#, "<html>sk-abcdefghijkl"] {
        let error = read_response(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert!(!error.message.contains("abcdefghijkl"), "{}", error.message);
    }
}
