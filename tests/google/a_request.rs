use super::{content, refused, request, text, written};
use serde_json::{Value, json};
use tracing_genai::record::{
    CacheLifetime, ErrorKind, Media, MediaSource, Message, Modality, OutputFormat, Part, Request, Role,
    ToolCall, ToolChoice, ToolDefinition, ToolResult,
};

fn call(id: Option<&str>, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.map(str::to_owned),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }
}

fn of(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::default();
    change(&mut request);
    request
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

fn media(modality: Modality, mime_type: Option<&str>, source: MediaSource) -> Part {
    Part::Media(Media::new(modality, mime_type.map(str::to_owned), source))
}

#[test]
fn both_spellings_of_a_name_are_read() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}],
        "generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 7}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
    });
    let snake = json!({
        "system_instruction": {"parts": {"text": "Be brief."}},
        "contents": [{"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]}],
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"thinking_budget": 7}},
        "tool_config": {"function_calling_config": {"mode": 2, "allowed_function_names": ["add"]}},
    });
    assert_eq!(request(&camel), request(&snake));
    assert_eq!(request(&camel).system_instructions, [text("Be brief.")]);
    assert_eq!(request(&camel).max_output_tokens, Some(5));
    assert_eq!(request(&camel).reasoning_budget, Some(7));
    assert_eq!(request(&camel).tool_choice, Some(ToolChoice::Tool("add".to_owned())));
    assert!(request(&camel).options.is_empty());
}

#[test]
fn a_body_that_is_no_object_is_no_request() {
    for body in ["", "[]", "null", "{", "[{\"contents\":[]}]"] {
        assert_eq!(tracing_genai::provider::google::read_request(body.as_bytes()), None);
    }
}

#[test]
fn each_part_is_read_as_what_it_is() {
    let body = json!({"contents": [{"role": "model", "parts": [
        {"text": "thought", "thought": true, "thoughtSignature": "s1"},
        {"text": "said"},
        {"functionCall": {"id": "c1", "name": "add", "args": {"b": 1, "a": 2}}, "thoughtSignature": "s2"},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": 1}}},
        {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {}}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a"}},
        {"somethingNew": {"a": 1}},
    ]}]});
    let read = request(&body);
    let Message { role, parts, .. } = &read.messages[0];
    assert_eq!(*role, Role::Assistant);
    assert_eq!(parts[0], Part::Reasoning("thought".to_owned()));
    assert_eq!(parts[1], Part::Signature("s1".to_owned()));
    assert_eq!(parts[2], text("said"));
    assert_eq!(parts[3], Part::ToolCall(call(Some("c1"), "add", r#"{"a":2,"b":1}"#)));
    assert_eq!(parts[4], Part::Signature("s2".to_owned()));
    let Part::ServerToolCall(code) = &parts[5] else { panic!("{:?}", parts[5]) };
    assert_eq!(
        (code.name.as_str(), code.arguments_json().unwrap()["code"].as_str()),
        ("code_execution", Some("1"))
    );
    let Part::ServerToolResult(result) = &parts[6] else { panic!("{:?}", parts[6]) };
    assert_eq!(result.kind, "codeExecutionResult");
    assert_eq!(parts[7], Part::ServerToolCall(call(Some("t"), "GOOGLE_SEARCH_WEB", r#"{"q":1}"#)));
    let Part::ServerToolResult(result) = &parts[8] else { panic!("{:?}", parts[8]) };
    assert_eq!((result.kind.as_str(), result.call_id.as_deref()), ("toolResponse", Some("t")));
    assert_eq!(parts[9], media(Modality::Video, Some("video/mp4"), MediaSource::Uri("gs://a".to_owned())));
    assert_eq!(
        parts[10],
        Part::Other { kind: "somethingNew".to_owned(), value: json!({"somethingNew": {"a": 1}}) }
    );
    assert_eq!(written(&read), body);
}

#[test]
fn arguments_keep_the_order_they_were_written_in() {
    let body = br#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{ "z": [1, 2],
        "a": "{ \"x\" }" }}}]}]}"#;
    let read = tracing_genai::provider::google::read_request(body).unwrap();
    let arguments = r#"{"z":[1,2],"a":"{ \"x\" }"}"#;
    assert_eq!(read.messages[0].parts, [Part::ToolCall(call(None, "f", arguments))]);
    let sent = tracing_genai::provider::google::write_request(&read).unwrap();
    assert!(String::from_utf8(sent).unwrap().contains(arguments));
}

#[test]
fn a_content_of_results_alone_is_the_tools() {
    let result = json!({"functionResponse": {"id": "c1", "name": "add", "response": {"sum": 3}}});
    let read = request(&json!({"contents": [
        {"role": "user", "parts": [result]},
        {"role": "user", "parts": [result, {"text": "and?"}]},
        {"role": "function", "parts": [result]},
        {"parts": [{"text": "no role"}]},
    ]}));
    let roles: Vec<_> = read.messages.iter().map(|message| message.role.clone()).collect();
    assert_eq!(roles, [Role::Tool, Role::User, Role::Tool, Role::User]);
    let expected = ToolResult {
        call_id: Some("c1".to_owned()),
        name: Some("add".to_owned()),
        content: r#"{"sum":3}"#.to_owned(),
        ..ToolResult::default()
    };
    assert_eq!(read.messages[0].parts, [Part::ToolResult(expected)]);
}

#[test]
fn the_generation_config_is_read_and_its_rest_kept() {
    let body = json!({"contents": [], "safetySettings": [{"category": 1}], "generationConfig": {
        "temperature": 0.5, "topP": 0.9, "topK": 3.0, "maxOutputTokens": 10, "stopSequences": ["a"], "seed": -1,
        "candidateCount": 2, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": true,
        "thinkingConfig": {"thinkingBudget": -1, "thinkingLevel": "HIGH", "includeThoughts": true},
    }});
    let read = request(&body);
    assert_eq!((read.temperature, read.top_p, read.top_k), (Some(0.5), Some(0.9), Some(3)));
    assert_eq!((read.max_output_tokens, read.seed, read.choice_count), (Some(10), Some(-1), Some(2)));
    assert_eq!((read.presence_penalty, read.frequency_penalty), (Some(0.1), Some(0.2)));
    assert_eq!(
        (read.stop_sequences.as_slice(), read.reasoning_level.as_deref()),
        (&["a".to_owned()][..], Some("HIGH"))
    );
    assert_eq!(read.reasoning_budget, None);
    let rest = json!({
        "safetySettings": [{"category": 1}],
        "generationConfig": {
            "responseLogprobs": true,
            "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": true},
        },
    });
    assert_eq!(Value::Object(read.options.clone()), rest);
    assert_eq!(request(&written(&read)), read);
}

#[test]
fn a_schema_is_sent_back_in_the_dialect_it_came_in() {
    for (name, schema) in
        [("responseSchema", json!({"type": "OBJECT"})), ("responseJsonSchema", json!({"type": "object"}))]
    {
        let body = json!({
            "contents": [],
            "generationConfig": {"responseMimeType": "application/json", name: schema.clone()},
        });
        let read = request(&body);
        let expected = OutputFormat::JsonSchema { name: String::new(), schema, strict: None };
        assert_eq!(read.output_format, Some(expected));
        assert_eq!(written(&read), body);
    }
    for (name, parameters) in
        [("parameters", json!({"type": "OBJECT"})), ("parametersJsonSchema", json!({"type": "object"}))]
    {
        let body = json!({"contents": [], "tools": [
            {"functionDeclarations": [{"name": "add", "description": "Adds.", name: parameters.clone()}]},
        ]});
        let read = request(&body);
        assert_eq!(read.tools[0].parameters, Some(parameters));
        assert_eq!(written(&read), body);
    }
}

#[test]
fn output_formats_are_read_as_they_are_written() {
    let schema =
        OutputFormat::JsonSchema { name: String::new(), schema: json!({"type": "object"}), strict: None };
    let formats = [OutputFormat::Text, OutputFormat::Json, schema, OutputFormat::Image, OutputFormat::Speech];
    for format in formats {
        let asked = of(|request| request.output_format = Some(format.clone()));
        assert_eq!(request(&written(&asked)), asked, "{format:?}");
    }
    let body = json!({"contents": [], "generationConfig": {"responseModalities": ["IMAGE"]}});
    assert_eq!(request(&body).output_format, Some(OutputFormat::Image));
    assert_eq!(written(&request(&body)), body);
}

#[test]
fn tools_of_googles_own_are_named_by_their_key() {
    let body = json!({"tools": [
        {"functionDeclarations": [{"name": "a"}, {"name": "b"}]},
        {"google_search": {}},
        {"functionDeclarations": [{"name": "c", "behavior": "BLOCKING"}]},
    ]});
    let read = request(&body);
    let tools: Vec<_> = read.tools.iter().map(|tool| (tool.kind.as_str(), tool.name.as_str())).collect();
    let named = [("function", "a"), ("function", "b"), ("googleSearch", "googleSearch"), ("function", "c")];
    assert_eq!(tools, named);
    assert_eq!(read.tools[2].parameters, Some(json!({})));
    assert_eq!(read.tools[3].options["behavior"], "BLOCKING");
    assert_eq!(request(&written(&read)), read);
}

#[test]
fn a_function_is_offered_with_a_json_schema() {
    let asked =
        of(|request| request.tools.push(ToolDefinition::function("add", "Adds.", json!({"type": "object"}))));
    let function = json!({"name": "add", "description": "Adds.", "parametersJsonSchema": {"type": "object"}});
    assert_eq!(written(&asked)["tools"], json!([{"functionDeclarations": [function]}]));
}

#[test]
fn a_choice_of_tools_is_a_mode() {
    for (choice, config) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (ToolChoice::Tool("add".to_owned()), json!({"mode": "ANY", "allowedFunctionNames": ["add"]})),
    ] {
        let asked = of(|request| request.tool_choice = Some(choice));
        assert_eq!(written(&asked)["toolConfig"], json!({"functionCallingConfig": config}));
        assert_eq!(request(&written(&asked)), asked);
    }
    for config in [json!({"mode": "VALIDATED"}), json!({"mode": "ANY", "allowedFunctionNames": ["a", "b"]})] {
        let body = json!({"contents": [], "toolConfig": {"functionCallingConfig": config}});
        assert_eq!(written(&request(&body)), body);
    }
}

#[test]
fn leading_instructions_join_and_later_ones_are_refused() {
    let mut asked = of(|request| {
        request.system_instructions = vec![text("One.")];
        request.messages = vec![
            Message::text(Role::System, "Two."),
            Message::text(Role::Developer, "Three."),
            Message::text(Role::User, "Hi"),
        ];
    });
    let said = json!({"parts": [{"text": "One."}, {"text": "Two."}, {"text": "Three."}]});
    assert_eq!(written(&asked)["systemInstruction"], said);
    assert_eq!(written(&asked)["contents"], json!([{"role": "user", "parts": [{"text": "Hi"}]}]));
    asked.messages.push(Message::text(Role::Developer, "Four."));
    let error = refused(&asked);
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert!(error.message.contains("developer"), "{}", error.message);
}

#[test]
fn contents_of_the_same_role_become_one() {
    let asked = of(|request| {
        request.messages = vec![
            message(Role::Assistant, vec![Part::ToolCall(call(None, "add", ""))]),
            message(Role::Tool, vec![Part::ToolResult(ToolResult::of(&call(None, "add", ""), "3"))]),
            Message::text(Role::User, "and?"),
        ];
    });
    let result = json!({"functionResponse": {"name": "add", "response": {"result": "3"}}});
    let contents = json!([
        {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {}}}]},
        {"role": "user", "parts": [result, {"text": "and?"}]},
    ]);
    assert_eq!(written(&asked)["contents"], contents);
}

#[test]
fn a_result_is_an_object_named_after_its_call() {
    let result = |content: &str, is_error| {
        let asked = of(|request| {
            let result = ToolResult { content: content.to_owned(), is_error, ..ToolResult::from("c1") };
            request.messages = vec![
                message(Role::Assistant, vec![Part::ToolCall(call(Some("c1"), "add", "{}"))]),
                message(Role::Tool, vec![Part::ToolResult(result)]),
            ];
        });
        written(&asked)["contents"][1]["parts"][0]["functionResponse"].clone()
    };
    for (content, is_error, response) in [
        (r#"{"sum": 3}"#, false, json!({"sum": 3})),
        ("[3]", false, json!({"result": "[3]"})),
        ("three", false, json!({"result": "three"})),
        ("failed", true, json!({"error": "failed"})),
    ] {
        assert_eq!(result(content, is_error), json!({"id": "c1", "name": "add", "response": response}));
    }
}

#[test]
fn a_result_of_a_call_that_nobody_made_is_refused() {
    for (result, missing) in [(ToolResult::from("c9"), "c9"), (ToolResult::default(), "call_id")] {
        let error = refused(&of(|request| {
            request.messages.push(message(Role::Tool, vec![Part::ToolResult(result)]));
        }));
        assert!(error.message.contains(missing), "{}", error.message);
        assert!(error.message.contains("name of a tool's result"), "{}", error.message);
    }
}

#[test]
fn a_signature_goes_with_the_part_before_it() {
    let signature = |text: &str| Part::Signature(text.to_owned());
    let said = content(
        Role::Assistant,
        vec![
            signature("s0"),
            Part::Reasoning("left out".to_owned()),
            Part::Reasoning("kept".to_owned()),
            signature("s1"),
            text("said"),
            signature("s2"),
            signature("s3"),
            Part::Refusal("no".to_owned()),
            Part::Citations(vec![json!({})]),
        ],
    );
    let parts = json!([
        {"text": "", "thoughtSignature": "s0"},
        {"text": "kept", "thought": true, "thoughtSignature": "s1"},
        {"text": "said", "thoughtSignature": "s2"},
        {"text": "", "thoughtSignature": "s3"},
        {"text": "no"},
    ]);
    assert_eq!(said, json!([{"role": "model", "parts": parts}]));
}

#[test]
fn media_are_inline_or_files() {
    let base64 = |data: &str| MediaSource::Base64(data.to_owned());
    let said = content(
        Role::User,
        vec![
            media(Modality::Image, Some("image/webp"), base64("AA==")),
            media(Modality::Audio, Some("audio/wav"), base64("BB==")),
            media(
                Modality::Document,
                Some("application/pdf"),
                MediaSource::Uri("https://a/b.pdf".to_owned()),
            ),
            media(Modality::Video, None, MediaSource::FileId("files/1".to_owned())),
        ],
    );
    let parts = json!([
        {"inlineData": {"mimeType": "image/webp", "data": "AA=="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "BB=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a/b.pdf"}},
        {"fileData": {"fileUri": "files/1"}},
    ]);
    assert_eq!(said, json!([{"role": "user", "parts": parts}]));
}

#[test]
fn media_are_what_their_type_says() {
    // Synthetic: the recordings have no audio and no video.
    let inline = |mime: &str| json!({"inlineData": {"mimeType": mime, "data": "AA=="}});
    let types = ["image/png", "audio/wav", "video/mp4", "application/pdf"];
    let read = request(&json!({"contents": [{"parts": types.map(inline)}]}));
    let base64 = MediaSource::Base64("AA==".to_owned());
    let modalities = [Modality::Image, Modality::Audio, Modality::Video, Modality::Document];
    for ((part, mime), modality) in read.messages[0].parts.iter().zip(types).zip(modalities) {
        assert_eq!(*part, media(modality, Some(mime), base64.clone()));
    }
}

#[test]
fn media_that_google_does_not_take_are_refused() {
    let base64 = || MediaSource::Base64("AA==".to_owned());
    let refused = |part| refused(&of(|request| request.messages.push(message(Role::User, vec![part]))));
    let error = refused(media(Modality::Image, Some("image/gif"), base64()));
    assert!(error.message.contains("image/gif") && error.message.contains("Google"), "{}", error.message);
    let error = refused(media(Modality::Audio, None, base64()));
    assert_eq!(error.param.as_deref(), Some("mime_type"));
}

#[test]
fn what_google_has_not_is_refused_by_name() {
    let text = || Some("x".to_owned());
    let part = |part| of(|request| request.messages.push(message(Role::User, vec![part])));
    let image = Media::new(Modality::Image, None, MediaSource::Base64(String::new()));
    let with_media = ToolResult { name: text(), media: vec![image], ..ToolResult::default() };
    for (name, asked) in [
        ("user", of(|request| request.user = text())),
        ("previous_response_id", of(|request| request.previous_response_id = text())),
        ("conversation_id", of(|request| request.conversation_id = text())),
        ("service_tier", of(|request| request.service_tier = text())),
        ("parallel_tool_calls", of(|request| request.parallel_tool_calls = Some(true))),
        ("cache_point", part(Part::CachePoint(CacheLifetime::Default))),
        ("media of a tool's result", part(Part::ToolResult(with_media))),
        ("temperature", of(|request| request.temperature = Some(2.1))),
        ("top_p", of(|request| request.top_p = Some(-0.1))),
        ("arguments of the call of f", part(Part::ToolCall(call(None, "f", "[1]")))),
    ] {
        let error = refused(&asked);
        assert_eq!((error.kind, error.param.as_deref()), (ErrorKind::InvalidRequest, Some(name)));
    }
}

#[test]
fn options_come_last_and_override_name_by_name() {
    let asked = of(|request| {
        request.temperature = Some(1.0);
        request.max_output_tokens = Some(5);
        let options = json!({"generationConfig": {"temperature": 0.0}, "cachedContent": "cachedContents/1"});
        request.options = options.as_object().unwrap().clone();
    });
    let body = json!({
        "contents": [],
        "generationConfig": {"temperature": 0.0, "maxOutputTokens": 5},
        "cachedContent": "cachedContents/1",
    });
    assert_eq!(written(&asked), body);
}

#[test]
fn the_url_tells_the_model_and_the_stream() {
    let asked = of(|request| (request.model, request.stream) = (Some("gemini".to_owned()), true));
    assert_eq!(written(&asked), json!({"contents": []}));
    assert_eq!(
        request(&json!({"model": "models/gemini-2.0-flash"})).model.as_deref(),
        Some("gemini-2.0-flash")
    );
}
