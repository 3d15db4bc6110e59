use super::{call, media, parts_of, request, written, written_in};
use serde_json::{Value, json};
use tracing_genai::provider::openai::Dialect;
use tracing_genai::provider::openai::chat::{read_request, write_request};
use tracing_genai::record::{
    ErrorInfo, ErrorKind, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role,
    ToolChoice, ToolDefinition, ToolResult,
};

#[test]
fn a_rich_request_is_read_back_as_it_was_written() {
    let mut rich = Request::default();
    rich.model = Some("gpt-5".to_owned());
    rich.messages = vec![
        Message::text(Role::Developer, "Be brief."),
        Message::new(
            Role::User,
            vec![
                Part::Text("What is this?".to_owned()),
                Part::Media(Media::from_uri(Modality::Image, "https://example.com/a.png")),
                Part::Media(Media::from_uri(Modality::Image, "data:image/png;base64,AAAA")),
                media(Modality::Audio, Some("audio/mpeg"), MediaSource::Base64("BBBB".to_owned())),
                Part::Media(Media::from_uri(Modality::Document, "data:application/pdf;base64,CCCC")),
                media(Modality::Document, None, MediaSource::FileId("file-1".to_owned())),
                Part::Other { kind: "new".to_owned(), value: json!({ "type": "new", "x": 1 }) },
            ],
        ),
        Message::new(
            Role::Assistant,
            vec![
                Part::Text("Looking.".to_owned()),
                Part::Refusal("Not that.".to_owned()),
                Part::ToolCall(call(Some("call_1"), "look", "{\"at\":1}")),
                Part::ToolCall(call(Some("call_2"), "shell", "ls -l")),
            ],
        ),
        Message::new(
            Role::Tool,
            vec![Part::ToolResult(ToolResult {
                call_id: Some("call_1".to_owned()),
                content: "a cat".to_owned(),
                ..ToolResult::default()
            })],
        ),
    ];
    rich.messages[1].name = Some("ann".to_owned());
    let mut strict = ToolDefinition::function("look", "Looks.", json!({ "type": "object" }));
    strict.strict = Some(true);
    let custom = ToolDefinition {
        kind: "custom".to_owned(),
        name: "shell".to_owned(),
        description: None,
        parameters: Some(json!({ "type": "text" })),
        strict: None,
        ..ToolDefinition::default()
    };
    let own = ToolDefinition {
        kind: "web_search".to_owned(),
        name: "web_search".to_owned(),
        description: None,
        parameters: Some(json!({ "size": 3 })),
        strict: None,
        ..ToolDefinition::default()
    };
    rich.tools = vec![strict, custom, own];
    rich.tool_choice = Some(ToolChoice::Tool("shell".to_owned()));
    rich.choice_count = Some(2);
    rich.max_output_tokens = Some(100);
    rich.temperature = Some(0.5);
    rich.top_p = Some(0.25);
    rich.frequency_penalty = Some(-1.0);
    rich.presence_penalty = Some(1.5);
    rich.stop_sequences = vec!["END".to_owned(), "STOP".to_owned()];
    rich.seed = Some(-7);
    rich.output_format = Some(OutputFormat::JsonSchema {
        name: "animal".to_owned(),
        schema: json!({ "type": "object" }),
        strict: Some(true),
    });
    rich.reasoning_level = Some("high".to_owned());
    rich.service_tier = Some("flex".to_owned());
    rich.user = Some("u".to_owned());
    rich.options.insert("metadata".to_owned(), json!({ "a": "b" }));

    let body = write_request(&rich, Dialect::default()).unwrap();
    assert_eq!(read_request(&body), Some(rich));
}

#[test]
fn one_text_is_a_plain_string() {
    let mut request = Request::default();
    request.messages = vec![Message::text(Role::User, "Hi")];
    assert_eq!(written(&request)["messages"], json!([{ "role": "user", "content": "Hi" }]));
}

#[test]
fn system_instructions_become_a_leading_message() {
    let mut request = Request::default();
    request.system_instructions = vec![Part::Text("Be kind.".to_owned())];
    request.messages = vec![Message::text(Role::User, "Hi")];
    assert_eq!(
        written(&request)["messages"],
        json!([{ "role": "system", "content": "Be kind." }, { "role": "user", "content": "Hi" }]),
    );
}

#[test]
fn what_the_api_takes_not_back_is_left_out() {
    let mut request = Request::default();
    let parts = vec![
        Part::Reasoning("Hm.".to_owned()),
        Part::ServerToolCall(call(Some("s"), "web_search", "{}")),
        Part::Text("Yes.".to_owned()),
    ];
    request.messages = vec![Message::new(Role::Assistant, parts)];
    assert_eq!(written(&request)["messages"], json!([{ "role": "assistant", "content": "Yes." }]));
}

#[test]
fn the_results_of_several_tools_are_a_message_each() {
    let result = |id: &str| {
        Part::ToolResult(ToolResult {
            call_id: Some(id.to_owned()),
            content: "ok".to_owned(),
            ..ToolResult::default()
        })
    };
    let mut request = Request::default();
    request.messages = vec![Message::new(Role::User, vec![result("1"), result("2")])];
    assert_eq!(
        written(&request)["messages"],
        json!([
            { "role": "tool", "tool_call_id": "1", "content": "ok" },
            { "role": "tool", "tool_call_id": "2", "content": "ok" },
        ]),
    );
}

#[test]
fn the_dialect_names_the_limit_and_asks_for_usage() {
    let mut request = Request::default();
    request.stream = true;
    request.max_output_tokens = Some(5);
    let openai = written(&request);
    assert_eq!(openai["max_completion_tokens"], 5);
    assert_eq!(openai["stream_options"], json!({ "include_usage": true }));
    let plain = written_in(
        &request,
        Dialect { max_completion_tokens: false, stream_usage: false, ..Dialect::default() },
    );
    assert_eq!(plain["max_tokens"], 5);
    assert_eq!(plain.get("max_completion_tokens").or(plain.get("stream_options")), None);
}

#[test]
fn a_call_that_is_no_stream_asks_for_no_usage() {
    assert_eq!(written(&Request::default()).get("stream_options"), None);
}

#[test]
fn options_come_last_and_override() {
    let mut request = Request::default();
    request.temperature = Some(1.0);
    request.options.insert("temperature".to_owned(), json!(0.0));
    assert_eq!(written(&request)["temperature"], 0.0);
}

#[test]
fn a_parameter_that_the_api_has_not_is_refused_by_name() {
    let refused = |set: fn(&mut Request)| -> ErrorInfo {
        let mut request = Request::default();
        set(&mut request);
        write_request(&request, Dialect::default()).unwrap_err()
    };
    for (error, parameter) in [
        (refused(|request| request.top_k = Some(1)), "top_k"),
        (refused(|request| request.previous_response_id = Some("r".to_owned())), "previous_response_id"),
        (refused(|request| request.conversation_id = Some("c".to_owned())), "conversation_id"),
    ] {
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.param.as_deref(), Some(parameter));
        assert!(error.message.contains(parameter) && error.message.contains("chat completions"));
    }
}

#[test]
fn a_field_of_the_wrong_type_loses_no_other_and_is_sent_again() {
    let sent = json!({
        "model": "m", "temperature": "hot", "stop": 7, "n": -1, "tools": "none", "seed": 1.5,
        "response_format": { "type": "grammar" }, "new_parameter": true, "top_p": 0.5,
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    let read = request(&sent);
    assert_eq!((read.model.as_deref(), read.top_p, read.temperature), (Some("m"), Some(0.5), None));
    assert_eq!(written(&read), sent);
}

#[test]
fn messages_that_are_no_messages_are_passed_over() {
    let read = request(
        &json!({ "messages": [7, null, "x", [], { "role": 3 }, { "role": "user", "content": "Hi" }] }),
    );
    assert_eq!(read.messages.last(), Some(&Message::text(Role::User, "Hi")));
    assert_eq!(read.messages.len(), 2);
}

#[test]
fn both_names_of_the_limit_are_read() {
    assert_eq!(request(&json!({ "max_tokens": 5 })).max_output_tokens, Some(5));
    assert_eq!(request(&json!({ "max_tokens": 5, "max_completion_tokens": 6.0 })).max_output_tokens, Some(6));
}

#[test]
fn a_single_stop_sequence_may_be_a_string() {
    assert_eq!(request(&json!({ "stop": "END" })).stop_sequences, ["END"]);
}

#[test]
fn the_form_of_the_answer_is_read() {
    let format = |sent: &Value| request(sent).output_format;
    assert_eq!(format(&json!({ "response_format": { "type": "text" } })), Some(OutputFormat::Text));
    assert_eq!(format(&json!({ "response_format": { "type": "json_object" } })), Some(OutputFormat::Json));
    assert_eq!(format(&json!({ "modalities": ["text", "audio"] })), Some(OutputFormat::Speech));
    assert_eq!(format(&json!({ "modalities": ["text"] })), None);
}

#[test]
fn a_schema_that_says_more_is_sent_again_whole() {
    let sent = json!({ "response_format": { "type": "json_schema", "json_schema": {
        "name": "a", "schema": {}, "description": "More.",
    } } });
    let read = request(&sent);
    assert!(matches!(read.output_format, Some(OutputFormat::JsonSchema { .. })));
    assert_eq!(written(&read)["response_format"], sent["response_format"]);
}

#[test]
fn a_legacy_function_call_has_no_id() {
    let legacy = json!({ "role": "assistant", "content": null,
        "function_call": { "name": "f", "arguments": "{}" } });
    assert_eq!(parts_of(&legacy), [Part::ToolCall(call(None, "f", "{}"))]);
    let read = request(&json!({ "messages": [legacy] }));
    assert_eq!(written(&read)["messages"][0], legacy);
}

#[test]
fn legacy_functions_and_their_choice_are_tools() {
    let read = request(&json!({
        "functions": [{ "name": "f", "parameters": { "type": "object" } }],
        "function_call": { "name": "f" },
    }));
    assert_eq!((read.tools[0].kind.as_str(), read.tools[0].name.as_str()), ("function", "f"));
    assert_eq!(read.tool_choice, Some(ToolChoice::Tool("f".to_owned())));
}

#[test]
fn a_function_message_is_a_result_without_an_id() {
    let sent = json!({ "role": "function", "name": "f", "content": "42" });
    let result = ToolResult { call_id: None, content: "42".to_owned(), ..ToolResult::default() };
    assert_eq!(parts_of(&sent), [Part::ToolResult(result)]);
    assert_eq!(written(&request(&json!({ "messages": [sent] })))["messages"][0], sent);
}

#[test]
fn the_text_parts_of_a_tools_result_are_one_text() {
    let sent = json!({ "role": "tool", "tool_call_id": "1", "content": [
        { "type": "text", "text": "a" }, { "type": "text", "text": "b" },
    ] });
    let result =
        ToolResult { call_id: Some("1".to_owned()), content: "ab".to_owned(), ..ToolResult::default() };
    assert_eq!(parts_of(&sent), [Part::ToolResult(result)]);
}

#[test]
fn earlier_speech_is_named_by_its_id() {
    let sent = json!({ "role": "assistant", "content": null, "audio": { "id": "audio_1" } });
    assert_eq!(parts_of(&sent), [media(Modality::Audio, None, MediaSource::FileId("audio_1".to_owned()))]);
    assert_eq!(written(&request(&json!({ "messages": [sent] })))["messages"][0], sent);
}

#[test]
fn a_body_that_is_no_object_is_no_request() {
    for body in ["", "[]", "null", "7", "{"] {
        assert_eq!(read_request(body.as_bytes()), None, "{body}");
    }
}
