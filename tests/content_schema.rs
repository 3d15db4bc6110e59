//! Recorded content satisfies the conventions' JSON schemas, and each part its own rule, which the
//! schemas alone do not hold it to: a part that fails its type passes there as a generic one.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use std::{io, path::Path};
use tracing_genai::{
    Client, ContentCapture,
    record::{Media, MediaSource, Message, Modality, Part, Role, ToolCall, ToolDefinition, ToolResult},
    span::{Agent, Memory, Retrieval, Tool, Workflow},
    testing::{Answer, FakeProvider, FinishedSpan, capture_async},
};

/// A schema of the conventions, without its one reference to another host.
fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(format!("{name}.json"));
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace(r##""$ref": "http://json-schema.org/draft-07/schema#""##, r#""type": "object""#);
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn content(span: &FinishedSpan, attribute: &str, schema_name: &str) -> Value {
    let text = span.attributes[attribute].as_str().expect("content is a JSON string on spans");
    let value: Value = serde_json::from_str(text).unwrap();
    if let Err(error) = schema(schema_name).validate(&value) {
        panic!("{attribute}: {error}: {value:#}");
    }
    value
}

/// The part's own rule: what its type requires and nothing less.
#[track_caller]
fn assert_part(part: &Value) {
    let has = |key: &str| part.get(key).is_some_and(Value::is_string);
    let whole = match part["type"].as_str().expect("a part has a type") {
        "text" | "reasoning" | "refusal" => has("content"),
        "tool_call" => has("name") && part.get("arguments").is_some(),
        "tool_call_response" => part.get("response").is_some(),
        "server_tool_call" => has("name") && part["server_tool_call"]["type"].is_string(),
        "blob" => has("modality") && has("content"),
        "uri" => has("modality") && has("uri"),
        "file" => has("modality") && has("file_id"),
        other => panic!("{other} has no rule here: {part}"),
    };
    assert!(whole, "{part}");
}

#[track_caller]
fn assert_messages(messages: &Value) {
    for message in messages.as_array().unwrap() {
        message["parts"].as_array().unwrap().iter().for_each(assert_part);
    }
}

fn media(modality: Modality, source: MediaSource) -> Part {
    Part::Media(Media::new(modality, Some("image/png".into()), source))
}

fn call(id: &str, arguments: &str) -> Part {
    let arguments = arguments.to_owned();
    Part::ToolCall(ToolCall {
        id: Some(id.into()),
        name: "weather".into(),
        arguments,
        item_id: None,
        ..ToolCall::default()
    })
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

/// A conversation with every kind of part.
fn conversation() -> Vec<Message> {
    vec![
        Message::text(Role::System, "Be brief."),
        message(
            Role::User,
            vec![
                Part::Text("What is this?".into()),
                media(Modality::Image, MediaSource::Base64("aGk=".into())),
                media(Modality::Image, MediaSource::Uri("https://example.com/a.png".into())),
                media(Modality::Document, MediaSource::FileId("file-1".into())),
            ],
        ),
        message(Role::Assistant, vec![call("call_1", r#"{"city":"Paris"}"#), call("call_2", r#"{"city":"#)]),
        message(
            Role::Tool,
            vec![Part::ToolResult(ToolResult {
                call_id: Some("call_1".into()),
                content: r#"{"sky":"clear"}"#.into(),
                ..ToolResult::default()
            })],
        ),
    ]
}

async fn chat(answer: Answer, content: ContentCapture) -> FinishedSpan {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(answer);
    let client =
        Client::builder().base_url(provider.base_url()).api_key("sk-test").content(content).build().unwrap();
    let weather = ToolDefinition::function("weather", "The weather", json!({"type": "object"}));
    let call = client.chat("gpt-4o").messages(conversation()).tool(weather);
    let (reply, mut spans) = capture_async(call.send()).await;
    reply.unwrap();
    spans.remove(0)
}

#[tokio::test]
async fn no_content_is_recorded_unless_it_is_asked_for() {
    let span = chat(Answer::text("A picture."), ContentCapture::off()).await;
    let everything = format!("{:?}", span.attributes);
    for said in ["brief", "picture", "Paris", "clear", "weather"] {
        assert!(!everything.contains(said), "{everything}");
    }
}

#[tokio::test]
async fn input_messages_satisfy_their_schema_and_each_part_its_rule() {
    let span = chat(Answer::text("A picture."), ContentCapture::on()).await;
    let messages = content(&span, "gen_ai.input.messages", "gen-ai-input-messages");
    assert_messages(&messages);
    let types: Vec<_> = messages[1]["parts"].as_array().unwrap().iter().map(|part| &part["type"]).collect();
    assert_eq!(types, ["text", "blob", "uri", "file"]);
}

#[tokio::test]
async fn tool_arguments_are_structured_where_they_are_json_and_text_where_they_are_not() {
    let span = chat(Answer::text("A picture."), ContentCapture::on()).await;
    let messages = content(&span, "gen_ai.input.messages", "gen-ai-input-messages");
    assert_eq!(messages[2]["parts"][0]["arguments"], json!({"city": "Paris"}));
    assert_eq!(messages[2]["parts"][1]["arguments"], json!(r#"{"city":"#));
    assert_eq!(messages[3]["parts"][0]["response"], json!({"sky": "clear"}));
}

#[tokio::test]
async fn output_messages_satisfy_their_schema_and_each_part_its_rule() {
    let calls = [("weather", json!({"city": "Rome"}).to_string())];
    for answer in [Answer::text("A picture."), Answer::tool_calls(calls), Answer::refusal("I cannot.")] {
        let span = chat(answer, ContentCapture::on()).await;
        let messages = content(&span, "gen_ai.output.messages", "gen-ai-output-messages");
        assert_messages(&messages);
        assert_eq!(messages[0]["role"], "assistant");
    }
}

#[tokio::test]
async fn tool_definitions_are_recorded_by_name_and_in_full_when_asked() {
    let schema = "gen-ai-tool-definitions";
    let brief = chat(Answer::text("A picture."), ContentCapture::on()).await;
    let tools = content(&brief, "gen_ai.tool.definitions", schema);
    assert_eq!(tools, json!([{"type": "function", "name": "weather"}]));

    let full = chat(Answer::text("A picture."), ContentCapture::on().tool_parameters(true)).await;
    let tools = content(&full, "gen_ai.tool.definitions", schema);
    assert_eq!(tools[0]["description"], "The weather");
    assert_eq!(tools[0]["parameters"], json!({"type": "object"}));
}

#[tokio::test]
async fn a_tools_arguments_and_result_satisfy_their_schemas() {
    let tool = Tool::new("weather").arguments(r#"{"city":"Rome"}"#).content(ContentCapture::on());
    let run = tool.run(async { Ok::<_, io::Error>(r#"{"sky":"clear"}"#) });
    let (_, spans) = capture_async(run).await;
    content(&spans[0], "gen_ai.tool.call.arguments", "gen-ai-tool-call-arguments");
    content(&spans[0], "gen_ai.tool.call.result", "gen-ai-tool-call-result");
}

#[tokio::test]
async fn retrieved_documents_satisfy_their_schema() {
    let search = Retrieval::new("handbook").query("leave").content(ContentCapture::on());
    let run = search.run(async { Ok::<_, io::Error>(vec![json!({"id": "doc-1", "score": 0.5})]) });
    let (_, spans) = capture_async(run).await;
    assert_eq!(spans[0].attributes["gen_ai.retrieval.query.text"], "leave");
    content(&spans[0], "gen_ai.retrieval.documents", "gen-ai-retrieval-documents");
}

#[tokio::test]
async fn what_agents_workflows_and_memories_say_satisfies_its_schema() {
    let on = ContentCapture::on;
    let tool = ToolDefinition::function("look_up", "Looks it up", json!({"type": "object"}));
    let agent = Agent::invoke("guide").instructions("Be brief.").user("Leave?").tool(tool).content(on());
    let workflow = Workflow::new("report").user("Leave?").content(on());
    let memory = Memory::search("leave").content(on());
    let found = vec![json!({"id": "m-1", "content": {"days": 28}, "score": 0.5}), json!({"content": "x"})];
    let (_, spans) = capture_async(async {
        agent
            .run_with(async { Ok::<_, io::Error>("28 days") }, |span, text| {
                span.answer(*text);
            })
            .await?;
        workflow
            .run_with(async { Ok::<_, io::Error>("28 days") }, |span, text| {
                span.answer(*text);
            })
            .await?;
        memory
            .run_with(async { Ok::<_, io::Error>(found) }, |span, found| {
                span.records(found.clone());
            })
            .await
    })
    .await;
    for span in &spans[..2] {
        assert_messages(&content(span, "gen_ai.input.messages", "gen-ai-input-messages"));
        let output = content(span, "gen_ai.output.messages", "gen-ai-output-messages");
        assert_messages(&output);
        assert_eq!(output[0]["role"], "assistant");
    }
    content(&spans[0], "gen_ai.system_instructions", "gen-ai-system-instructions");
    content(&spans[0], "gen_ai.tool.definitions", "gen-ai-tool-definitions");
    let records = content(&spans[2], "gen_ai.memory.records", "gen-ai-memory-records");
    assert_eq!(records[0]["content"]["days"], 28);
}
