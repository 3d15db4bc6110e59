use super::{call, calls_of, delta, stream, stream_within, streamed};
use serde_json::json;
use tracing_genai::provider::Limits;
use tracing_genai::provider::openai::chat::StreamReader;
use tracing_genai::record::{ErrorKind, FinishReason, Part};

#[test]
fn a_stream_gives_its_text_and_its_deltas() {
    let (reader, deltas) = stream(&[
        delta(0, &json!({ "role": "assistant", "content": "" })),
        delta(0, &json!({ "content": "Hel" })),
        delta(0, &json!({ "content": "lo\n" })),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }], "usage": null }),
        json!({ "choices": [], "usage": { "prompt_tokens": 1, "completion_tokens": 2 } }),
        json!("[DONE]"),
    ]);
    assert_eq!(deltas, ["0 text Hel", "0 text lo\n", "0 stop", "usage Some(2)"]);
    assert!(reader.is_complete());
    let (response, error) = reader.finish();
    assert_eq!((response.text().as_str(), response.id.as_deref()), ("Hello\n", Some("c")));
    assert_eq!(response.choices[0].message.parts.len(), 1);
    let end = response.stream.unwrap();
    assert_eq!((end.events, end.done, error), (6, true, None));
}

#[test]
fn an_empty_first_chunk_does_not_name_the_model() {
    let response = streamed(&[
        json!({ "choices": [], "id": "", "model": "", "object": "", "created": 0 }),
        delta(0, &json!({ "content": "Hi" })),
    ]);
    assert_eq!((response.id.as_deref(), response.model.as_deref()), (Some("c"), Some("m")));
}

#[test]
fn the_last_usage_holds_wherever_it_comes() {
    let response = streamed(&[
        json!({ "choices": [{ "index": 0, "delta": { "content": "a" } }], "usage": { "completion_tokens": 1 } }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }], "usage": { "completion_tokens": 2 } }),
        json!({ "choices": [], "usage": null }),
    ]);
    assert_eq!(response.usage.output_tokens, Some(2));
}

#[test]
fn interleaved_choices_stay_apart_though_their_calls_share_an_id() {
    let start = |name: &str| json!({ "tool_calls": [{ "index": 0, "id": "call_1", "function": { "name": name, "arguments": "" } }] });
    let more = |text: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": text } }] });
    let response = streamed(&[
        delta(1, &start("g")),
        delta(0, &start("f")),
        delta(1, &more("{\"b\"")),
        delta(0, &more("{\"a\"")),
        delta(1, &more(":2}")),
        delta(0, &more(":1}")),
    ]);
    assert_eq!(
        calls_of(&response),
        [call(Some("call_1"), "f", "{\"a\":1}"), call(Some("call_1"), "g", "{\"b\":2}")]
    );
    assert_eq!(response.choices.iter().map(|choice| choice.index).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn parallel_calls_of_one_choice_are_told_apart_by_index() {
    let piece = |index: u32, text: &str| {
        delta(0, &json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] }))
    };
    let (reader, deltas) = stream(&[
        delta(
            0,
            &json!({ "tool_calls": [
                { "index": 0, "id": "1", "function": { "name": "f" } },
                { "index": 1, "id": "2", "function": { "name": "g" } },
            ] }),
        ),
        piece(1, "{}"),
        piece(0, "["),
        piece(0, "]"),
    ]);
    assert_eq!(calls_of(reader.response()), [call(Some("1"), "f", "[]"), call(Some("2"), "g", "{}")]);
    assert_eq!(
        deltas,
        ["0 call 0 1 f", "0 call 1 2 g", "0 arguments 1 {}", "0 arguments 0 [", "0 arguments 0 ]"]
    );
}

#[test]
fn a_call_without_an_index_goes_on_until_another_id_comes() {
    let response = streamed(&[
        delta(0, &json!({ "tool_calls": [{ "id": "1", "function": { "name": "f", "arguments": "{" } }] })),
        delta(0, &json!({ "tool_calls": [{ "function": { "arguments": "}" } }] })),
        delta(0, &json!({ "tool_calls": [{ "id": "2", "function": { "name": "f", "arguments": "[]" } }] })),
    ]);
    assert_eq!(calls_of(&response), [call(Some("1"), "f", "{}"), call(Some("2"), "f", "[]")]);
}

#[test]
fn whole_calls_that_share_an_index_are_told_apart() {
    let whole = |id: &str| {
        delta(
            0,
            &json!({ "tool_calls": [{ "index": 0, "id": id, "function": { "name": "f", "arguments": "{}" } }] }),
        )
    };
    let response = streamed(&[whole("1"), whole("2")]);
    assert_eq!(calls_of(&response), [call(Some("1"), "f", "{}"), call(Some("2"), "f", "{}")]);
}

#[test]
fn whole_calls_are_told_apart_though_their_arguments_are_not_kept() {
    let whole = |id: &str| {
        delta(
            0,
            &json!({ "tool_calls": [{ "index": 0, "id": id, "function": { "name": "f", "arguments": "{\"a\":\"\\\"}\"}" } }] }),
        )
    };
    let (kept, deltas) = stream(&[whole("1"), whole("2")]);
    assert_eq!(calls_of(kept.response()).len(), 2);
    for most in [0, 1, 10] {
        let (limited, same) = stream_within(Limits::of_text_bytes(most), &[whole("1"), whole("2")]);
        assert_eq!((calls_of(limited.response()).len(), same), (2, deltas.clone()));
    }
}

#[test]
fn the_input_of_a_custom_tool_is_its_arguments() {
    let response = streamed(&[
        delta(
            0,
            &json!({ "tool_calls": [{ "index": 0, "id": "1", "type": "custom", "custom": { "name": "shell", "input": "ls" } }] }),
        ),
        delta(0, &json!({ "tool_calls": [{ "index": 0, "custom": { "input": " -l" } }] })),
    ]);
    assert_eq!(calls_of(&response), [call(Some("1"), "shell", "ls -l")]);
}

#[test]
fn a_legacy_function_call_has_no_id() {
    let response = streamed(&[
        delta(0, &json!({ "function_call": { "name": "f", "arguments": "" } })),
        delta(0, &json!({ "function_call": { "arguments": "{}" } })),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "function_call" }] }),
    ]);
    assert_eq!(calls_of(&response), [call(None, "f", "{}")]);
    assert_eq!(response.choices[0].finish_reason, Some(FinishReason::ToolCall));
}

#[test]
fn reasoning_and_refusal_are_parts_of_their_own() {
    let (reader, deltas) = stream(&[
        delta(0, &json!({ "reasoning_content": "H" })),
        delta(0, &json!({ "reasoning": "m" })),
        delta(0, &json!({ "refusal": "No" })),
        delta(0, &json!({ "refusal": "." })),
    ]);
    assert_eq!(deltas, ["0 reasoning H", "0 reasoning m", "0 refusal No", "0 refusal ."]);
    assert_eq!(
        reader.response().choices[0].message.parts,
        [Part::Reasoning("Hm".to_owned()), Part::Refusal("No.".to_owned())]
    );
}

#[test]
fn an_error_inside_a_stream_keeps_what_came_before() {
    let (reader, _) = stream(&[
        delta(0, &json!({ "content": "Hel" })),
        json!({ "error": { "message": "The server had an error with sk-abcdefghijkl, sorry.", "type": "server_error", "code": null } }),
        json!({ "error": { "message": "Another." } }),
    ]);
    assert!(!reader.is_complete());
    let (response, error) = reader.finish();
    let error = error.unwrap();
    assert_eq!(response.text(), "Hel");
    assert_eq!((error.kind, error.http_status), (ErrorKind::Server, None));
    assert_eq!(error.message, "The server had an error with sk-[redacted], sorry.");
}

#[test]
fn an_error_event_without_an_error_object_is_one() {
    let mut reader = StreamReader::new(Limits::default());
    let data = br#"{"message":"Too many.","code":"rate_limit_exceeded"}"#;
    reader.event(Some("error"), data, &mut |_| {});
    let error = reader.error().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::RateLimited, "Too many."));
}

#[test]
fn an_unreadable_event_is_counted_and_passed_over() {
    let (reader, _) = stream(&[
        delta(0, &json!({ "content": "a" })),
        json!("{\"choices\":[{\"delta\":{\"content\":\"lost"),
        json!("[]"),
        json!(""),
        delta(0, &json!({ "content": "b" })),
    ]);
    assert_eq!(reader.unreadable_events(), 3);
    assert_eq!(reader.response().text(), "ab");
    assert_eq!(reader.response().stream.as_ref().unwrap().events, 5);
}

#[test]
fn a_field_of_the_wrong_type_loses_no_other() {
    let (reader, _) = stream(&[json!({
        "id": 7, "model": null, "service_tier": {}, "usage": "none", "system_fingerprint": [1],
        "choices": [null, 7, { "index": "x", "finish_reason": 1, "logprobs": {}, "delta": {
            "content": "a", "refusal": 7, "tool_calls": "none", "function_call": null, "audio": [],
        } }],
    })]);
    assert_eq!((reader.unreadable_events(), reader.response().text().as_str()), (0, "a"));
}

#[test]
fn a_stream_is_complete_when_every_choice_has_finished() {
    let finished =
        |index: u32| json!({ "choices": [{ "index": index, "delta": {}, "finish_reason": "stop" }] });
    let begun = [delta(0, &json!({ "content": "a" })), delta(1, &json!({ "content": "b" })), finished(0)];
    assert!(!stream(&begun).0.is_complete());
    assert!(stream(&[&begun[..], &[finished(1)]].concat()).0.is_complete());
    assert!(!stream(&[]).0.is_complete());
}

#[test]
fn what_goes_beyond_the_limit_is_cut_between_characters_but_deltas_are_whole() {
    let (reader, deltas) = stream_within(
        Limits::of_text_bytes(4),
        &[
            delta(0, &json!({ "content": "abc" })),
            delta(0, &json!({ "content": "üx" })),
            delta(0, &json!({ "content": "y" })),
            delta(
                0,
                &json!({ "tool_calls": [{ "index": 0, "id": "1", "function": { "name": "f", "arguments": "{}" } }] }),
            ),
        ],
    );
    assert_eq!(reader.response().text(), "abc");
    assert_eq!(calls_of(reader.response()), [call(Some("1"), "f", "")]);
    assert_eq!(deltas, ["0 text abc", "0 text üx", "0 text y", "0 call 0 1 f", "0 arguments 0 {}"]);
}
