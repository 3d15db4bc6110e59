use super::request;
use serde_json::{Value, json};
use tracing_genai::provider::bedrock::invoke::read_request;
use tracing_genai::record::{
    CacheLifetime, Media, MediaSource, Message, Modality, Part, Role, ToolCall, ToolChoice, ToolResult,
};

fn asked(text: &str) -> Vec<Message> {
    vec![Message::text(Role::User, text)]
}

#[test]
fn claudes_request_is_read_as_anthropics() {
    let request = request(&json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "top_k": 250, "stop_sequences": ["stop"],
        "system": "Be brief.", "messages": [{ "role": "user", "content": "Hi" }],
    }));
    assert_eq!((request.max_output_tokens, request.top_k), (Some(50), Some(250)));
    assert_eq!((request.messages, request.stop_sequences), (asked("Hi"), vec!["stop".to_owned()]));
    assert_eq!(request.system_instructions, [Part::Text("Be brief.".into())]);
    assert_eq!(Value::Object(request.options), json!({ "anthropic_version": "bedrock-2023-05-31" }));
}

#[test]
fn novas_parameters_and_tools_are_read() {
    let schema = json!({ "type": "object" });
    let request = request(&json!({
        "schemaVersion": "messages-v1", "system": [{ "text": "Be brief." }],
        "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
        "inferenceConfig": { "max_new_tokens": 100, "temperature": 0.5, "topP": 0.9, "topK": 20, "stopSequences": ["|"], "more": 1 },
        "toolConfig": {
            "tools": [{ "toolSpec": { "name": "f", "description": "d", "inputSchema": { "json": schema } } }],
            "toolChoice": { "tool": { "name": "f" } },
        },
    }));
    assert_eq!((request.max_output_tokens, request.top_k), (Some(100), Some(20)));
    assert_eq!((request.temperature, request.top_p), (Some(0.5), Some(0.9)));
    assert_eq!((request.messages, request.stop_sequences), (asked("Hi"), vec!["|".to_owned()]));
    assert_eq!(request.system_instructions, [Part::Text("Be brief.".into())]);
    let tool = &request.tools[0];
    assert_eq!((tool.kind.as_str(), tool.name.as_str(), &tool.parameters), ("function", "f", &Some(schema)));
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("f".into())));
    let rest = json!({ "schemaVersion": "messages-v1", "inferenceConfig": { "more": 1 } });
    assert_eq!(Value::Object(request.options), rest);
}

#[test]
fn novas_blocks_are_read() {
    let request = request(&json!({ "messages": [
        { "role": "user", "content": [
            { "image": { "format": "png", "source": { "bytes": "AAAA" } } },
            { "video": { "format": "mp4", "source": { "s3Location": { "uri": "s3://b/v.mp4" } } } },
            { "text": "What is it?" },
            { "cachePoint": { "type": "default" } },
            { "new": 1 },
        ] },
        { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1 } } }] },
        { "role": "user", "content": [
            { "toolResult": { "toolUseId": "t", "content": [{ "json": { "b": 2 } }] } },
            { "toolResult": { "toolUseId": "u", "content": [{ "text": "no" }], "status": "error" } },
        ] },
    ] }));
    let image = Media::new(Modality::Image, Some("image/png".into()), MediaSource::Base64("AAAA".into()));
    let video =
        Media::new(Modality::Video, Some("video/mp4".into()), MediaSource::Uri("s3://b/v.mp4".into()));
    assert_eq!(
        request.messages[0].parts,
        [
            Part::Media(image),
            Part::Media(video),
            Part::Text("What is it?".into()),
            Part::CachePoint(CacheLifetime::Default),
            Part::Other { kind: "new".into(), value: json!({ "new": 1 }) },
        ]
    );
    let call = ToolCall { arguments: r#"{"a":1}"#.into(), name: "f".into(), ..ToolCall::default() };
    assert_eq!(request.messages[1].parts, [Part::ToolCall(ToolCall { id: Some("t".into()), ..call })]);
    let result = |id: &str, content: &str, is_error| {
        Part::ToolResult(ToolResult { content: content.into(), is_error, ..ToolResult::from(id) })
    };
    assert_eq!(request.messages[2].role, Role::Tool);
    assert_eq!(request.messages[2].parts, [result("t", r#"{"b":2}"#, false), result("u", "no", true)]);
}

#[test]
fn a_list_of_results_that_are_no_text_stays_as_it_was_sent() {
    let content = json!([{ "json": { "b": 2 } }, { "text": "and" }]);
    let request = request(&json!({ "messages": [
        { "role": "user", "content": [{ "toolResult": { "toolUseId": "t", "content": content } }] },
    ] }));
    let Part::ToolResult(result) = &request.messages[0].parts[0] else { unreachable!() };
    assert_eq!(serde_json::from_str::<Value>(&result.content).unwrap(), content);
}

#[test]
fn titans_request_is_read() {
    let request = request(&json!({ "inputText": "Hi", "textGenerationConfig": {
        "maxTokenCount": 512, "temperature": 0.5, "topP": 0.9, "stopSequences": ["User:"] } }));
    assert_eq!((request.messages, request.max_output_tokens), (asked("Hi"), Some(512)));
    assert_eq!((request.temperature, request.top_p), (Some(0.5), Some(0.9)));
    assert_eq!((request.stop_sequences, request.options.len()), (vec!["User:".to_owned()], 0));
}

#[test]
fn prompts_have_a_limit_of_many_names() {
    for name in ["max_gen_len", "max_tokens", "max_tokens_to_sample", "maxTokens"] {
        let request = request(&json!({ "prompt": "Hi", name: 128, "top_p": 0.9, "top_k": 5 }));
        assert_eq!((request.messages, request.max_output_tokens), (asked("Hi"), Some(128)), "{name}");
        assert_eq!((request.top_p, request.top_k, request.options.len()), (Some(0.9), Some(5), 0));
    }
}

#[test]
fn jurassics_penalties_stay_where_they_say_more_than_a_number() {
    let more = json!({ "scale": 1, "applyToNumbers": true });
    let request = request(
        &json!({ "prompt": "Hi", "presencePenalty": { "scale": 0.5 }, "frequencyPenalty": more, "countPenalty": { "scale": 0 } }),
    );
    assert_eq!((request.presence_penalty, request.frequency_penalty), (Some(0.5), None));
    assert_eq!(
        Value::Object(request.options),
        json!({ "frequencyPenalty": more, "countPenalty": { "scale": 0 } })
    );
}

#[test]
fn coheres_message_comes_after_its_history() {
    let request = request(&json!({
        "message": "And now?", "preamble": "Be brief.", "p": 0.9, "k": 3, "max_tokens": 10, "stop_sequences": ["|"],
        "chat_history": [{ "role": "USER", "message": "Hi" }, { "role": "CHATBOT", "message": "Hello" }],
        "tools": [{ "name": "f", "description": "d", "parameter_definitions": {} }], "documents": [],
    }));
    let want = [
        Message::text(Role::User, "Hi"),
        Message::text(Role::Assistant, "Hello"),
        Message::text(Role::User, "And now?"),
    ];
    assert_eq!(request.messages, want);
    assert_eq!((request.top_p, request.top_k, request.max_output_tokens), (Some(0.9), Some(3), Some(10)));
    assert_eq!(request.system_instructions, [Part::Text("Be brief.".into())]);
    assert_eq!((request.tools[0].name.as_str(), request.tools[0].options.len()), ("f", 1));
    assert_eq!(Value::Object(request.options), json!({ "documents": [] }));
}

#[test]
fn other_messages_are_read_as_openais() {
    let request = request(&json!({ "messages": [{ "role": "system", "content": "Be brief." },
        { "role": "user", "content": [{ "type": "text", "text": "Hi" }] }], "max_tokens": 5, "n": 2 }));
    assert_eq!(
        (request.messages.len(), request.max_output_tokens, request.choice_count),
        (2, Some(5), Some(2))
    );
}

#[test]
fn what_is_no_object_is_no_request() {
    for body in ["", "[]", "hello", "null"] {
        assert_eq!(read_request(body.as_bytes()), None, "{body}");
    }
    assert_eq!(request(&json!({ "prompt": 7 })).options.len(), 1);
}
