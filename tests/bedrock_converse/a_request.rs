use super::{base64, call, media, message, parts, request, saying, text, uri, written};
use serde_json::json;
use tracing_genai::provider::bedrock::converse::read_request;
use tracing_genai::provider::{self, Api};
use tracing_genai::record::{
    CacheLifetime, Call, Modality, OutputFormat, Part, Role, ToolChoice, ToolResult,
};

#[test]
fn a_request_gives_its_parameters() {
    let request = request(&json!({
        "system": [{ "text": "Be brief." }, { "cachePoint": { "type": "default", "ttl": "1h" } }],
        "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
        "inferenceConfig": { "maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"] },
        "guardrailConfig": { "guardrailIdentifier": "g", "guardrailVersion": "DRAFT" },
        "serviceTier": { "type": "flex" },
        "additionalModelRequestFields": {
            "top_k": 3, "thinking": { "type": "enabled", "budget_tokens": 1024 }, "output_config": { "effort": "high" },
        },
    }));
    assert_eq!(request.system_instructions, [text("Be brief."), Part::CachePoint(CacheLifetime::OneHour)]);
    assert_eq!(request.messages, [saying(Role::User, vec![text("Hi")])]);
    assert_eq!((request.max_output_tokens, request.top_k), (Some(9), Some(3)));
    assert_eq!((request.temperature, request.top_p), (Some(0.5), Some(0.25)));
    assert_eq!(request.stop_sequences, ["END"]);
    assert_eq!(
        (request.guardrail_id.as_deref(), request.guardrail_version.as_deref()),
        (Some("g"), Some("DRAFT"))
    );
    assert_eq!((request.service_tier.as_deref(), request.reasoning_budget), (Some("flex"), Some(1024)));
    assert_eq!(request.reasoning_level.as_deref(), Some("high"));
    assert!(request.options.is_empty(), "{:?}", request.options);
}

#[test]
fn novas_words_for_top_k_and_reasoning_are_understood() {
    let request = request(&json!({ "additionalModelRequestFields": {
        "inferenceConfig": { "topK": 7 }, "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" },
    } }));
    assert_eq!((request.top_k, request.reasoning_level.as_deref()), (Some(7), Some("low")));
    assert!(request.options.is_empty(), "{:?}", request.options);
}

#[test]
fn the_address_tells_the_model_and_the_stream() {
    let read = |path: &str| match provider::read_request(Api::BedrockConverse, path, b"{}") {
        Some(Call::Inference { request, .. }) => (request.model.clone(), request.stream),
        _ => (None, false),
    };
    let model = || Some("amazon.nova-lite-v1:0".to_owned());
    assert_eq!(read("/model/amazon.nova-lite-v1%3A0/converse-stream"), (model(), true));
    assert_eq!(read("/model/amazon.nova-lite-v1%3A0/converse"), (model(), false));
}

#[test]
fn media_tell_where_their_bytes_are() {
    let read = parts(&json!([
        { "image": { "format": "jpeg", "source": { "bytes": "AAAA" } } },
        { "document": { "format": "pdf", "name": "n", "source": { "s3Location": { "uri": "s3://b/k" } } } },
        { "document": { "name": "n", "source": { "text": "Hi" } } },
        { "video": { "format": "three_gp", "source": { "bytes": "AAAA" } } },
        { "audio": { "format": "wav", "source": { "bytes": "AAAA" } } },
    ]));
    assert_eq!(
        read,
        [
            media(Modality::Image, Some("image/jpeg"), base64("AAAA")),
            media(Modality::Document, Some("application/pdf"), uri("s3://b/k")),
            media(Modality::Document, Some("text/plain"), base64("SGk=")),
            media(Modality::Video, Some("video/3gpp"), base64("AAAA")),
            media(Modality::Audio, Some("audio/wav"), base64("AAAA")),
        ]
    );
}

#[test]
fn calls_and_results_are_read_with_their_ids() {
    let asked =
        message("assistant", &json!([{ "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1 } } }]));
    assert_eq!(asked, saying(Role::Assistant, vec![Part::ToolCall(call("t", "f", r#"{"a":1}"#))]));
    let answered = message(
        "user",
        &json!([
            { "toolResult": { "toolUseId": "t", "status": "error", "content": [{ "text": "It " }, { "text": "rains." }] } },
        ]),
    );
    let result = ToolResult { content: "It rains.".to_owned(), is_error: true, ..ToolResult::from("t") };
    assert_eq!(answered, saying(Role::Tool, vec![Part::ToolResult(result)]));
}

#[test]
fn results_of_json_and_of_images_are_read() {
    let read = |content| {
        let block = json!([{ "toolResult": { "toolUseId": "t", "content": content } }]);
        match parts(&block).remove(0) {
            Part::ToolResult(result) => (result.content, result.media.len()),
            other => (format!("{other:?}"), 0),
        }
    };
    let image = json!({ "image": { "format": "png", "source": { "bytes": "AAAA" } } });
    assert_eq!(read(json!([{ "json": { "a": 1 } }])), (r#"{"a":1}"#.to_owned(), 0));
    assert_eq!(read(json!([{ "text": "A cat:" }, image])), ("A cat:".to_owned(), 1));
    let both = json!([{ "json": {} }, { "text": "and" }]);
    assert_eq!(read(both.clone()), (both.to_string(), 0));
}

#[test]
fn reasoning_keeps_its_proof_and_what_is_not_known_is_kept_whole() {
    let guard = json!({ "guardContent": { "text": { "text": "Hi" } } });
    let secret = json!({ "reasoningContent": { "redactedContent": "AAAA" } });
    let read = message(
        "assistant",
        &json!([
            { "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "sig" } } }, secret, guard,
        ]),
    );
    assert_eq!(
        read.parts,
        [
            Part::Reasoning("Hm.".to_owned()),
            Part::Signature("sig".to_owned()),
            Part::Other { kind: "redactedContent".to_owned(), value: secret },
            Part::Other { kind: "guardContent".to_owned(), value: guard },
        ]
    );
}

#[test]
fn tools_and_the_choice_among_them_are_read() {
    let request = request(&json!({ "toolConfig": {
        "tools": [
            { "toolSpec": { "name": "f", "description": "d", "inputSchema": { "json": { "type": "object" } }, "strict": true } },
            { "systemTool": { "name": "nova_grounding" } },
            { "cachePoint": { "type": "default" } },
        ],
        "toolChoice": { "tool": { "name": "f" } },
    } }));
    let kinds: Vec<_> = request.tools.iter().map(|tool| (tool.kind.as_str(), tool.name.as_str())).collect();
    assert_eq!(kinds, [("function", "f"), ("systemTool", "nova_grounding"), ("cachePoint", "cachePoint")]);
    assert_eq!(request.tools[0].parameters, Some(json!({ "type": "object" })));
    assert_eq!(request.tools[0].strict, Some(true));
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("f".to_owned())));
    assert!(request.options.is_empty(), "{:?}", request.options);
}

#[test]
fn a_schema_comes_as_a_text() {
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": { "name": "n", "schema": r#"{"type":"object"}"# } } });
    let request = request(&json!({ "outputConfig": { "textFormat": format } }));
    let schema = json!({ "type": "object" });
    assert_eq!(
        request.output_format,
        Some(OutputFormat::JsonSchema { name: "n".to_owned(), schema, strict: None })
    );
}

#[test]
fn what_is_not_known_is_written_as_it_was_read() {
    let sent = json!({
        "messages": [{ "role": "user", "content": [
            { "text": "Hi" }, { "guardContent": { "text": { "text": "x" } } }, { "cachePoint": { "type": "default" } },
        ] }],
        "inferenceConfig": { "maxTokens": "many", "new": 1 },
        "guardrailConfig": { "guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled" },
        "performanceConfig": { "latency": "optimized" },
        "requestMetadata": { "team": "a" },
        "additionalModelRequestFields": { "thinking": { "type": "adaptive" }, "top_k": "x" },
        "toolConfig": { "tools": [{ "a": {}, "b": {} }], "toolChoice": { "new": {} } },
    });
    assert_eq!(written(&request(&sent)), sent);
}

#[test]
fn what_is_no_object_is_no_request() {
    for body in ["", "[]", "1", "\"a\"", "{", "null"] {
        assert_eq!(read_request(body.as_bytes()), None, "{body}");
    }
}
