use super::{api, greeting, the_request, tracia};
use serde_json::{Value, json};
use tracing_genai::{
    testing::FakeTracia,
    tracia::{Api, ErrorCode, Message, PromptUpdate, ToolCall},
};

async fn with_greeting() -> (FakeTracia, Api) {
    let tracia = tracia();
    let api = api(&tracia);
    api.prompts().create(greeting()).await.unwrap();
    (tracia, api)
}

fn last_body(tracia: &FakeTracia) -> Value {
    tracia.requests().last().unwrap().json()
}

#[tokio::test]
async fn a_run_says_what_it_was_given_and_nothing_else() {
    let (tracia, api) = with_greeting().await;
    let run = api.prompts().run("greeting").variables([("name", "Ann")]).model("gpt-4.1").version(1);
    let run = run.tag("a").tag("b").user_id("u").session_id("s").trace_id("tr_00000000000000cd");
    run.parent_span_id("sp_00000000000000ef").send().await.unwrap();
    let expected = json!({
        "variables": {"name": "Ann"},
        "model": "gpt-4.1",
        "version": 1,
        "tags": ["a", "b"],
        "userId": "u",
        "sessionId": "s",
        "traceId": "tr_00000000000000cd",
        "parentSpanId": "sp_00000000000000ef",
    });
    assert_eq!(last_body(&tracia), expected);
    assert_eq!(tracia.rendered()[0][0]["content"], "Say hello to Ann.");
}

#[tokio::test]
async fn a_run_can_do_without_variables() {
    let tracia = tracia();
    tracia.answer_next(
        1,
        &tracing_genai::testing::ServiceAnswer::body(200, "application/json", "{\"text\":\"Hi\"}"),
    );
    assert_eq!(api(&tracia).prompts().run("x").send().await.unwrap().text.as_deref(), Some("Hi"));
    assert_eq!(the_request(&tracia).json(), json!({}));
}

#[tokio::test]
async fn a_run_gives_the_answer_with_its_span_and_tokens() {
    let (tracia, api) = with_greeting().await;
    tracia.answer_runs([
        ("text", Value::Null),
        ("finishReason", "tool_calls".into()),
        ("toolCalls", json!([{"id": "c1", "name": "look_up", "arguments": {"who": "Ann"}}])),
        ("structuredOutput", json!({"a": 1})),
        ("messages", json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])),
    ]);
    let answer = api.prompts().run("greeting").variable("name", "Ann").send().await.unwrap();
    assert_eq!((answer.text, answer.finish_reason.as_deref()), (None, Some("tool_calls")));
    assert_eq!(answer.tool_calls, [ToolCall::new("c1", "look_up", json!({"who": "Ann"}))]);
    assert_eq!(
        (answer.structured_output, answer.messages[0].text()),
        (Some(json!({"a": 1})), "Hi".to_owned())
    );
    assert_eq!((answer.prompt_version, answer.latency_ms, answer.cost), (Some(1), Some(1), Some(0.0001)));
    assert_eq!((answer.usage.input_tokens, answer.usage.total_tokens), (Some(2), Some(3)));
    let span = api.spans().get(&answer.span_id.unwrap()).await.unwrap();
    assert_eq!((span.summary.prompt_slug.as_deref(), span.prompt_version), (Some("greeting"), Some(1)));
    assert_eq!(span.summary.trace_id, answer.trace_id);
}

#[tokio::test]
async fn a_variable_that_is_missing_is_told() {
    let (_tracia, api) = with_greeting().await;
    let error = api.prompts().run("greeting").variable("nam", "Ann").send().await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::MissingVariables, Some(400)));
    assert!(error.to_string().contains("name"), "{error}");
}

#[tokio::test]
async fn a_conversation_goes_in_place_of_the_prompts_messages() {
    let (tracia, api) = with_greeting().await;
    let call = ToolCall::new("c1", "look_up", json!({"who": "Ann"}));
    let turns = [
        Message::user("Who is {{name}}?"),
        Message::assistant_with_calls("", &[call]),
        Message::tool("c1", "A friend."),
    ];
    api.prompts().run("greeting").messages(turns).send().await.unwrap();
    let expected = json!([
        {"role": "user", "content": "Who is {{name}}?"},
        {"role": "assistant", "content": [
            {"type": "tool_call", "id": "c1", "name": "look_up", "arguments": {"who": "Ann"}},
        ]},
        {"role": "tool", "content": "A friend.", "toolCallId": "c1"},
    ]);
    assert_eq!(last_body(&tracia), json!({ "messages": expected }));
    assert_eq!(tracia.rendered(), [expected]);
}

#[tokio::test]
async fn an_older_version_can_be_run() {
    let (tracia, api) = with_greeting().await;
    let update = PromptUpdate::new().content([Message::user("Greet everybody.")]);
    api.prompts().update("greeting", update).await.unwrap();
    assert_eq!(api.prompts().run("greeting").send().await.unwrap().prompt_version, Some(2));
    let old = api.prompts().run("greeting").version(1).variable("name", "Ann").send().await.unwrap();
    assert_eq!(old.prompt_version, Some(1));
    assert_eq!(tracia.rendered()[1][0]["content"], "Say hello to Ann.");
}

#[tokio::test]
async fn a_run_below_a_span_is_of_its_trace() {
    let (_tracia, api) = with_greeting().await;
    let run = || api.prompts().run("greeting").variable("name", "Ann");
    let first = run().send().await.unwrap();
    let second = run().parent_span_id(first.span_id.unwrap()).send().await.unwrap();
    assert_eq!(second.trace_id, first.trace_id);
}
