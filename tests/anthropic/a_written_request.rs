use super::{asking, call, media, refused, saying, sent, text, written};
use serde_json::{Value, json};
use tracing_genai::provider::anthropic::default_max_tokens;
use tracing_genai::record::{
    CacheLifetime, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role, ToolCall,
    ToolChoice, ToolDefinition, ToolResult,
};

fn hello() -> Request {
    asking(vec![Message::text(Role::User, "Hi")])
}

fn result(id: &str, content: &str) -> Message {
    let result = ToolResult { content: content.to_owned(), ..ToolResult::from(id) };
    saying(Role::Tool, vec![Part::ToolResult(result)])
}

/// The blocks that a user's message of these parts becomes.
fn blocks(parts: Vec<Part>) -> Value {
    sent(vec![saying(Role::User, parts)])[0]["content"].clone()
}

fn image(mime_type: Option<&str>, source: MediaSource) -> Media {
    media(Modality::Image, mime_type, source)
}

#[test]
fn the_words_of_the_record_become_anthropics() {
    let mut request = hello();
    request.max_output_tokens = Some(4096);
    request.stream = true;
    request.temperature = Some(0.5);
    request.top_k = Some(3);
    request.stop_sequences = vec!["END".to_owned()];
    request.reasoning_level = Some("high".to_owned());
    request.reasoning_budget = Some(1024);
    request.user = Some("u".to_owned());
    request.tool_choice = Some(ToolChoice::Required);
    request.parallel_tool_calls = Some(false);
    request.tools = vec![ToolDefinition::function("f", "d", json!({ "type": "object" }))];
    request.output_format =
        Some(OutputFormat::JsonSchema { name: "n".to_owned(), schema: json!({}), strict: Some(true) });
    assert_eq!(
        written(&request),
        json!({
            "model": "claude-sonnet-4-5", "max_tokens": 4096, "stream": true, "temperature": 0.5, "top_k": 3,
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }],
            "stop_sequences": ["END"], "metadata": { "user_id": "u" },
            "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": {} } },
            "thinking": { "type": "enabled", "budget_tokens": 1024 },
            "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
            "tools": [{ "name": "f", "description": "d", "input_schema": { "type": "object" } }],
        })
    );
}

#[test]
fn each_model_has_its_documented_limit() {
    for (model, tokens) in [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-opus-latest", 4096),
        ("claude-3-5-sonnet-20241022", 8192),
        ("anthropic/claude-3.5-haiku", 8192),
        ("claude-3-7-sonnet-20250219", 64_000),
        ("claude-opus-4-20250514", 32_000),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000),
        ("claude-sonnet-4@20250514", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-opus-4-6", 128_000),
        ("claude-sonnet-5", 128_000),
        ("claude-fable-5-1", 128_000),
        ("claude-2.1", 4096),
        ("claude-", 4096),
        ("gpt-5", 4096),
        ("", 4096),
    ] {
        assert_eq!(default_max_tokens(model), tokens, "{model}");
    }
}

#[test]
fn an_answer_in_one_piece_is_asked_for_no_longer_than_a_connection_lasts() {
    let tokens = |model: &str, stream| {
        let mut request = hello();
        request.model = Some(model.to_owned());
        request.stream = stream;
        written(&request)["max_tokens"].clone()
    };
    assert_eq!(
        (tokens("claude-sonnet-4-5", true), tokens("claude-sonnet-4-5", false)),
        (json!(64_000), json!(21_333))
    );
    assert_eq!(
        (tokens("claude-opus-4-1", true), tokens("claude-opus-4-1", false)),
        (json!(32_000), json!(8192))
    );
    assert_eq!(tokens("claude-3-haiku-20240307", false), 4096);
}

#[test]
fn a_budget_makes_room_for_the_answer_where_no_limit_was_set() {
    let mut request = hello();
    request.reasoning_budget = Some(30_000);
    assert_eq!(written(&request)["max_tokens"], 34_096);
    request.reasoning_budget = Some(64_000);
    assert_eq!(refused(&request).param.as_deref(), Some("reasoning_budget"));
    request.model = Some("unknown".to_owned());
    assert_eq!(written(&request)["max_tokens"], 68_096);
}

#[test]
fn a_budget_that_is_too_small_or_too_large_is_refused() {
    let mut request = hello();
    request.max_output_tokens = Some(2000);
    for budget in [1023, 2000] {
        request.reasoning_budget = Some(budget);
        assert_eq!(refused(&request).param.as_deref(), Some("reasoning_budget"));
    }
}

#[test]
fn instructions_lead_and_become_the_system() {
    let mut request = asking(vec![
        Message::text(Role::System, "b"),
        Message::text(Role::Developer, "c"),
        Message::text(Role::User, "Hi"),
    ]);
    request.system_instructions = vec![text("a"), Part::CachePoint(CacheLifetime::Default)];
    let sent = written(&request);
    assert_eq!(
        sent["system"],
        json!([
            { "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "b" },
            { "type": "text", "text": "c" },
        ])
    );
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
    request.messages.push(Message::text(Role::System, "d"));
    assert!(refused(&request).message.contains("system message only at the beginning"));
}

#[test]
fn the_results_of_one_turn_stand_in_one_message_before_what_the_user_says() {
    let calls = [call("1", "f", ""), call("2", "g", r#"{"b": 1, "a": 2}"#)].map(Part::ToolCall);
    let sent = sent(vec![
        Message::text(Role::User, "Hi"),
        saying(Role::Assistant, calls.into()),
        result("1", "one"),
        result("2", ""),
        Message::text(Role::User, "So?"),
    ]);
    assert_eq!(
        sent,
        json!([
            { "role": "user", "content": [{ "type": "text", "text": "Hi" }] },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "1", "name": "f", "input": {} },
                { "type": "tool_use", "id": "2", "name": "g", "input": { "b": 1, "a": 2 } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "1", "content": "one" },
                { "type": "tool_result", "tool_use_id": "2" },
                { "type": "text", "text": "So?" },
            ] },
        ])
    );
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    for arguments in ["[1]", "free text", "{\"a\":", "7"] {
        let request =
            asking(vec![saying(Role::Assistant, vec![Part::ToolCall(call("1", "pay", arguments))])]);
        assert!(refused(&request).message.contains("pay"), "{arguments}");
    }
}

#[test]
fn reasoning_goes_back_only_with_its_signature() {
    let reasoning = |text: &str| Part::Reasoning(text.to_owned());
    let signature = |text: &str| Part::Signature(text.to_owned());
    let said =
        vec![reasoning("a"), reasoning("b"), signature("s"), text("c"), signature("of another provider")];
    assert_eq!(
        sent(vec![saying(Role::Assistant, said)])[0]["content"],
        json!([{ "type": "thinking", "thinking": "b", "signature": "s" }, { "type": "text", "text": "c" }])
    );
}

#[test]
fn what_came_from_the_provider_goes_back_as_it_came() {
    let redacted = json!({ "type": "redacted_thinking", "data": "d" });
    let cited = vec![json!({ "cited_text": "x" })];
    let of_server = ToolCall { server: Some("s".to_owned()), ..call("2", "g", "{}") };
    let said = vec![
        Part::Other { kind: "redacted_thinking".to_owned(), value: redacted.clone() },
        Part::ServerToolCall(call("1", "web_search", r#"{"query":"q"}"#)),
        Part::ServerToolCall(of_server),
        Part::Refusal("No.".to_owned()),
        Part::Citations(cited.clone()),
    ];
    assert_eq!(
        sent(vec![saying(Role::Assistant, said)])[0]["content"],
        json!([
            redacted,
            { "type": "server_tool_use", "id": "1", "name": "web_search", "input": { "query": "q" } },
            { "type": "mcp_tool_use", "id": "2", "name": "g", "server_name": "s", "input": {} },
            { "type": "text", "text": "No.", "citations": cited },
        ])
    );
}

#[test]
fn an_empty_text_and_an_empty_message_are_left_out() {
    let sent = sent(vec![
        Message::text(Role::User, "a"),
        saying(Role::Assistant, vec![text("")]),
        Message::text(Role::User, "b"),
    ]);
    assert_eq!(sent.as_array().unwrap().len(), 1);
    assert_eq!(sent[0]["content"].as_array().unwrap().len(), 2);
}

#[test]
fn a_cache_point_marks_what_stands_before_it() {
    let hour = Part::CachePoint(CacheLifetime::OneHour);
    assert_eq!(
        blocks(vec![text("a"), hour.clone(), text("b")]),
        json!([
            { "type": "text", "text": "a", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
            { "type": "text", "text": "b" },
        ])
    );
    let messages =
        vec![Message::text(Role::User, "a"), saying(Role::Assistant, vec![hour.clone(), text("b")])];
    assert_eq!(sent(messages)[0]["content"][0]["cache_control"]["ttl"], "1h");
    let nothing_before = asking(vec![saying(Role::User, vec![hour, text("a")])]);
    assert_eq!(refused(&nothing_before).param.as_deref(), Some("cache_point"));
}

#[test]
fn media_are_written_where_their_bytes_are() {
    let base64 = |data: &str| MediaSource::Base64(data.to_owned());
    let all = vec![
        image(Some("image/webp"), base64("AAAA")),
        image(None, MediaSource::Uri("https://e.example/i".to_owned())),
        media(Modality::Document, None, MediaSource::FileId("file_1".to_owned())),
        media(Modality::Document, Some("application/pdf"), base64("AAAA")),
        media(Modality::Document, Some("text/plain"), base64("SGk=")),
    ];
    let block = |kind: &str, source: Value| json!({ "type": kind, "source": source });
    assert_eq!(
        blocks(all.into_iter().map(Part::Media).collect()),
        json!([
            block("image", json!({ "type": "base64", "media_type": "image/webp", "data": "AAAA" })),
            block("image", json!({ "type": "url", "url": "https://e.example/i" })),
            block("document", json!({ "type": "file", "file_id": "file_1" })),
            block("document", json!({ "type": "base64", "media_type": "application/pdf", "data": "AAAA" })),
            block("document", json!({ "type": "text", "media_type": "text/plain", "data": "Hi" })),
        ])
    );
}

#[test]
fn media_that_the_api_does_not_take_are_refused_by_their_type() {
    let base64 = || MediaSource::Base64("AAAA".to_owned());
    for (medium, named) in [
        (image(Some("image/tiff"), base64()), "image/tiff"),
        (image(None, base64()), "does not say its type"),
        (media(Modality::Document, Some("application/zip"), base64()), "application/zip"),
        (media(Modality::Document, Some("text/plain"), MediaSource::Base64("!".to_owned())), "UTF-8"),
        (media(Modality::Audio, None, base64()), "audio"),
        (media(Modality::Video, None, base64()), "video"),
    ] {
        let in_result = ToolResult { media: vec![medium.clone()], ..ToolResult::from("1") };
        for part in [Part::Media(medium), Part::ToolResult(in_result)] {
            let error = refused(&asking(vec![saying(Role::User, vec![part])]));
            assert!(error.message.contains(named), "{}", error.message);
        }
    }
}

#[test]
fn a_result_may_show_images_and_fail() {
    let shown = image(Some("image/png"), MediaSource::Base64("AAAA".to_owned()));
    let result =
        ToolResult { content: "No.".to_owned(), media: vec![shown], is_error: true, ..ToolResult::from("1") };
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "AAAA" });
    assert_eq!(
        blocks(vec![Part::ToolResult(result)]),
        json!([{ "type": "tool_result", "tool_use_id": "1", "is_error": true, "content": [
            { "type": "text", "text": "No." }, { "type": "image", "source": source },
        ] }])
    );
}

#[test]
fn a_parameter_that_the_api_has_not_is_refused_by_its_name() {
    type Set = fn(&mut Request);
    let all: [(&str, Set); 10] = [
        ("seed", |request| request.seed = Some(1)),
        ("frequency_penalty", |request| request.frequency_penalty = Some(0.0)),
        ("presence_penalty", |request| request.presence_penalty = Some(0.0)),
        ("choice_count", |request| request.choice_count = Some(2)),
        ("previous_response_id", |request| request.previous_response_id = Some("r".to_owned())),
        ("conversation_id", |request| request.conversation_id = Some("c".to_owned())),
        ("temperature", |request| request.temperature = Some(1.5)),
        ("top_p", |request| request.top_p = Some(f64::NAN)),
        ("output_format", |request| request.output_format = Some(OutputFormat::Json)),
        ("output_format", |request| request.output_format = Some(OutputFormat::Speech)),
    ];
    for (name, set) in all {
        let mut request = hello();
        set(&mut request);
        assert_eq!(refused(&request).param.as_deref(), Some(name));
    }
    let mut one = hello();
    one.choice_count = Some(1);
    assert_eq!(written(&one).get("n"), None);
}

#[test]
fn options_come_last_and_objects_of_the_same_name_become_one() {
    let mut request = hello();
    request.temperature = Some(0.5);
    request.reasoning_level = Some("low".to_owned());
    request.options = json!({
        "temperature": 0.25, "max_tokens": 7, "output_config": { "task_budget": 9 }, "thinking": { "type": "adaptive" },
    })
    .as_object()
    .cloned()
    .unwrap();
    let sent = written(&request);
    assert_eq!((&sent["temperature"], &sent["max_tokens"]), (&json!(0.25), &json!(7)));
    assert_eq!(sent["output_config"], json!({ "effort": "low", "task_budget": 9 }));
    assert_eq!(sent["thinking"], json!({ "type": "adaptive" }));
}

#[test]
fn a_tool_without_arguments_and_one_of_the_provider_are_written() {
    let mut request = hello();
    let bare =
        ToolDefinition { kind: "function".to_owned(), name: "f".to_owned(), ..ToolDefinition::default() };
    let search = ToolDefinition {
        kind: "web_search_20250305".to_owned(),
        name: "web_search".to_owned(),
        parameters: Some(json!({ "max_uses": 5 })),
        ..ToolDefinition::default()
    };
    request.tools = vec![bare, search];
    assert_eq!(
        written(&request)["tools"],
        json!([
            { "name": "f", "input_schema": { "type": "object", "properties": {} } },
            { "type": "web_search_20250305", "name": "web_search", "max_uses": 5 },
        ])
    );
}
