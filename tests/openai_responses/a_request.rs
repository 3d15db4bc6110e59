//! Requests, read and written.

use crate::{completed, request, response};
use serde_json::{Value, json};
use tracing_genai::{
    provider::openai::responses::{read_request, write_request},
    record::{
        ErrorKind, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role, ToolCall,
        ToolChoice, ToolDefinition, ToolResult,
    },
};

fn media(modality: Modality, mime: Option<&str>, source: MediaSource) -> Part {
    Part::Media(Media::new(modality, mime.map(str::to_owned), source))
}

fn rich() -> Request {
    let mut request = Request::default();
    request.model = Some("gpt-5".to_owned());
    request.system_instructions = vec![Part::Text("Be brief.".to_owned())];
    let call = |id: &str, name: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: Some(id.to_owned()),
            item_id: None,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            ..ToolCall::default()
        })
    };
    let result = |id: &str, content: &str| {
        let result = ToolResult { content: content.to_owned(), ..id.into() };
        Message::new(Role::Tool, vec![Part::ToolResult(result)])
    };
    let message = |role: Role, parts: Vec<Part>| Message::new(role, parts);
    request.messages = vec![
        Message::text(Role::Developer, "Speak English."),
        message(
            Role::User,
            vec![
                Part::Text("What is this?".to_owned()),
                media(Modality::Image, None, MediaSource::Uri("https://example.com/a.png".to_owned())),
                media(Modality::Image, Some("image/png"), MediaSource::Base64("QUJD".to_owned())),
                media(Modality::Image, None, MediaSource::FileId("file-1".to_owned())),
                media(Modality::Document, Some("application/pdf"), MediaSource::Base64("QUJD".to_owned())),
                media(Modality::Document, None, MediaSource::Uri("https://example.com/a.pdf".to_owned())),
                media(Modality::Audio, Some("audio/mpeg"), MediaSource::Base64("QUJD".to_owned())),
                Part::Other { kind: "input_odd".to_owned(), value: json!({"type": "input_odd", "a": 1}) },
            ],
        ),
        message(
            Role::Assistant,
            vec![
                Part::Text("Let me look.".to_owned()),
                call("call_1", "look", "{\"at\":1}"),
                call("call_2", "sql", "select 1"),
            ],
        ),
        result("call_1", "a cat"),
        result("call_2", "1"),
        message(
            Role::Assistant,
            vec![Part::Other {
                kind: "item_reference".to_owned(),
                value: json!({"type": "item_reference", "id": "rs_1"}),
            }],
        ),
        Message::text(Role::User, "And?"),
        message(Role::Assistant, vec![Part::Refusal("No.".to_owned())]),
        Message::text(Role::User, "Please."),
    ];
    request.tools = vec![
        ToolDefinition::function("look", "Looks.", json!({"type": "object"})),
        ToolDefinition {
            kind: "custom".to_owned(),
            name: "sql".to_owned(),
            description: Some("Asks.".to_owned()),
            parameters: Some(json!({"format": {"type": "text"}})),
            strict: None,
            ..ToolDefinition::default()
        },
        ToolDefinition {
            kind: "file_search".to_owned(),
            name: "file_search".to_owned(),
            description: None,
            parameters: Some(json!({"vector_store_ids": ["vs_1"]})),
            strict: None,
            ..ToolDefinition::default()
        },
    ];
    request.tool_choice = Some(ToolChoice::Tool("sql".to_owned()));
    request.stream = true;
    request.max_output_tokens = Some(64);
    request.temperature = Some(0.5);
    request.top_p = Some(0.25);
    request.output_format = Some(OutputFormat::JsonSchema {
        name: "answer".to_owned(),
        schema: json!({"type": "object"}),
        strict: Some(true),
    });
    request.reasoning_level = Some("low".to_owned());
    request.previous_response_id = Some("resp_0".to_owned());
    request.conversation_id = Some("conv_1".to_owned());
    request.service_tier = Some("flex".to_owned());
    request.user = Some("u".to_owned());
    request.options = [
        ("store".to_owned(), json!(false)),
        ("reasoning".to_owned(), json!({"summary": "auto"})),
        ("text".to_owned(), json!({"verbosity": "low"})),
    ]
    .into_iter()
    .collect();
    request
}

#[test]
fn reads_back_as_it_was_written() {
    let rich = rich();
    let body = write_request(&rich).unwrap();
    assert_eq!(read_request(&body), Some(rich));
    assert_eq!(read_request(&write_request(&Request::default()).unwrap()), Some(Request::default()));
}

#[test]
fn sends_its_options_beside_its_own_fields() {
    let body: Value = serde_json::from_slice(&write_request(&rich()).unwrap()).unwrap();
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": "auto"}));
    assert_eq!(body["text"]["verbosity"], "low");
    assert_eq!(body["text"]["format"]["name"], "answer");
    assert_eq!(body["tools"][2], json!({"type": "file_search", "vector_store_ids": ["vs_1"]}));
    assert_eq!(body["tool_choice"], json!({"type": "custom", "name": "sql"}));
}

#[test]
fn answers_a_custom_tool_with_its_own_kind_of_item() {
    let body: Value = serde_json::from_slice(&write_request(&rich()).unwrap()).unwrap();
    let kinds: Vec<&str> =
        body["input"].as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "message",
            "message",
            "message",
            "function_call",
            "custom_tool_call",
            "function_call_output",
            "custom_tool_call_output",
            "item_reference",
            "message",
            "message",
            "message",
        ]
    );
}

#[test]
fn does_not_send_back_what_the_api_takes_only_whole() {
    let mut request = Request::default();
    let read = response(&completed(&json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ])));
    request.messages = vec![read.choices[0].message.clone()];
    let body: Value = serde_json::from_slice(&write_request(&request).unwrap()).unwrap();
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"});
    assert_eq!(body["input"], json!([call]));
}

#[test]
fn is_refused_when_it_has_what_the_api_does_not_take() {
    type Set = fn(&mut Request);
    let cases: [(&str, Set); 6] = [
        ("choice_count", |request| request.choice_count = Some(2)),
        ("top_k", |request| request.top_k = Some(1)),
        ("seed", |request| request.seed = Some(1)),
        ("stop_sequences", |request| request.stop_sequences = vec!["x".to_owned()]),
        ("frequency_penalty", |request| request.frequency_penalty = Some(0.1)),
        ("presence_penalty", |request| request.presence_penalty = Some(0.1)),
    ];
    for (param, set) in cases {
        let mut request = Request::default();
        set(&mut request);
        let error = write_request(&request).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.param.as_deref(), Some(param));
        assert!(error.message.contains(param) && error.message.contains("Responses"), "{}", error.message);
    }
    let mut one = Request::default();
    one.choice_count = Some(1);
    assert!(write_request(&one).is_ok());
}

#[test]
fn of_one_string_is_one_message_of_the_user() {
    let read = request(&json!({"model": "gpt-5", "input": "hi", "conversation": {"id": "conv_1"}}));
    assert_eq!(read.messages, [Message::text(Role::User, "hi")]);
    assert_eq!(read.conversation_id.as_deref(), Some("conv_1"));
}

#[test]
fn holds_one_turn_of_the_model_as_one_message() {
    let read = request(&json!({"input": [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Going."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "ok"}]},
    ]}));
    let turns: Vec<(&str, usize)> =
        read.messages.iter().map(|message| (message.role.as_str(), message.parts.len())).collect();
    assert_eq!(turns, [("user", 1), ("assistant", 3), ("tool", 1)]);
    let Part::ToolCall(call) = &read.messages[1].parts[2] else { panic!("no call") };
    assert_eq!((call.id.as_deref(), call.item_id.as_deref()), (Some("call_1"), Some("fc_1")));
    let Part::ToolResult(result) = &read.messages[2].parts[0] else { panic!("no result") };
    assert_eq!(result.content, r#"[{"text":"ok","type":"input_text"}]"#);
}

#[test]
fn keeps_no_secret_of_a_remote_tool() {
    let read = request(&json!({"tools": [{
        "type": "mcp", "server_label": "x", "server_url": "https://example.com",
        "authorization": "s3cret", "headers": {"x-key": "s3cret"},
    }]}));
    assert!(!format!("{read:?}").contains("s3cret"));
    assert_eq!(read.tools[0].name, "mcp");
}

#[test]
fn keeps_in_its_options_what_has_no_field() {
    let read = request(&json!({
        "prompt": {"id": "pmpt_1"}, "temperature": "hot", "stream": null, "input": 4, "tools": {},
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []},
        "reasoning": {"effort": "high", "summary": "auto"}, "text": {"format": {"type": "text"}},
    }));
    assert_eq!((read.model, read.temperature), (None, None));
    assert_eq!(read.reasoning_level.as_deref(), Some("high"));
    assert_eq!(read.output_format, Some(OutputFormat::Text));
    let left: Vec<&String> = read.options.keys().collect();
    assert_eq!(left, ["prompt", "reasoning", "temperature", "tool_choice"]);
    assert_eq!(read_request(b"[]"), None);
    assert_eq!(read_request(b"{"), None);
}
