//! Calls that `async-openai` makes, as the spans tell them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{HttpRequestFactory, ReqwestService, retry::OpenAIRetryLayer},
    types::{
        chat::{ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequestArgs},
        embeddings::CreateEmbeddingRequestArgs,
        responses::CreateResponseArgs,
    },
};
use futures_util::StreamExt;
use opentelemetry::trace::Status;
use serde_json::{Value, json};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tower::{ServiceBuilder, ServiceExt};
use tower_layer::Layer;
use tracing::Instrument;
use tracing_genai::{
    instrument::{
        Instrumentation, Rule,
        async_openai::{OpenAiLayer, service},
    },
    record::Outcome,
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, Gate, capture_async},
};

const KEY: &str = "sk-a-key-of-this-test";

fn provider(answers: impl IntoIterator<Item = Answer>) -> FakeProvider {
    let provider = FakeProvider::start().unwrap();
    answers.into_iter().for_each(|answer| provider.enqueue(answer));
    provider
}

/// A client without telemetry.
fn bare(provider: &FakeProvider) -> Client<OpenAIConfig> {
    Client::build(http(), OpenAIConfig::new().with_api_base(provider.base_url()).with_api_key(KEY))
}

fn client(provider: &FakeProvider) -> Client<OpenAIConfig> {
    bare(provider).with_http_service(service(http()))
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn question(is_stream: bool) -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": is_stream})
}

async fn chat(client: &Client<OpenAIConfig>) -> Result<Value, OpenAIError> {
    client.chat().create_byot(question(false)).await
}

/// What the call came to and its one span.
async fn one<F: Future>(call: F) -> (F::Output, FinishedSpan) {
    let (came, mut spans) = capture_async(call).await;
    assert_eq!(spans.len(), 1, "one call is one span");
    (came, spans.remove(0))
}

fn text<'a>(span: &'a FinishedSpan, name: &str) -> Option<&'a str> {
    span.attribute(name).and_then(AttributeValue::as_str)
}

fn attempts(span: &FinishedSpan) -> Option<i64> {
    span.attribute("tracing_genai.attempts").and_then(AttributeValue::as_i64)
}

/// A refusal that may be asked again at once.
fn busy(status: u16) -> Answer {
    Answer::error(status, "requests", "rate_limit_exceeded", "Slow down.").header("retry-after", "0")
}

#[tokio::test]
async fn a_chat_of_its_types_is_a_span() {
    let provider = provider([Answer::text("Hello.")]);
    let message = ChatCompletionRequestUserMessageArgs::default().content("Hi").build().unwrap();
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o")
        .messages([message.into()])
        .build()
        .unwrap();
    let (reply, span) = one(client(&provider).chat().create(request)).await;
    assert_eq!(reply.unwrap().choices[0].message.content.as_deref(), Some("Hello."));
    assert_eq!(span.name, "chat gpt-4o");
    assert_eq!(text(&span, "gen_ai.provider.name"), Some("openai"));
    assert_eq!(text(&span, "tracing_genai.outcome"), Some("done"));
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 1);
    assert_eq!((attempts(&span), provider.requests().len()), (None, 1));
}

#[tokio::test]
async fn a_response_and_embeddings_of_its_types_are_spans() {
    let provider = provider([]);
    let client = client(&provider);
    let request = CreateResponseArgs::default().model("gpt-4o").input("Hi").build().unwrap();
    let (reply, span) = one(client.responses().create(request)).await;
    reply.unwrap();
    assert_eq!(span.name, "chat gpt-4o");
    let request =
        CreateEmbeddingRequestArgs::default().model("text-embedding-3-small").input("Hi").build().unwrap();
    let (reply, span) = one(client.embeddings().create(request)).await;
    reply.unwrap();
    assert_eq!(span.name, "embeddings text-embedding-3-small");
}

#[tokio::test]
async fn all_attempts_are_one_span() {
    for status in [429, 500, 503] {
        let provider = provider([busy(status), busy(status), Answer::text("Hello.")]);
        let (reply, span) = one(chat(&client(&provider))).await;
        assert_eq!(reply.unwrap()["choices"][0]["message"]["content"], "Hello.", "{status}");
        assert_eq!((attempts(&span), provider.requests().len()), (Some(3), 3), "{status}");
        assert_eq!(text(&span, "tracing_genai.outcome"), Some("done"), "{status}");
        assert_eq!(span.operation.unwrap().http_status, Some(200), "{status}");
    }
}

#[tokio::test]
async fn it_is_tried_as_often_as_without_the_spans() {
    for status in [429, 503] {
        let answers = || (0..6).map(|_| busy(status));
        let (without, with) = (provider(answers()), provider(answers()));
        chat(&bare(&without)).await.unwrap_err();
        let (reply, span) = one(chat(&client(&with))).await;
        assert!(matches!(reply, Err(OpenAIError::ApiError(error)) if error.status_code == status));
        assert_eq!(without.requests().len(), with.requests().len());
        assert_eq!((attempts(&span), with.requests().len()), (Some(4), 4));
        assert_eq!(text(&span, "error.type"), Some("rate_limit_exceeded"));
        assert_eq!(span.operation.unwrap().http_status, Some(status));
    }
}

#[tokio::test]
async fn a_used_up_quota_is_not_tried_again() {
    let words = "You exceeded your current quota.";
    let provider = provider([Answer::error(429, "insufficient_quota", "insufficient_quota", words)]);
    let (reply, span) = one(chat(&client(&provider))).await;
    assert!(matches!(reply, Err(OpenAIError::ApiError(_))));
    assert_eq!((attempts(&span), provider.requests().len()), (None, 1));
    assert_eq!(text(&span, "error.type"), Some("insufficient_quota"));
    assert_eq!(span.status, Status::error(words));
}

#[tokio::test]
async fn a_429_that_is_no_json_is_told_all_the_same() {
    let provider = provider([Answer::raw(429, "text/plain", "Too many of you")]);
    let (reply, span) = one(chat(&client(&provider))).await;
    assert!(matches!(reply, Err(OpenAIError::JSONDeserialize(..))));
    assert_eq!(text(&span, "error.type"), Some("429"));
}

#[tokio::test]
async fn a_refusal_fails_the_span_and_reaches_the_caller() {
    for (status, code) in
        [(400, "context_length_exceeded"), (401, "invalid_api_key"), (404, "model_not_found")]
    {
        let provider = provider([Answer::error(status, "invalid_request_error", code, "No.")]);
        let (reply, span) = one(chat(&client(&provider))).await;
        assert!(
            matches!(reply, Err(OpenAIError::ApiError(error)) if error.api_error.code.as_deref() == Some(code))
        );
        assert_eq!(text(&span, "error.type"), Some(code));
        assert_eq!(text(&span, "tracing_genai.outcome"), Some("failed"));
        assert_eq!(span.status, Status::error("No."));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_fails_the_span() {
    let provider = provider([Answer::drop_connection()]);
    let (reply, span) = one(chat(&client(&provider))).await;
    assert!(matches!(reply, Err(OpenAIError::Reqwest(_))));
    assert_eq!(text(&span, "error.type"), Some("connection"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_that_is_dropped_is_abandoned() {
    let gate = Gate::new();
    let provider = provider([Answer::text("one two three").held_after(3, &gate)]);
    let client = client(&provider);
    let call = async {
        let mut stream = client.chat().create_stream_byot::<_, Value>(question(true)).await.unwrap();
        let first = stream.next().await.unwrap().unwrap();
        drop(stream);
        assert!(gate.client_gone_async().await);
        first
    };
    let (first, span) = one(call).await;
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(text(&span, "tracing_genai.outcome"), Some("abandoned"));
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_is_not_held_back() {
    let gate = Gate::new();
    let provider = provider([Answer::text("one two three").held_after(2, &gate)]);
    let client = client(&provider);
    let call = async {
        let mut stream = client.chat().create_stream_byot::<_, Value>(question(true)).await.unwrap();
        // The server says no more until it is let, so these came as they were sent.
        let before = [stream.next().await.unwrap().unwrap(), stream.next().await.unwrap().unwrap()];
        assert!(gate.reached_async().await);
        gate.release();
        let after: Vec<Value> = stream.map(Result::unwrap).collect().await;
        (before, after)
    };
    let ((before, after), span) = one(call).await;
    let came = before.iter().chain(&after);
    let said: String = came.filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "one two three");
    assert_eq!(text(&span, "tracing_genai.outcome"), Some("done"));
    assert!(span.attribute("gen_ai.response.time_to_first_chunk").is_some());
}

#[tokio::test]
async fn a_call_that_is_dropped_before_its_answer_is_abandoned() {
    let gate = Gate::new();
    let provider = provider([Answer::text("Hello.").held(&gate)]);
    let client = client(&provider);
    let call = async {
        let mut call = Box::pin(chat(&client));
        let mut reached = pin!(gate.reached_async());
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            reached.as_mut().poll(context)
        })
        .await
    };
    let (is_reached, span) = one(call).await;
    assert!(is_reached);
    assert_eq!(span.operation.unwrap().outcome, Outcome::Abandoned);
}

#[tokio::test]
async fn an_attempt_that_is_dropped_counts() {
    let gate = Gate::new();
    let provider = provider([busy(503), Answer::text("Hello.").held(&gate)]);
    let client = client(&provider);
    let call = async {
        let mut call = Box::pin(chat(&client));
        let mut reached = pin!(gate.reached_async());
        std::future::poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(_) => panic!("an answer through a closed gate"),
            Poll::Pending => reached.as_mut().poll(context),
        })
        .await
    };
    let (_, span) = one(call).await;
    assert_eq!((text(&span, "tracing_genai.outcome"), attempts(&span)), (Some("abandoned"), Some(2)));
}

#[tokio::test]
async fn what_is_no_call_of_a_model_makes_no_span() {
    let provider = provider([Answer::raw(200, "application/json", "{}")]);
    let client = client(&provider);
    let responses = client.responses();
    let (reply, spans) = capture_async(responses.cancel_byot::<_, Value>("resp_1")).await;
    assert_eq!((reply.unwrap(), spans.len()), (json!({}), 0));
}

#[tokio::test]
async fn a_rule_names_the_provider_or_leaves_the_call_alone() {
    let provider = provider([]);
    let named = Instrumentation::new().rule(Rule::host("127.0.0.1").provider("vllm"));
    let client = bare(&provider).with_http_service(OpenAiLayer::from(named).service(http()));
    let (reply, span) = one(chat(&client)).await;
    reply.unwrap();
    assert_eq!(text(&span, "gen_ai.provider.name"), Some("vllm"));

    let ignored = Instrumentation::new().rule(Rule::host("127.0.0.1").ignore());
    let client = bare(&provider).with_http_service(OpenAiLayer::from(ignored).service(http()));
    let (reply, spans) = capture_async(chat(&client)).await;
    reply.unwrap();
    assert_eq!(spans.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stack_with_a_limit_and_a_timeout_of_its_own_is_seen() {
    let provider = provider([Answer::never()]);
    let stack = ServiceBuilder::new()
        .layer(OpenAiLayer::new())
        .concurrency_limit(1)
        .timeout(Duration::from_secs(30))
        .layer(OpenAIRetryLayer::new(0))
        .service(ReqwestService::new(http()));
    let client = bare(&provider).with_http_service(stack);
    let (reply, span) = one(chat(&client)).await;
    assert!(matches!(reply, Err(OpenAIError::Boxed(_))));
    assert_eq!(text(&span, "error.type"), Some("timeout"));
}

#[tokio::test]
async fn an_error_inside_of_a_boxed_one_is_read() {
    let provider = provider([Answer::error(429, "insufficient_quota", "insufficient_quota", "Pay.")]);
    let stack = ServiceBuilder::new()
        .layer(OpenAiLayer::new())
        .timeout(Duration::from_secs(30))
        .layer(OpenAIRetryLayer::new(0))
        .service(ReqwestService::new(http()));
    let (_, span) = one(chat(&bare(&provider).with_http_service(stack))).await;
    assert_eq!(text(&span, "error.type"), Some("insufficient_quota"));
}

#[tokio::test]
async fn usage_is_asked_for_in_every_attempt() {
    let provider = provider([busy(503), Answer::text("Hello.")]);
    let asking = OpenAiLayer::from(Instrumentation::new().stream_usage(true));
    let client = bare(&provider).with_http_service(asking.service(http()));
    let call = async {
        let stream = client.chat().create_stream_byot::<_, Value>(question(true)).await.unwrap();
        stream.map(Result::unwrap).collect::<Vec<_>>().await
    };
    let (_, span) = one(call).await;
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.json()["stream_options"], json!({"include_usage": true}));
    }
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 1);
}

/// A factory for a request with this body to this path, and how often it was asked to build.
fn factory(
    provider: &FakeProvider,
    path: &str,
    body: fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> (HttpRequestFactory, Arc<AtomicUsize>) {
    let (url, builds) = (format!("{}{path}", provider.base_url()), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&builds);
    let factory = HttpRequestFactory::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let request = body(http().post(&url).bearer_auth(KEY)).build();
        async { Ok(request?) }
    });
    (factory, builds)
}

#[tokio::test]
async fn a_request_is_built_once_for_each_attempt() {
    let provider = provider([busy(503), Answer::text("Hello.")]);
    let (factory, builds) =
        factory(&provider, "/chat/completions", |request| request.body(question(false).to_string()));
    let call = async { service(http()).oneshot(factory).await.unwrap().bytes().await.unwrap() };
    let (_, span) = one(call).await;
    assert_eq!(builds.load(Ordering::Relaxed), 2);
    assert_eq!(attempts(&span), Some(2));
    let bodies: Vec<_> = provider.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [question(false).to_string(), question(false).to_string()]);
}

#[tokio::test]
async fn a_form_whose_parts_are_streams_is_sent_whole() {
    let provider = provider([busy(503), Answer::raw(200, "application/json", "{}")]);
    let (factory, builds) = factory(&provider, "/files", |request| {
        let part = reqwest::multipart::Part::stream(reqwest::Body::from("the file's bytes"));
        request.multipart(reqwest::multipart::Form::new().part("file", part))
    });
    let (answer, spans) = capture_async(service(http()).oneshot(factory)).await;
    assert_eq!((answer.unwrap().status().as_u16(), spans.len()), (200, 0));
    assert_eq!(builds.load(Ordering::Relaxed), 2);
    for request in provider.requests() {
        assert!(String::from_utf8_lossy(&request.body).contains("the file's bytes"));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_built_fails_as_without_the_spans() {
    let provider = provider([]);
    let layer = OpenAiLayer::new().layer(OpenAIRetryLayer::new(0).layer(ReqwestService::new(http())));
    let (factory, builds) =
        factory(&provider, "/chat/completions", |request| request.header("\n", "no header"));
    let (answer, spans) = capture_async(layer.oneshot(factory)).await;
    assert!(matches!(answer, Err(OpenAIError::Reqwest(error)) if error.is_builder()));
    assert_eq!((builds.load(Ordering::Relaxed), spans.len(), provider.requests().len()), (1, 0, 0));
}

#[tokio::test]
async fn a_call_goes_on_where_nobody_sees_it() {
    let provider = provider([busy(503), Answer::text("Hello.")]);
    let reply = chat(&client(&provider)).await.unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello.");
}

#[tokio::test]
async fn a_span_is_a_child_of_the_callers() {
    let provider = provider([]);
    let client = client(&provider);
    let (_, spans) =
        capture_async(async { chat(&client).instrument(tracing::info_span!("handler")).await }).await;
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(of("chat gpt-4o").parent_span_id.as_deref(), Some(of("handler").span_id.as_str()));
}

#[tokio::test]
async fn a_host_that_no_rule_of_the_users_names_gets_no_trace_context() {
    for (rules, expected) in [(vec![], 0), (vec![Rule::host("127.0.0.1")], 1)] {
        let provider = provider([]);
        let calls = rules.into_iter().fold(Instrumentation::new().trace_context(true), Instrumentation::rule);
        let client = bare(&provider).with_http_service(OpenAiLayer::from(calls).service(http()));
        one(async { chat(&client).await.unwrap() }).await;
        let told =
            provider.requests().iter().filter(|request| request.header("traceparent").is_some()).count();
        assert_eq!(told, expected);
    }
}
