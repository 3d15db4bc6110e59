//! `{{name}}` in what is said.

use super::{World, client};
use serde_json::json;
use tracing_genai::{
    record::{Message, Part, Role, ToolCall, ToolDefinition},
    testing::{FakeProvider, capture_async},
};

#[tokio::test]
async fn the_provider_gets_the_values_and_never_the_names() {
    let provider = FakeProvider::start().unwrap();
    let asked = ToolCall {
        id: Some("call_1".to_owned()),
        name: "find".to_owned(),
        arguments: r#"{"name":"{{name}}"}"#.to_owned(),
        ..ToolCall::default()
    };
    let parts = vec![Part::Text("I look for {{name}}".to_owned()), Part::ToolCall(asked.clone())];
    let call =
        client(&provider).chat("gpt-4o").system("Answer in {{language}}.").user("I am {{name}}. {{x}}");
    let call = call.message(Message::new(Role::Assistant, parts)).tool_result(&asked, "{{name}} was found");
    let tool = ToolDefinition::function("find", "Finds {{name}}", json!({ "type": "object" }));
    call.tool(tool).variables([("language", "Danish"), ("name", "Ada")]).await.unwrap();
    let body = provider.requests()[0].json();
    let texts: Vec<_> = (0..4).map(|place| body["messages"][place]["content"].clone()).collect();
    assert_eq!(texts, ["Answer in Danish.", "I am Ada. {{x}}", "I look for Ada", "Ada was found"]);
    let arguments = &body["messages"][2]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, r#"{"name":"{{name}}"}"#);
    assert_eq!(body["tools"][0]["function"]["description"], "Finds {{name}}");
    assert!(body.get("variables").is_none());
}

#[test]
fn the_map_is_told_where_content_is() {
    let world = World::new();
    world.run(async |client| {
        let call = client.chat("gpt-4o").user("I am {{name}}.").variables([("name", "Ada"), ("unused", "7")]);
        call.await.unwrap();
    });
    let told = &world.tracia.spans()[0];
    assert_eq!(told["variables"], json!({ "name": "Ada", "unused": "7" }));
    assert_eq!(told["input"]["messages"][0]["content"], "I am Ada.");
    assert_eq!(world.span().attributes["tracia.variables"], r#"{"name":"Ada","unused":"7"}"#);
    assert!(world.span().duplicate_attributes().is_empty());
}

#[test]
fn without_content_no_value_is_in_any_byte() {
    let world = World::without_content();
    world.run(async |client| {
        let call = client.chat("gpt-4o").user("I am {{name}}.");
        let call = call.variables([("name", "Lovelace-1815"), ("unused", "Babbage-1791")]);
        call.provider_api_key("sk-tenant-4711-secret").await.unwrap();
    });
    assert!(world.tracia.spans()[0]["variables"].is_null());
    assert!(!world.span().attributes.contains_key("tracia.variables"));
    for secret in ["Lovelace", "Babbage", "tenant-4711"] {
        assert!(!world.saw(secret), "{secret}");
    }
}

#[test]
fn a_scopes_variables_are_content_too() {
    let scope = || tracing_genai::context::scope().tag("tracia.variables", r#"{"name":"Lovelace"}"#);
    let world = World::without_content();
    world.run(async |client| scope().run(client.chat("gpt-4o").user("Hi").send()).await.unwrap());
    assert!(!world.saw("Lovelace"));
    let world = World::new();
    world.run(async |client| scope().run(client.chat("gpt-4o").user("Hi").send()).await.unwrap());
    assert_eq!(world.tracia.spans()[0]["variables"], json!({ "name": "Lovelace" }));
    assert_eq!(world.span().attributes["tracia.variables"], r#"{"name":"Lovelace"}"#);
}

#[tokio::test]
async fn a_span_has_them_by_its_own_policy_alone() {
    let provider = FakeProvider::start().unwrap();
    for (content, has) in
        [(tracing_genai::ContentCapture::off(), false), (tracing_genai::ContentCapture::on(), true)]
    {
        let client = tracing_genai::Client::builder().base_url(provider.base_url()).content(content);
        let call = client.build().unwrap().chat("gpt-4o").user("I am {{name}}.").variables([("name", "Ada")]);
        let (_, spans) = capture_async(call.send()).await;
        assert_eq!(spans[0].attributes.contains_key("tracia.variables"), has);
    }
}

#[tokio::test]
async fn a_missing_one_fails_the_call_where_each_is_required() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).chat("gpt-4o").user("{{greeting}}, {{name}}").variables([("name", "Ada")]);
    let (result, spans) = capture_async(call.require_variables().send()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("{{greeting}}") && !error.contains("{{name}}"), "{error}");
    assert!(spans.is_empty() && provider.requests().is_empty());
}
