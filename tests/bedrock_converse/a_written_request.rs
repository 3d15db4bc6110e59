use super::{
    CLAUDE, NOVA, asking, base64, call, hello, media, refused, request, saying, sent, text, uri, written,
};
use serde_json::{Value, json};
use tracing_genai::record::{
    CacheLifetime, Message, Modality, OutputFormat, Part, Request, Role, ToolChoice, ToolDefinition,
    ToolResult,
};

fn result(id: &str, content: &str) -> Message {
    let result = ToolResult { content: content.to_owned(), ..ToolResult::from(id) };
    saying(Role::Tool, vec![Part::ToolResult(result)])
}

/// The blocks that a user's message of these parts becomes.
fn blocks(parts: Vec<Part>) -> Value {
    sent(vec![saying(Role::User, parts)])[0]["content"].clone()
}

fn tool() -> ToolDefinition {
    ToolDefinition::function("f", "d", json!({ "type": "object" }))
}

#[test]
fn the_words_of_the_record_become_converses() {
    let mut request = hello(CLAUDE);
    request.stream = true;
    request.max_output_tokens = Some(4096);
    request.temperature = Some(0.5);
    request.top_p = Some(0.25);
    request.stop_sequences = vec!["END".to_owned()];
    request.guardrail_id = Some("g".to_owned());
    request.guardrail_version = Some("1".to_owned());
    request.service_tier = Some("flex".to_owned());
    request.tools = vec![tool()];
    request.tool_choice = Some(ToolChoice::Required);
    request.output_format =
        Some(OutputFormat::JsonSchema { name: "n".to_owned(), schema: json!({}), strict: Some(true) });
    assert_eq!(
        written(&request),
        json!({
            "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
            "inferenceConfig": { "maxTokens": 4096, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"] },
            "guardrailConfig": { "guardrailIdentifier": "g", "guardrailVersion": "1" },
            "serviceTier": { "type": "flex" },
            "toolConfig": {
                "tools": [{ "toolSpec": { "name": "f", "description": "d", "inputSchema": { "json": { "type": "object" } } } }],
                "toolChoice": { "any": {} },
            },
            "outputConfig": { "textFormat": { "type": "json_schema", "structure": { "jsonSchema": { "name": "n", "schema": "{}" } } } },
        })
    );
}

#[test]
fn each_family_gets_top_k_and_reasoning_in_its_own_words() {
    let more = |model: &str, budget| {
        let mut request = hello(model);
        request.top_k = Some(3);
        request.reasoning_level = Some("low".to_owned());
        request.reasoning_budget = budget;
        written(&request)["additionalModelRequestFields"].clone()
    };
    let anthropics = json!({
        "top_k": 3, "output_config": { "effort": "low" }, "thinking": { "type": "enabled", "budget_tokens": 1024 },
    });
    assert_eq!(more(CLAUDE, Some(1024)), anthropics);
    let hidden = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    assert_eq!(more(hidden, Some(1024)), anthropics);
    assert_eq!(
        more(NOVA, None),
        json!({
            "inferenceConfig": { "topK": 3 }, "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" },
        })
    );
}

#[test]
fn a_family_that_has_no_such_parameter_is_named() {
    type Set = fn(&mut Request);
    let cases: [(&str, &str, Set); 4] = [
        ("meta.llama3-2-1b-instruct-v1:0", "top_k", |request| request.top_k = Some(1)),
        (NOVA, "reasoning_budget", |request| request.reasoning_budget = Some(1024)),
        ("amazon.nova-lite-v1:0", "reasoning_level", |request| {
            request.reasoning_level = Some("low".to_owned());
        }),
        ("us.deepseek.r1-v1:0", "reasoning_level", |request| {
            request.reasoning_level = Some("low".to_owned());
        }),
    ];
    for (model, parameter, set) in cases {
        let mut request = hello(model);
        set(&mut request);
        let error = refused(&request);
        assert_eq!(error.param.as_deref(), Some(parameter));
        assert!(error.message.contains(model), "{}", error.message);
    }
}

#[test]
fn a_parameter_that_converse_has_not_is_named() {
    type Set = fn(&mut Request);
    let cases: [(&str, Set); 12] = [
        ("seed", |request| request.seed = Some(1)),
        ("frequency_penalty", |request| request.frequency_penalty = Some(0.5)),
        ("presence_penalty", |request| request.presence_penalty = Some(0.5)),
        ("choice_count", |request| request.choice_count = Some(2)),
        ("user", |request| request.user = Some("u".to_owned())),
        ("previous_response_id", |request| request.previous_response_id = Some("r".to_owned())),
        ("conversation_id", |request| request.conversation_id = Some("c".to_owned())),
        ("parallel_tool_calls", |request| request.parallel_tool_calls = Some(false)),
        ("output_format", |request| request.output_format = Some(OutputFormat::Json)),
        ("output_format", |request| request.output_format = Some(OutputFormat::Image)),
        ("temperature", |request| request.temperature = Some(1.5)),
        ("top_p", |request| request.top_p = Some(-0.5)),
    ];
    for (parameter, set) in cases {
        let mut request = hello(CLAUDE);
        set(&mut request);
        assert_eq!(refused(&request).param.as_deref(), Some(parameter));
    }
}

#[test]
fn leading_instructions_become_the_system() {
    let request = asking(
        CLAUDE,
        vec![
            Message::text(Role::System, "Be brief."),
            saying(Role::Developer, vec![text("Be kind."), Part::CachePoint(CacheLifetime::OneHour)]),
            Message::text(Role::User, "Hi"),
        ],
    );
    assert_eq!(
        written(&request)["system"],
        json!([{ "text": "Be brief." }, { "text": "Be kind." }, { "cachePoint": { "type": "default", "ttl": "1h" } }])
    );
}

#[test]
fn later_instructions_are_an_error() {
    let late = vec![Message::text(Role::User, "Hi"), Message::text(Role::System, "Be brief.")];
    assert_eq!(refused(&asking(CLAUDE, late)).param.as_deref(), Some("messages"));
}

#[test]
fn the_results_of_one_turn_are_one_message_of_the_users() {
    let calls = vec![Part::ToolCall(call("t1", "f", "")), Part::ToolCall(call("t2", "f", r#"{"a": 1}"#))];
    let sent = sent(vec![
        Message::text(Role::User, "Go"),
        saying(Role::Assistant, calls),
        result("t1", "rain"),
        result("t2", r#"{"sun":true}"#),
        Message::text(Role::User, "So?"),
    ]);
    assert_eq!(
        sent[1]["content"],
        json!([
            { "toolUse": { "toolUseId": "t1", "name": "f", "input": {} } },
            { "toolUse": { "toolUseId": "t2", "name": "f", "input": { "a": 1 } } },
        ])
    );
    assert_eq!(
        sent[2],
        json!({ "role": "user", "content": [
            { "toolResult": { "toolUseId": "t1", "content": [{ "text": "rain" }] } },
            { "toolResult": { "toolUseId": "t2", "content": [{ "json": { "sun": true } }] } },
            { "text": "So?" },
        ] })
    );
    assert_eq!(sent.as_array().unwrap().len(), 3);
}

#[test]
fn a_tool_that_failed_says_so() {
    let result = ToolResult { content: "No.".to_owned(), is_error: true, ..ToolResult::from("t") };
    assert_eq!(
        blocks(vec![Part::ToolResult(result)]),
        json!([{ "toolResult": { "toolUseId": "t", "content": [{ "text": "No." }], "status": "error" } }])
    );
}

#[test]
fn arguments_that_are_no_object_are_an_error() {
    let broken = asking(CLAUDE, vec![saying(Role::Assistant, vec![Part::ToolCall(call("t", "f", "[1"))])]);
    assert_eq!(refused(&broken).param.as_deref(), Some("tool_call"));
}

#[test]
fn media_are_sent_with_their_format_and_documents_with_a_name() {
    let parts = vec![
        media(Modality::Image, Some("image/jpeg"), base64("AAAA")),
        media(Modality::Document, Some("text/plain; charset=utf-8"), base64("SGk=")),
        media(Modality::Document, None, uri("s3://b/k.pdf")),
        media(Modality::Video, Some("video/mp4"), base64("AAAA")),
    ];
    assert_eq!(
        blocks(parts),
        json!([
            { "image": { "format": "jpeg", "source": { "bytes": "AAAA" } } },
            { "document": { "format": "txt", "name": "document-1", "source": { "bytes": "SGk=" } } },
            { "document": { "format": "pdf", "name": "document-2", "source": { "s3Location": { "uri": "s3://b/k.pdf" } } } },
            { "video": { "format": "mp4", "source": { "bytes": "AAAA" } } },
        ])
    );
}

#[test]
fn media_of_another_type_or_place_are_an_error() {
    for (part, word) in [
        (media(Modality::Image, Some("image/tiff"), base64("AAAA")), "image/tiff"),
        (media(Modality::Document, None, base64("AAAA")), "type"),
        (media(Modality::Image, Some("image/png"), uri("https://e.example/a.png")), "s3://"),
    ] {
        let error = refused(&asking(CLAUDE, vec![saying(Role::User, vec![part])]));
        assert_eq!(error.param.as_deref(), Some("media"));
        assert!(error.message.contains(word), "{}", error.message);
    }
}

#[test]
fn reasoning_goes_back_with_its_proof_only() {
    let parts = vec![
        Part::Reasoning("Hm.".to_owned()),
        Part::Signature("sig".to_owned()),
        Part::Reasoning("Unproven.".to_owned()),
        text("Hi"),
        Part::Signature("another's".to_owned()),
        text(" \n"),
    ];
    assert_eq!(
        sent(vec![saying(Role::Assistant, parts)])[0]["content"],
        json!([
            { "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "sig" } } }, { "text": "Hi" },
        ])
    );
}

#[test]
fn citations_stand_around_the_text_and_with_nova_beside_it() {
    let content = |model: &str| {
        let parts = vec![text("It rains."), Part::Citations(vec![json!({ "title": "t" })])];
        written(&asking(model, vec![saying(Role::Assistant, parts)]))["messages"][0]["content"].clone()
    };
    assert_eq!(
        content(CLAUDE),
        json!([{ "citationsContent": { "content": [{ "text": "It rains." }], "citations": [{ "title": "t" }] } }])
    );
    assert_eq!(
        content(NOVA),
        json!([{ "text": "It rains." }, { "citationsContent": { "citations": [{ "title": "t" }] } }])
    );
}

#[test]
fn to_call_no_tool_leaves_the_tools_out() {
    let mut request = hello(CLAUDE);
    request.tools = vec![tool()];
    request.tool_choice = Some(ToolChoice::None);
    assert!(written(&request).get("toolConfig").is_none());
}

#[test]
fn to_call_no_tool_is_an_error_amid_calls() {
    let calls = vec![Part::ToolCall(call("t", "f", "{}"))];
    let mut request = asking(CLAUDE, vec![saying(Role::Assistant, calls), result("t", "rain")]);
    request.tools = vec![tool()];
    request.tool_choice = Some(ToolChoice::None);
    assert_eq!(refused(&request).param.as_deref(), Some("tool_choice"));
}

#[test]
fn a_choice_without_tools_is_an_error_unless_it_is_the_models() {
    let mut request = hello(CLAUDE);
    request.tool_choice = Some(ToolChoice::Auto);
    assert!(written(&request).get("toolConfig").is_none());
    request.tool_choice = Some(ToolChoice::Required);
    assert_eq!(refused(&request).param.as_deref(), Some("tool_choice"));
}

#[test]
fn options_join_the_objects_that_the_parameters_are_in() {
    let mut request = hello(CLAUDE);
    request.max_output_tokens = Some(9);
    request.top_k = Some(3);
    request.options = json!({
        "inferenceConfig": { "maxTokens": 10 }, "additionalModelRequestFields": { "anthropic_beta": ["b"] },
        "performanceConfig": { "latency": "optimized" },
    })
    .as_object()
    .unwrap()
    .clone();
    let body = written(&request);
    assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 10 }));
    assert_eq!(body["additionalModelRequestFields"], json!({ "top_k": 3, "anthropic_beta": ["b"] }));
    assert_eq!(body["performanceConfig"], json!({ "latency": "optimized" }));
}

#[test]
fn an_answer_goes_back_as_it_came() {
    let content = json!([
        { "reasoningContent": { "redactedContent": "AAAA" } },
        { "toolUse": { "toolUseId": "t", "name": "nova_grounding", "input": {}, "type": "server_tool_use" } },
        { "toolResult": { "toolUseId": "t", "type": "nova_grounding_result", "content": [{ "text": "[HIDDEN]" }] } },
        { "text": "It rains." },
        { "citationsContent": { "citations": [{ "location": { "web": { "url": "u" } } }] } },
    ]);
    let sent = json!({ "messages": [{ "role": "assistant", "content": content }] });
    let mut request = request(&sent);
    request.model = Some(NOVA.to_owned());
    assert_eq!(written(&request), sent);
}
