use super::{call, media, messages, parts, request, saying, text, written};
use serde_json::{Value, json};
use tracing_genai::provider::anthropic::read_request;
use tracing_genai::record::{
    CacheLifetime, MediaSource, Modality, OutputFormat, Part, Role, ToolChoice, ToolDefinition, ToolResult,
};

#[test]
fn a_request_gives_its_parameters() {
    let request = request(&json!({
        "model": "m", "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "stream": true,
        "stop_sequences": ["END"], "service_tier": "auto", "metadata": { "user_id": "u" },
        "output_config": { "effort": "high" }, "messages": [{ "role": "user", "content": "Hi" }],
    }));
    assert_eq!((request.model.as_deref(), request.max_output_tokens), (Some("m"), Some(9)));
    assert_eq!((request.temperature, request.top_p, request.top_k), (Some(0.5), Some(0.25), Some(3)));
    assert!(request.stream);
    assert_eq!(request.stop_sequences, ["END"]);
    assert_eq!((request.service_tier.as_deref(), request.user.as_deref()), (Some("auto"), Some("u")));
    assert_eq!(request.reasoning_level.as_deref(), Some("high"));
    assert_eq!(request.messages, [saying(Role::User, vec![text("Hi")])]);
    assert!(request.options.is_empty(), "{:?}", request.options);
}

#[test]
fn the_system_is_a_text_or_blocks() {
    assert_eq!(request(&json!({ "system": "Be brief." })).system_instructions, [text("Be brief.")]);
    let blocks = json!([{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral", "ttl": "1h" } }]);
    assert_eq!(
        request(&json!({ "system": blocks })).system_instructions,
        [text("Be brief."), Part::CachePoint(CacheLifetime::OneHour)]
    );
}

#[test]
fn images_and_documents_tell_where_their_bytes_are() {
    let image = |source: Value| json!({ "type": "image", "source": source });
    let document = |source: Value| json!({ "type": "document", "source": source });
    let read = parts(&json!([
        image(json!({ "type": "base64", "media_type": "image/png", "data": "AAAA" })),
        image(json!({ "type": "url", "url": "https://e.example/i" })),
        document(json!({ "type": "file", "file_id": "file_1" })),
        document(json!({ "type": "text", "media_type": "text/plain", "data": "Hi" })),
    ]));
    let base64 = |data: &str| MediaSource::Base64(data.to_owned());
    assert_eq!(
        read,
        [
            media(Modality::Image, Some("image/png"), base64("AAAA")),
            media(Modality::Image, None, MediaSource::Uri("https://e.example/i".to_owned())),
            media(Modality::Document, None, MediaSource::FileId("file_1".to_owned())),
            media(Modality::Document, Some("text/plain"), base64("SGk=")),
        ]
        .map(Part::Media)
    );
}

#[test]
fn what_is_not_known_is_kept_as_it_was_sent() {
    let block = json!({ "type": "search_result", "source": "s", "title": "t", "content": [] });
    let document = json!({ "type": "document", "source": { "type": "content", "content": "c" } });
    let other = |kind: &str, value: &Value| Part::Other { kind: kind.to_owned(), value: value.clone() };
    assert_eq!(
        parts(&json!([block, document])),
        [other("search_result", &block), other("document", &document)]
    );
}

#[test]
fn a_message_of_results_alone_is_the_tools() {
    let result = json!({ "type": "tool_result", "tool_use_id": "1", "content": "3" });
    let read = messages(&json!([
        { "role": "user", "content": [result] },
        { "role": "user", "content": [result, { "type": "text", "text": "So?" }] },
    ]));
    let part = Part::ToolResult(ToolResult { content: "3".to_owned(), ..ToolResult::from("1") });
    assert_eq!(read[0], saying(Role::Tool, vec![part.clone()]));
    assert_eq!(read[1], saying(Role::User, vec![part, text("So?")]));
}

#[test]
fn a_result_gives_its_text_its_media_and_whether_it_failed() {
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "AAAA" });
    let read = parts(&json!([{ "type": "tool_result", "tool_use_id": "1", "is_error": true, "content": [
        { "type": "text", "text": "No" }, { "type": "text", "text": "." }, { "type": "image", "source": source },
    ] }]));
    let image = media(Modality::Image, Some("image/png"), MediaSource::Base64("AAAA".to_owned()));
    let result =
        ToolResult { content: "No.".to_owned(), media: vec![image], is_error: true, ..ToolResult::from("1") };
    assert_eq!(read, [Part::ToolResult(result)]);
}

#[test]
fn a_result_that_is_no_text_stays_json() {
    let content = r#"[{"type":"tool_reference","tool_name":"f"}]"#;
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"1","content":{content}}}]}}]}}"#
    );
    let request = read_request(body.as_bytes()).unwrap();
    assert!(matches!(&request.messages[0].parts[0], Part::ToolResult(result) if result.content == content));
}

#[test]
fn an_answer_that_is_sent_back_keeps_its_calls_and_its_reasoning() {
    let read = messages(&json!([{ "role": "assistant", "content": [
        { "type": "thinking", "thinking": "Hm.", "signature": "sig" },
        { "type": "tool_use", "id": "1", "name": "f", "input": {} },
        { "type": "mcp_tool_use", "id": "2", "name": "g", "server_name": "s", "input": {} },
    ] }]));
    let mut of_server = call("2", "g", "{}");
    of_server.server = Some("s".to_owned());
    assert_eq!(
        read[0].parts,
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Signature("sig".to_owned()),
            Part::ToolCall(call("1", "f", "{}")),
            Part::ServerToolCall(of_server),
        ]
    );
}

#[test]
fn tools_are_the_programs_or_the_providers() {
    let tools = request(&json!({ "tools": [
        { "name": "f", "description": "d", "input_schema": { "type": "object" }, "strict": true, "defer_loading": true },
        { "type": "web_search_20250305", "name": "web_search", "max_uses": 5 },
        { "type": "mcp_toolset", "mcp_server_name": "s" },
    ] }))
    .tools;
    let options = json!({ "defer_loading": true }).as_object().cloned().unwrap();
    let function = ToolDefinition::function("f", "d", json!({ "type": "object" }));
    assert_eq!(tools[0], ToolDefinition { strict: Some(true), options, ..function });
    assert_eq!((tools[1].kind.as_str(), tools[1].name.as_str()), ("web_search_20250305", "web_search"));
    assert_eq!(tools[1].parameters, Some(json!({ "max_uses": 5 })));
    assert_eq!((tools[2].kind.as_str(), tools[2].name.as_str()), ("mcp_toolset", "mcp_toolset"));
}

#[test]
fn the_choice_of_tools_says_whether_several_may_be_called() {
    for (sent, choice, parallel) in [
        (json!({ "type": "auto" }), ToolChoice::Auto, None),
        (json!({ "type": "any", "disable_parallel_tool_use": true }), ToolChoice::Required, Some(false)),
        (json!({ "type": "tool", "name": "f" }), ToolChoice::Tool("f".to_owned()), None),
        (json!({ "type": "none" }), ToolChoice::None, None),
    ] {
        let request = request(&json!({ "tool_choice": sent, "messages": [] }));
        assert_eq!((request.tool_choice.as_ref(), request.parallel_tool_calls), (Some(&choice), parallel));
        assert_eq!(written(&request)["tool_choice"], sent);
    }
}

#[test]
fn thinking_gives_its_budget_and_keeps_the_rest() {
    let sent = json!({ "type": "enabled", "budget_tokens": 2048, "display": "summarized" });
    let request = request(&json!({ "thinking": sent, "messages": [] }));
    assert_eq!(request.reasoning_budget, Some(2048));
    assert_eq!(request.options["thinking"], json!({ "display": "summarized" }));
    let adaptive = super::request(&json!({ "thinking": { "type": "adaptive" } }));
    assert_eq!(adaptive.reasoning_budget, None);
    assert_eq!(adaptive.options["thinking"], json!({ "type": "adaptive" }));
}

#[test]
fn a_schema_is_read_under_its_new_and_its_old_name() {
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    let schema = json!({ "type": "object" });
    let expected = OutputFormat::JsonSchema { name: String::new(), schema, strict: None };
    for sent in [json!({ "output_config": { "format": format } }), json!({ "output_format": format })] {
        let request = request(&sent);
        assert_eq!((request.output_format.as_ref(), request.options.len()), (Some(&expected), 0));
    }
}

#[test]
fn the_keys_to_other_servers_are_not_kept() {
    let request = request(&json!({ "mcp_servers": [
        { "type": "url", "url": "https://e.example", "name": "s", "authorization_token": "secret" },
    ] }));
    assert_eq!(
        request.options["mcp_servers"],
        json!([{ "type": "url", "url": "https://e.example", "name": "s" }])
    );
}

#[test]
fn what_was_read_is_the_same_after_it_was_written() {
    let sent = json!({
        "model": "claude-x", "max_tokens": 9000, "system": "S", "container": "c", "inference_geo": "eu",
        "thinking": { "type": "enabled", "budget_tokens": 2048, "display": "omitted" },
        "output_config": { "effort": "low", "task_budget": { "total": 9 }, "format": { "type": "json_schema", "schema": {} } },
        "metadata": { "user_id": "u", "more": 1 }, "tool_choice": { "type": "auto", "new": 1 },
        "tools": [{ "name": "f", "input_schema": {}, "cache_control": { "type": "ephemeral" } }, { "type": "bash_20250124", "name": "bash" }],
        "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "T", "citations": [{ "x": 1 }], "cache_control": { "type": "ephemeral", "ttl": "5m" } },
                { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "ü" }, "title": "t" },
                { "type": "search_result", "content": [], "cache_control": { "type": "ephemeral", "ttl": "1h" } },
            ] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "", "signature": "s" }, { "type": "redacted_thinking", "data": "d" },
                { "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "q": 1e3 } },
                { "type": "web_search_tool_result", "tool_use_id": "s", "content": [] },
                { "type": "tool_use", "id": "1", "name": "f", "input": {} },
            ] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "1", "content": [{ "type": "text", "text": "r" }], "cache_control": { "type": "ephemeral" } }] },
        ],
    });
    let first = request(&sent);
    assert_eq!(first.messages[2].role, Role::Tool);
    assert_eq!(request(&written(&first)), first);
}

#[test]
fn what_cannot_be_read_is_sent_again_as_it_was() {
    let sent = json!({
        "model": "m", "max_tokens": 1, "temperature": "hot", "system": 7, "messages": [7], "stop_sequences": "END",
        "tools": [{ "input_schema": {} }], "tool_choice": { "type": "new" }, "thinking": { "type": "enabled" },
    });
    assert_eq!(written(&request(&sent)), sent);
}

#[test]
fn what_is_no_object_is_no_request() {
    for body in ["", "[]", "7", "\"text\"", "{\"model\":"] {
        assert_eq!(read_request(body.as_bytes()), None, "{body}");
    }
}
