//! What Tracia gets of calls with everything, key by key.

use super::World;
use serde_json::{Value, json};
use tracing_genai::{
    ContentCapture,
    client::Chat,
    record::ToolDefinition,
    testing::{Answer, FakeTracia},
};

fn world() -> World {
    World { content: ContentCapture::on().tool_parameters(true), ..World::new() }
}

fn chat(client: &tracing_genai::Client) -> Chat {
    let chat = client.chat("gpt-4o").system("Be {{how}}.").user("Hi {{name}}").temperature(0.5).top_p(0.9);
    let chat = chat.max_output_tokens(64).variables([("how", "brief"), ("name", "Ada")]);
    let chat = chat.user_id("u-7").session_id("s-1").tags(["beta", "cheap"]);
    chat.span_id("sp_1234567890abcdef").trace_id("tr_1234567890abcdef").parent_span_id("sp_0000000000000007")
}

/// The one span, without what differs from run to run.
fn told(tracia: &FakeTracia) -> Value {
    let [span] = tracia.spans().try_into().unwrap_or_else(|spans| panic!("{spans:?}"));
    let mut span: Value = span;
    assert!(span.as_object_mut().unwrap().remove("latencyMs").unwrap().is_u64());
    span
}

fn expected(differs: Value) -> Value {
    let mut all = json!({
        "spanId": "sp_1234567890abcdef",
        "traceId": "tr_1234567890abcdef",
        "parentSpanId": "sp_0000000000000007",
        "model": "gpt-4o",
        "provider": "openai",
        "input": { "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Hi Ada" },
        ] },
        "variables": { "how": "brief", "name": "Ada" },
        "error": null,
        "status": "SUCCESS",
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 64,
        "tags": ["beta", "cheap"],
        "userId": "u-7",
        "sessionId": "s-1",
    });
    let Value::Object(differs) = differs else { panic!("{differs}") };
    all.as_object_mut().unwrap().extend(differs);
    all
}

#[test]
fn a_call_in_one_piece_and_a_stream() {
    for is_streamed in [false, true] {
        let world = world();
        world.provider.enqueue(Answer::text("Hello Ada."));
        let usage = world.run(async |client| {
            let reply = if is_streamed {
                chat(&client).stream().await.unwrap().finish().await.unwrap()
            } else {
                chat(&client).await.unwrap()
            };
            reply.usage().clone()
        });
        let usage = json!({
            "output": "Hello Ada.",
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.total_tokens,
        });
        assert_eq!(told(&world.tracia), expected(usage), "streamed: {is_streamed}");
    }
}

#[test]
fn a_call_of_tools() {
    let world = world();
    world.provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Paris"}"#));
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let (id, usage) = world.run(async |client| {
        let tool = ToolDefinition::function("get_weather", "The weather", schema.clone());
        let reply = chat(&client).tool(tool).await.unwrap();
        (reply.tool_calls()[0].id.clone(), reply.usage().clone())
    });
    let differs = json!({
        "output": null,
        "tools": [{ "name": "get_weather", "description": "The weather", "parameters": schema }],
        "toolCalls": [{ "id": id, "name": "get_weather", "arguments": { "city": "Paris" } }],
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    });
    assert_eq!(told(&world.tracia), expected(differs));
}

/// Theirs in Python tells such a call as a success.
#[test]
fn a_call_that_failed() {
    let world = world();
    world.provider.enqueue(Answer::error(400, "invalid_request_error", None, "No such parameter."));
    world.run(async |client| _ = chat(&client).await.unwrap_err());
    let mut told = told(&world.tracia);
    let error = told.as_object_mut().unwrap().remove("error").unwrap();
    assert!(error.as_str().unwrap().contains("No such parameter."), "{error}");
    let differs = json!({
        "status": "ERROR", "output": null, "inputTokens": 0, "outputTokens": 0, "totalTokens": 0,
    });
    let mut expected = expected(differs);
    expected.as_object_mut().unwrap().remove("error");
    assert_eq!(told, expected);
}

#[test]
fn an_embedding() {
    let world = world();
    world.provider.enqueue(Answer::embeddings(vec![vec![0.1, 0.2], vec![0.3, 0.4]]));
    let usage = world.run(async |client| {
        let embed = client.embed("text-embedding-3-small").inputs(["sea", "{{land}}"]).user_id("u-7");
        let embed = embed.session_id("s-1").tags(["beta"]).span_id("sp_1234567890abcdef");
        let embed = embed.trace_id("tr_1234567890abcdef").parent_span_id("sp_0000000000000007");
        embed.await.unwrap().usage().clone()
    });
    assert_eq!(
        told(&world.tracia),
        json!({
            "spanId": "sp_1234567890abcdef",
            "traceId": "tr_1234567890abcdef",
            "parentSpanId": "sp_0000000000000007",
            "spanKind": "EMBEDDING",
            "model": "text-embedding-3-small",
            "provider": "openai",
            "input": { "text": ["sea", "{{land}}"] },
            "variables": null,
            "output": "{\"dimensions\":2,\"count\":2}",
            "status": "SUCCESS",
            "error": null,
            "inputTokens": usage.input_tokens,
            "outputTokens": 0,
            "totalTokens": usage.input_tokens,
            "tags": ["beta"],
            "userId": "u-7",
            "sessionId": "s-1",
        })
    );
}
