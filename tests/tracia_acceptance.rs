//! What Tracia's SDKs promise and test, or promise and do not test, where no other test here says it: calls, what the
//! provider is sent, what Tracia is told, its API.

#![cfg(all(feature = "client", feature = "export", feature = "tracia"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use std::{
    collections::HashSet,
    future::Future,
    time::{Duration, Instant},
};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture, Error, Telemetry,
    client::{Chat, Endpoint, Provider},
    export::{Destination, WhenFull},
    record::{ErrorKind, FinishReason, Message, Part, Role, ToolChoice, ToolDefinition},
    testing::{Answer, FakeProvider, FakeTracia, Gate, ServiceAnswer, capture_async},
    tracia::{Api, ErrorCode},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test").provider_name("openai");
    builder.max_retries(0).build().unwrap()
}

fn of(endpoint: Endpoint) -> Client {
    Client::builder().endpoint(endpoint.api_key("a-key-of-a-test")).max_retries(0).build().unwrap()
}

fn hi(client: &Client) -> Chat {
    client.chat("gpt-4o").user("Hi")
}

fn tracia() -> (FakeTracia, Api) {
    let tracia = FakeTracia::start().unwrap();
    let api = Api::builder("tr_key").base_url(tracia.url()).max_retries(0).build().unwrap();
    (tracia, api)
}

fn destination(tracia: &FakeTracia) -> Destination {
    let to = Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(ContentCapture::on());
    to.into()
}

fn telemetry(to: impl Into<Destination>) -> Telemetry {
    Telemetry::builder().destination(to).build().unwrap()
}

async fn within<F: Future>(telemetry: &Telemetry, work: F) -> F::Output {
    work.with_subscriber(Registry::default().with(telemetry.layer())).await
}

/// What `work` gave, and the spans that Tracia has of it.
async fn told<F: Future>(work: F) -> (F::Output, Vec<Value>) {
    let tracia = FakeTracia::start().unwrap();
    let telemetry = telemetry(destination(&tracia));
    let output = within(&telemetry, work).await;
    telemetry.flush(PATIENCE).await.unwrap();
    assert_eq!(tracia.refusals(), []);
    (output, tracia.spans())
}

fn sent(provider: &FakeProvider) -> Value {
    let requests = provider.requests();
    assert_eq!(requests.len(), 1);
    requests[0].json()
}

#[tokio::test]
async fn an_error_of_tracia_is_an_error_with_its_code_its_words_and_its_status() {
    let (tracia, api) = tracia();
    tracia.answer_next(1, &FakeTracia::error(404, "NOT_FOUND", "Not found"));
    let error = api.prompts().get("x").await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::NotFound, Some(404)));
    let error: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert_eq!(error.to_string(), "Not found (HTTP 404, NOT_FOUND)");
}

#[tokio::test]
async fn two_secrets_in_the_words_of_an_error_are_both_taken_out() {
    let (tracia, api) = tracia();
    let words =
        "Keys sk-abcdefghijklmnopqrstuvwx and tr_0123456789abcdef, then Bearer abc.def-ghi, are refused.";
    tracia.answer_next(1, &FakeTracia::error(401, "UNAUTHORIZED", words));
    let error = api.prompts().list().await.unwrap_err().to_string();
    assert_eq!(error.matches("[redacted]").count(), 3, "{error}");
    assert!(error.contains("are refused."), "{error}");
    for secret in ["klmnop", "456789abcdef", "abc.def-ghi"] {
        assert!(!error.contains(secret), "{error}");
    }
}

#[tokio::test]
async fn a_list_of_no_prompts_is_empty() {
    let (_tracia, api) = tracia();
    assert!(api.prompts().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_prompt_that_is_not_there_cannot_be_deleted() {
    let (_tracia, api) = tracia();
    let error = api.prompts().delete("never-made").await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::NotFound, Some(404)));
}

#[tokio::test]
async fn an_answer_of_503_that_is_no_json_is_unknown() {
    let (tracia, api) = tracia();
    tracia.answer_next(1, &ServiceAnswer::body(503, "text/plain", "Service Unavailable"));
    let error = api.spans().get("sp_0123456789abcdef").await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::Unknown, Some(503)));
    assert!(error.to_string().contains("Service Unavailable"), "{error}");
}

#[tokio::test]
async fn generated_ids_have_tracias_form_and_differ() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let (ids, _spans) = capture_async(async {
        let mut ids = Vec::new();
        for _ in 0..100 {
            let reply = hi(&client).await.unwrap();
            ids.push((reply.tracia_span_id().unwrap(), reply.tracia_trace_id().unwrap()));
        }
        ids
    })
    .await;
    let is_of = |id: &str, prefix: &str| {
        id.strip_prefix(prefix).is_some_and(|hex| {
            hex.len() == 16 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    assert!(ids.iter().all(|(span, trace)| is_of(span, "sp_") && is_of(trace, "tr_")), "{ids:?}");
    assert_eq!(ids.iter().map(|(span, _)| span).collect::<HashSet<_>>().len(), 100);
    assert_eq!(ids.iter().map(|(_, trace)| trace).collect::<HashSet<_>>().len(), 100);
}

#[tokio::test]
async fn a_span_id_may_be_of_old_and_in_capitals() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    for id in ["sp_0123456789abcdef", "tr_0123456789abcdef", "sp_0123456789ABCDEF"] {
        let whole = told(async { hi(&client).span_id(id).send().await }).await;
        let stream = told(async { hi(&client).span_id(id).stream().await?.finish().await }).await;
        for (reply, spans) in [whole, stream] {
            reply.unwrap();
            let came = spans[0]["spanId"].as_str().unwrap();
            assert!(came.eq_ignore_ascii_case(id), "{came} of {id}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_named_wins_over_the_models_name() {
    let provider = FakeProvider::start().unwrap();
    let client = of(Endpoint::new(Provider::OpenAi).base_url(provider.base_url()));
    let call = client.chat("claude-sonnet-4-5").provider(Provider::OpenAi).user("Hi");
    let (reply, spans) = told(call.provider(Provider::OpenAi).send()).await;
    assert_eq!(reply.unwrap().requested_model(), "claude-sonnet-4-5");
    assert_eq!(sent(&provider)["model"], "claude-sonnet-4-5");
    assert_eq!(provider.requests()[0].path, "/v1/chat/completions");
    assert_eq!((&spans[0]["provider"], &spans[0]["model"]), (&json!("openai"), &json!("claude-sonnet-4-5")));
}

#[test]
fn a_name_that_no_list_has_tells_its_provider_by_its_beginning() {
    for (model, provider) in [
        ("gpt-999", Some(Provider::OpenAi)),
        ("o4-next", Some(Provider::OpenAi)),
        ("claude-99-opus", Some(Provider::Anthropic)),
        ("gemini-9-ultra", Some(Provider::Google)),
        ("voyage-99", Some(Provider::Voyage)),
        ("eu.anthropic.claude-99", Some(Provider::Bedrock)),
        ("apac.amazon.nova-99", Some(Provider::Bedrock)),
        ("my-model", None),
        ("", None),
    ] {
        assert_eq!(Provider::of_model(model).map(|(provider, _)| provider), provider, "{model:?}");
    }
}

#[tokio::test]
async fn a_missing_key_is_told_by_its_variable_of_a_stream_and_an_embedding_too() {
    if ["DEEPSEEK_API_KEY", "VOYAGE_API_KEY"].into_iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let client = of(Endpoint::new(Provider::Mistral));
    let work = async {
        let chat = || client.chat("deepseek-chat").user("Hi");
        let streamed = chat().stream().await.map(|_| ()).unwrap_err();
        let whole = chat().send().await.map(|_| ()).unwrap_err();
        let embedded = client.embed("voyage-3").input("sea").send().await.map(|_| ()).unwrap_err();
        [(streamed, "DEEPSEEK_API_KEY"), (whole, "DEEPSEEK_API_KEY"), (embedded, "VOYAGE_API_KEY")]
    };
    let (errors, spans) = capture_async(work).await;
    for (error, variable) in errors {
        assert_eq!(error.tracia_code(), ErrorCode::MissingProviderApiKey, "{error}");
        assert!(error.to_string().contains(variable), "{error}");
    }
    assert!(spans.is_empty(), "a call that cannot be made has no span");
}

/// An answer of chat completions with this message.
fn answered(message: &Value, finish_reason: &Value) -> Answer {
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish_reason });
    let body = json!({ "id": "1", "object": "chat.completion", "model": "gpt-4o", "choices": [choice] });
    Answer::raw(200, "application/json", body.to_string())
}

#[tokio::test]
async fn a_message_goes_round_as_its_text_and_then_its_calls() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let function = json!({ "name": "get_weather", "arguments": "{\"city\":\"Paris\"}" });
    let call = json!({ "id": "call_1", "type": "function", "function": function });
    let message = json!({ "role": "assistant", "content": "I look.", "tool_calls": [call] });
    provider.enqueue(answered(&message, &json!("tool_calls")));
    let first = hi(&client).await.unwrap();
    let parts = first.message().parts;
    assert!(
        matches!(parts.as_slice(), [Part::Text(text), Part::ToolCall(_)] if text == "I look."),
        "{parts:?}"
    );

    let call = first.tool_calls()[0].clone();
    hi(&client).message(first.message()).tool_result(&call, "18 degrees").await.unwrap();
    let messages = provider.requests()[1].json()["messages"].clone();
    assert_eq!(messages[1]["content"], "I look.");
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_1");
    assert_eq!(messages[1]["tool_calls"][0]["function"], function);
    assert_eq!(messages[2], json!({ "role": "tool", "tool_call_id": "call_1", "content": "18 degrees" }));
}

/// Theirs calls each of these `stop`.
#[tokio::test]
async fn a_finish_reason_that_nobody_knows_stays_as_it_is_and_none_is_none() {
    let message = json!({ "role": "assistant", "content": "x" });
    for (sent, expected) in
        [(json!("moonlight"), Some(FinishReason::Other("moonlight".to_owned()))), (Value::Null, None)]
    {
        let provider = FakeProvider::start().unwrap();
        provider.enqueue(answered(&message, &sent));
        let reply = hi(&client(&provider)).await.unwrap();
        assert_eq!(reply.finish_reason(), expected.as_ref(), "{sent}");
    }
}

#[tokio::test]
async fn instructions_tools_and_the_choice_of_them_have_openais_words() {
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    for (choice, word) in [
        (None, Value::Null),
        (Some(ToolChoice::Auto), json!("auto")),
        (Some(ToolChoice::None), json!("none")),
        (Some(ToolChoice::Required), json!("required")),
        (
            Some(ToolChoice::Tool("get_weather".to_owned())),
            json!({ "type": "function", "function": { "name": "get_weather" } }),
        ),
    ] {
        let provider = FakeProvider::start().unwrap();
        let client = client(&provider);
        let call = client.chat("gpt-4o").message(Message::text(Role::Developer, "Be brief.")).user("Hi");
        let call = call.tool(ToolDefinition::function("get_weather", "The weather", schema.clone()));
        match choice {
            Some(choice) => call.tool_choice(choice),
            None => call,
        }
        .await
        .unwrap();
        let body = sent(&provider);
        assert_eq!(body["tool_choice"], word);
        assert_eq!(body["messages"][0], json!({ "role": "developer", "content": "Be brief." }));
        let function = json!({ "name": "get_weather", "description": "The weather", "parameters": schema });
        assert_eq!(body["tools"], json!([{ "type": "function", "function": function }]));
    }
}

#[tokio::test]
async fn a_call_without_tools_sends_none() {
    let provider = FakeProvider::start().unwrap();
    hi(&client(&provider)).await.unwrap();
    let body = sent(&provider);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}

#[tokio::test]
async fn a_flush_with_nothing_to_send_is_over_at_once() {
    let tracia = FakeTracia::start().unwrap();
    let telemetry = telemetry(destination(&tracia));
    let began = Instant::now();
    let report = telemetry.flush(Duration::from_secs(3600)).await.unwrap();
    assert!(began.elapsed() < PATIENCE);
    assert_eq!((report.recorded, report.pending, tracia.requests().len()), (0, 0, 0));
}

#[tokio::test]
async fn a_flush_waits_for_what_is_under_way_and_no_longer_than_it_may() {
    let (provider, tracia, gate) =
        (FakeProvider::start().unwrap(), FakeTracia::start().unwrap(), Gate::new());
    tracia.answer_next(1, &ServiceAnswer::usual().held(&gate));
    let telemetry = telemetry(destination(&tracia));
    within(&telemetry, hi(&client(&provider)).send()).await.unwrap();

    telemetry.flush(Duration::from_millis(50)).await.unwrap_err();
    let report = telemetry.report();
    assert_eq!((report.recorded, report.delivered, report.pending), (1, 0, 1));
    gate.release();
    let report = telemetry.flush(PATIENCE).await.unwrap();
    assert_eq!((report.recorded, report.delivered, report.pending), (1, 1, 0));
    assert_eq!(tracia.spans().len(), 1);
}

/// Theirs forgets the oldest beyond 1000, and says nothing.
#[tokio::test]
async fn what_finds_no_room_is_counted_and_the_rest_comes_to_tracia_once() {
    let (provider, tracia, gate) =
        (FakeProvider::start().unwrap(), FakeTracia::start().unwrap(), Gate::new());
    tracia.answer_next(100, &ServiceAnswer::usual().held(&gate));
    let telemetry = telemetry(destination(&tracia).queue_spans(5).when_full(WhenFull::DropNewest));
    let client = client(&provider);
    within(&telemetry, async {
        for _ in 0..40 {
            hi(&client).await.unwrap();
        }
    })
    .await;
    let report = telemetry.report();
    assert_eq!(report.recorded, 40);
    assert!(report.pending <= 5 && report.dropped >= 35, "{report:?}");
    gate.release();
    let report = telemetry.flush(PATIENCE).await.unwrap();
    assert_eq!((report.pending, report.rejected), (0, 0));
    assert_eq!(report.delivered + report.dropped, 40);
    let ids: HashSet<_> = tracia.spans().iter().map(|span| span["spanId"].to_string()).collect();
    assert_eq!(ids.len() as u64, report.delivered);
}

/// Theirs loses the answer (Python).
#[tokio::test]
async fn a_call_after_the_shutdown_keeps_its_answer() {
    let (provider, tracia) = (FakeProvider::start().unwrap(), FakeTracia::start().unwrap());
    let telemetry = telemetry(destination(&tracia));
    let reply = within(&telemetry, async {
        telemetry.shutdown(PATIENCE).await;
        hi(&client(&provider)).await
    })
    .await;
    assert_eq!(reply.unwrap().text(), "You said: Hi");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn an_embedding_of_voyage_is_told_as_voyages() {
    let provider = FakeProvider::start().unwrap();
    let client = of(Endpoint::new(Provider::Voyage).base_url(provider.voyage_url()));
    let (reply, spans) = told(client.embed("voyage-3").inputs(["sea", "two words"]).send()).await;
    let reply = reply.unwrap();
    assert_eq!(sent(&provider)["input"], json!(["sea", "two words"]));
    assert_eq!(reply.vectors().len(), 2);
    let span = &spans[0];
    assert_eq!((&span["provider"], &span["spanKind"]), (&json!("voyage"), &json!("EMBEDDING")));
    assert_eq!(span["input"], json!({ "text": ["sea", "two words"] }));
    // Voyage tells one sum.
    assert_eq!(
        (&span["inputTokens"], &span["outputTokens"], &span["totalTokens"]),
        (&json!(3), &json!(0), &json!(3))
    );
}

/// Theirs has NaN of what Google does not tell (Node).
#[tokio::test]
async fn an_embedding_whose_provider_tells_no_usage_has_numbers_all_the_same() {
    let provider = FakeProvider::start().unwrap();
    let client = of(Endpoint::new(Provider::Google).base_url(provider.google_url()));
    let (reply, spans) = told(client.embed("gemini-embedding-001").input("sea").send()).await;
    reply.unwrap();
    let span = &spans[0];
    assert_eq!((&span["provider"], &span["status"]), (&json!("google"), &json!("SUCCESS")));
    assert!(["inputTokens", "outputTokens", "totalTokens"].iter().all(|key| span[key].is_u64()), "{span}");
}

/// Theirs puts the region's geography before it, whatever stands there.
#[tokio::test]
async fn a_model_of_bedrock_is_called_and_told_as_it_was_written() {
    for model in ["us.amazon.nova-lite-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"] {
        let provider = FakeProvider::start().unwrap();
        let endpoint = Endpoint::new(Provider::Bedrock).base_url(provider.bedrock_url());
        let client = of(endpoint.location("eu-central-1"));
        let (reply, spans) = told(client.chat(model).user("Hi").send()).await;
        reply.unwrap();
        let path = provider.requests()[0].path.clone();
        assert!(path.contains(&format!("/model/{}/", model.replace(':', "%3A"))), "{path}");
        assert_eq!((&spans[0]["provider"], &spans[0]["model"]), (&json!("amazon_bedrock"), &json!(model)));
    }
}

/// Theirs tells most of these as successes (Python), or not at all (Node).
#[tokio::test]
async fn every_way_to_fail_is_an_error_at_tracia() {
    let refusal = || Answer::error(400, "invalid_request_error", None, "No such parameter.");
    for (answer, kind, words) in [
        (refusal(), ErrorKind::InvalidRequest, "No such parameter."),
        (Answer::drop_connection(), ErrorKind::Connection, "connection"),
        (Answer::raw(200, "application/json", "<html>"), ErrorKind::Protocol, ""),
        (Answer::never(), ErrorKind::Timeout, "no answer in time"),
    ] {
        let provider = FakeProvider::start().unwrap();
        let client = client(&provider);
        for _ in 0..3 {
            provider.enqueue(answer.clone());
        }
        let limit = if kind == ErrorKind::Timeout { Duration::from_millis(50) } else { PATIENCE };
        let work = async {
            let whole = hi(&client).timeout(limit).send().await.map(|_| ()).unwrap_err();
            let embed = client.embed("text-embedding-3-small").input("sea").timeout(limit);
            let embedded = embed.send().await.map(|_| ()).unwrap_err();
            let streamed: Result<(), Error> = async {
                hi(&client).timeout(limit).stream().await?.finish().await?;
                Ok(())
            }
            .await;
            [whole, embedded, streamed.unwrap_err()]
        };
        let (errors, spans) = told(work).await;
        assert_eq!(spans.len(), 3);
        for (error, span) in errors.iter().zip(&spans) {
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!((&span["status"], &span["output"]), (&json!("ERROR"), &Value::Null), "{span}");
            assert!(span["error"].as_str().is_some_and(|told| told.contains(words)), "{span}");
        }
    }
}
