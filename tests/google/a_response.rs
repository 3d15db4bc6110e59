use super::{choice, response, text};
use serde_json::json;
use tracing_genai::{
    provider::google::read_response,
    record::{ErrorKind, FinishReason, Part, ToolCall},
};

#[test]
fn an_answer_gives_its_id_model_and_text() {
    let read = response(&json!({
        "responseId": "r1", "modelVersion": "gemini-2.5-flash",
        "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP"}],
    }));
    assert_eq!((read.id.as_deref(), read.model.as_deref()), (Some("r1"), Some("gemini-2.5-flash")));
    assert_eq!(read.text(), "Hi");
    assert_eq!(read.choices[0].finish_reason, Some(FinishReason::Stop));
    assert_eq!(read.choices[0].raw_finish_reason.as_deref(), Some("STOP"));
    assert_eq!(read.output_item_types, ["text"]);
    assert_eq!(read.stream, None);
}

#[test]
fn candidates_are_told_apart_by_index_or_place() {
    let candidate = |text: &str| json!({"content": {"parts": [{"text": text}]}});
    let read = response(&json!({"candidates": [candidate("a"), candidate("b")]}));
    let indexes: Vec<_> = read.choices.iter().map(|choice| choice.index).collect();
    assert_eq!((indexes, read.text()), (vec![0, 1], "ab".to_owned()));
    let with_index =
        |index: u32| json!({"index": index, "content": {"parts": [{"text": index.to_string()}]}});
    let read = response(&json!({"candidates": [with_index(2), with_index(0), with_index(0)]}));
    let indexes: Vec<_> = read.choices.iter().map(|choice| choice.index).collect();
    assert_eq!(indexes, [0, 2, 3]);
}

#[test]
fn thoughts_are_reasoning_and_signatures_follow_their_part() {
    let read = choice(&json!([
        {"text": "hm", "thought": true},
        {"text": "Hi", "thoughtSignature": "s1"},
        {"text": "", "thoughtSignature": "s2"},
        {"text": ""},
    ]));
    let signature = |text: &str| Part::Signature(text.to_owned());
    let parts = [Part::Reasoning("hm".to_owned()), text("Hi"), signature("s1"), text(""), signature("s2")];
    assert_eq!(read.message.parts, parts);
}

#[test]
fn a_choice_with_calls_stops_for_them() {
    let read = choice(&json!([
        {"functionCall": {"name": "add", "args": {"a": 1}}},
        {"functionCall": {"name": "now", "id": "c1"}},
    ]));
    assert_eq!(read.finish_reason, Some(FinishReason::ToolCall));
    let add = ToolCall { name: "add".to_owned(), arguments: r#"{"a":1}"#.to_owned(), ..ToolCall::default() };
    let now = ToolCall { id: Some("c1".to_owned()), name: "now".to_owned(), ..ToolCall::default() };
    assert_eq!(read.message.parts, [Part::ToolCall(add), Part::ToolCall(now)]);
}

#[test]
fn code_that_google_ran_is_no_call_of_the_programs() {
    let read = choice(&json!([
        {"executableCode": {"code": "1", "language": "PYTHON"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
    ]));
    assert_eq!(read.finish_reason, Some(FinishReason::Stop));
    assert!(matches!(&read.message.parts[..], [Part::ServerToolCall(_), Part::ServerToolResult(_)]));
}

#[test]
fn finish_reasons_are_words_or_numbers() {
    let other = |word: &str| FinishReason::Other(word.to_owned());
    for (sent, raw, reason) in [
        (json!("MAX_TOKENS"), "MAX_TOKENS", FinishReason::Length),
        (json!("SAFETY"), "SAFETY", FinishReason::ContentFilter),
        (json!("RECITATION"), "RECITATION", FinishReason::ContentFilter),
        (json!("MODEL_ARMOR"), "MODEL_ARMOR", FinishReason::ContentFilter),
        (json!("IMAGE_SAFETY"), "IMAGE_SAFETY", FinishReason::ContentFilter),
        (json!("MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL", FinishReason::Error),
        (json!("UNEXPECTED_TOOL_CALL"), "UNEXPECTED_TOOL_CALL", FinishReason::Error),
        (json!("OTHER"), "OTHER", other("OTHER")),
        (json!("NEW_WORD"), "NEW_WORD", other("NEW_WORD")),
        (json!(1), "1", FinishReason::Stop),
        (json!(2), "2", FinishReason::Length),
        (json!(3), "3", FinishReason::ContentFilter),
        (json!(5), "5", other("OTHER")),
        (json!(7), "7", FinishReason::ContentFilter),
        // The Gemini API means personal data by it, Vertex AI a malformed call.
        (json!(9), "9", other("9")),
    ] {
        let read = response(&json!({"candidates": [{"finishReason": sent, "finishMessage": "So."}]}));
        assert_eq!(read.choices[0].raw_finish_reason.as_deref(), Some(raw));
        assert_eq!(read.choices[0].finish_reason, Some(reason));
        assert_eq!(read.choices[0].finish_message.as_deref(), Some("So."));
    }
}

#[test]
fn a_refused_prompt_has_a_reason_and_no_choices() {
    let read =
        response(&json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": 1}}));
    assert_eq!(read.block_reason.as_deref(), Some("SAFETY"));
    assert!(read.choices.is_empty());
    assert_eq!(read.usage.input_tokens, None);
}

#[test]
fn sources_come_last() {
    let read = response(&json!({"candidates": [{
        "groundingMetadata": {"webSearchQueries": ["q"]},
        "citationMetadata": {"citationSources": [{"uri": "u"}]},
        "content": {"parts": [{"text": "Hi"}]},
    }]}));
    let sources = vec![json!({"webSearchQueries": ["q"]}), json!({"citationSources": [{"uri": "u"}]})];
    assert_eq!(read.choices[0].message.parts, [text("Hi"), Part::Citations(sources)]);
}

#[test]
fn kinds_of_parts_are_listed_in_order() {
    let part = |kind: &str| json!({kind: {"name": "x"}});
    let parts = [
        json!({"text": "a"}),
        json!({"text": "b", "thought": true}),
        part("functionCall"),
        part("x"),
        json!({"text": ""}),
    ];
    let read = response(&json!({"candidates": [{"content": {"parts": parts}}]}));
    assert_eq!(read.output_item_types, ["text", "functionCall", "x", "text"]);
}

#[test]
fn output_tokens_are_candidates_and_thoughts() {
    let usage = |body| response(&json!({"usageMetadata": body})).usage;
    let read = usage(json!({
        "promptTokenCount": 20, "candidatesTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 40,
        "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 10,
    }));
    assert_eq!((read.input_tokens, read.output_tokens, read.total_tokens), (Some(20), Some(10), Some(40)));
    assert_eq!((read.cache_read_input_tokens, read.reasoning_output_tokens), (Some(8), Some(6)));
    assert_eq!(read.tool_use_input_tokens, Some(10));
    assert_eq!(usage(json!({"thoughtsTokenCount": 6})).output_tokens, Some(6));
    assert_eq!(usage(json!({"candidatesTokenCount": 4.0})).output_tokens, Some(4));
    assert_eq!(usage(json!({"promptTokenCount": 1, "totalTokenCount": "x"})).output_tokens, None);
}

#[test]
fn tokens_are_counted_by_modality_word_or_number() {
    let read = response(&json!({"usageMetadata": {
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 1}, {"modality": "AUDIO", "tokenCount": 2},
            {"modality": "VIDEO", "tokenCount": 9}, {"modality": "TEXT", "tokenCount": 4},
        ],
        "candidatesTokensDetails": [{"modality": 2, "tokenCount": 3}],
        "cacheTokensDetails": [{"modality": 4, "tokenCount": 5}, {"tokenCount": 6}],
    }}));
    let usage = read.usage;
    assert_eq!((usage.input.text, usage.input.audio, usage.input.image), (Some(5), Some(2), None));
    assert_eq!((usage.output.image, usage.cache_read.audio), (Some(3), Some(5)));
}

#[test]
fn what_is_no_answer_is_an_error_of_the_protocol() {
    for body in ["", "[]", "{}", "<html>", "{\"candidates\": 1", "null", r#"{"choices": []}"#] {
        let error = read_response(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
    }
}

#[test]
fn odd_values_lose_nothing_that_stands_beside_them() {
    let read = response(&json!({
        "responseId": 5, "candidates": [
            7, {"index": "x", "content": 3}, {"content": {"parts": 1}}, {"content": {"parts": [null, 4, {}, {"text": "Hi"}]}},
        ],
        "promptFeedback": [], "usageMetadata": "none",
    }));
    assert_eq!((read.id.as_deref(), read.text().as_str()), (None, "Hi"));
    assert_eq!(read.usage.raw, None);
}
