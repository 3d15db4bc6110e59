//! What becomes of calls of AWS's SDK that do not go as they should, and of those that do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use aws_sdk_bedrockruntime::{
    Client, Config,
    config::{
        BehaviorVersion, Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::FinalizerInterceptorContextRef, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::BoxError,
    operation::{converse::builders::ConverseFluentBuilder, converse_stream::ConverseStreamOutput as Stream},
    types::{
        ContentBlock, ConversationRole, ConverseStreamOutput, InferenceConfiguration, Message,
        SystemContentBlock, Tool, ToolConfiguration, ToolInputSchema, ToolSpecification,
    },
};
use aws_smithy_types::{Document, Number};
use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tracing::{Instrument, instrument::WithSubscriber};
use tracing_genai::{
    ContentCapture,
    client::{Endpoint, Provider},
    instrument::{Instrumentation, Rule, aws::GenAiInterceptor},
    record::ToolDefinition,
    testing::{Answer, AttributeValue, FakeProvider, FinishedSpan, Gate, capture_async},
};

const NOVA: &str = "us.amazon.nova-lite-v1:0";
/// Long enough for a request to be sent, whatever else the machine does.
const A_WHILE: Duration = Duration::from_millis(300);

fn config(provider: &FakeProvider) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("an-id", "a-secret", None, None, "a test"))
        .endpoint_url(provider.bedrock_url())
        .retry_config(attempts_of(1))
}

/// A client as a user has it, tried so often at most, the next time at once.
fn client(provider: &FakeProvider, attempts: u32) -> Client {
    let config = config(provider).retry_config(attempts_of(attempts));
    Client::from_conf(config.interceptor(GenAiInterceptor::new()).build())
}

fn attempts_of(attempts: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(1))
}

fn within(timeouts: TimeoutConfig, provider: &FakeProvider, attempts: u32) -> Client {
    let config = config(provider).retry_config(attempts_of(attempts)).timeout_config(timeouts);
    Client::from_conf(config.interceptor(GenAiInterceptor::new()).build())
}

fn provider(answers: impl IntoIterator<Item = Answer>) -> FakeProvider {
    let provider = FakeProvider::start().unwrap();
    answers.into_iter().for_each(|answer| provider.enqueue(answer));
    provider
}

fn message(text: &str) -> Message {
    let builder = Message::builder().role(ConversationRole::User);
    builder.content(ContentBlock::Text(text.to_owned())).build().unwrap()
}

fn hello(client: &Client) -> ConverseFluentBuilder {
    client.converse().model_id(NOVA).messages(message("Hello there"))
}

async fn open(client: &Client) -> Stream {
    client.converse_stream().model_id(NOVA).messages(message("Hello there")).send().await.unwrap()
}

/// The spans of calls of models: the SDK has spans of its own.
async fn calls<F: Future>(work: F) -> (F::Output, Vec<FinishedSpan>) {
    let (output, mut spans) = capture_async(work).await;
    spans.retain(|span| span.attribute("gen_ai.operation.name").is_some());
    (output, spans)
}

/// The one span of a call.
async fn call<F: Future>(work: F) -> (F::Output, FinishedSpan) {
    let (output, mut spans) = calls(work).await;
    assert_eq!(spans.len(), 1, "one call is one span");
    (output, spans.remove(0))
}

fn text<'a>(span: &'a FinishedSpan, key: &str) -> Option<&'a str> {
    span.attribute(key).and_then(AttributeValue::as_str)
}

fn number(span: &FinishedSpan, key: &str) -> Option<i64> {
    span.attribute(key).and_then(AttributeValue::as_i64)
}

/// How it ended: the outcome, `error.type`, and the number of attempts where there was more than one.
fn end(span: &FinishedSpan) -> (&str, Option<&str>, Option<i64>) {
    let outcome = text(span, "tracing_genai.outcome").unwrap();
    (outcome, text(span, "error.type"), number(span, "tracing_genai.attempts"))
}

#[tokio::test]
async fn a_call_is_a_span() {
    let provider = provider([Answer::text("Hello to you.")]);
    let (reply, span) = call(hello(&client(&provider, 1)).send()).await;
    assert_eq!(reply.unwrap().usage().unwrap().output_tokens(), 3);
    assert_eq!(span.name, format!("chat {NOVA}"));
    assert_eq!(span.attributes["gen_ai.provider.name"], "aws.bedrock");
    assert_eq!(span.attributes["server.address"], "127.0.0.1");
    assert_eq!(number(&span, "gen_ai.usage.output_tokens"), Some(3));
    assert_eq!(end(&span), ("done", None, None));
    assert_eq!(span.attribute("gen_ai.input.messages"), None, "no content unless asked");
}

#[tokio::test]
async fn a_span_is_below_the_span_that_is_current_at_the_call() {
    let provider = provider([Answer::drop_connection()]);
    let client = client(&provider, 2);
    let work = async {
        let call = hello(&client).send();
        call.instrument(tracing::info_span!("request")).await.unwrap();
    };
    let ((), spans) = capture_async(work).await;
    let mut span = spans.iter().find(|span| span.name.starts_with("chat")).unwrap();
    let mut above = Vec::new();
    while let Some(parent) = &span.parent_span_id {
        span = spans.iter().find(|span| span.span_id == *parent).unwrap();
        above.push(span.name.as_str());
    }
    assert_eq!(above.last(), Some(&"request"));
    assert!(!above.contains(&"try_attempt"), "{above:?} has one attempt of two");
}

#[tokio::test]
async fn attempts_are_one_span() {
    let busy = || Answer::error(503, "ServiceUnavailableException", None, "Busy.");
    let provider = provider([busy(), Answer::drop_connection(), Answer::text("Hello.")]);
    let (reply, span) = call(hello(&client(&provider, 3)).send()).await;
    reply.unwrap();
    assert_eq!(provider.requests().len(), 3);
    assert_eq!(end(&span), ("done", None, Some(3)));
    assert_eq!(number(&span, "gen_ai.usage.output_tokens"), Some(1));
}

#[tokio::test]
async fn a_refusal_is_told_after_the_last_attempt() {
    let busy = |words: &str| Answer::error(429, "ThrottlingException", None, words);
    let provider = provider([busy("Slow down."), busy("Slow down, really.")]);
    let (reply, span) = call(hello(&client(&provider, 2)).send()).await;
    assert!(reply.unwrap_err().as_service_error().unwrap().is_throttling_exception());
    assert_eq!(end(&span), ("failed", Some("ThrottlingException"), Some(2)));
    assert!(format!("{:?}", span.status).contains("really"), "{:?}", span.status);
}

#[tokio::test]
async fn a_connection_that_breaks_after_a_refusal_is_what_the_call_fails_of() {
    let busy = Answer::error(503, "ServiceUnavailableException", None, "Busy.");
    let provider = provider([busy, Answer::drop_connection()]);
    let (reply, span) = call(hello(&client(&provider, 2)).send()).await;
    assert!(reply.unwrap_err().as_service_error().is_none());
    assert_eq!(end(&span), ("failed", Some("connection"), Some(2)));
}

#[tokio::test]
async fn an_operation_that_runs_out_of_time_after_a_refusal_fails_of_the_time() {
    let busy = Answer::error(503, "ServiceUnavailableException", None, "Busy.");
    let provider = provider([busy, Answer::never()]);
    let timeouts = TimeoutConfig::builder().operation_timeout(A_WHILE).build();
    let (reply, span) = call(hello(&within(timeouts, &provider, 2)).send()).await;
    assert!(reply.unwrap_err().as_service_error().is_none());
    assert_eq!(end(&span).1, Some("timeout"));
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_is_done() {
    let provider = provider([Answer::text("One two three.")]);
    let client = client(&provider, 1);
    let work = async {
        let mut stream = open(&client).await.stream;
        while stream.recv().await.unwrap().is_some() {}
        // The caller keeps it; the call is over.
        stream
    };
    let (_stream, span) = call(work).await;
    assert_eq!(end(&span), ("done", None, None));
    assert_eq!(number(&span, "gen_ai.usage.output_tokens"), Some(3));
    assert!(span.attribute("gen_ai.response.time_to_first_chunk").is_some());
}

#[tokio::test]
async fn a_stream_that_is_dropped_after_its_last_event_is_done() {
    let provider = provider([Answer::text("One two three.")]);
    let client = client(&provider, 1);
    let work = async {
        let mut stream = open(&client).await.stream;
        while !matches!(stream.recv().await.unwrap(), Some(ConverseStreamOutput::Metadata(_))) {}
    };
    let ((), span) = call(work).await;
    assert_eq!(end(&span), ("done", None, None));
    assert_eq!(number(&span, "gen_ai.usage.output_tokens"), Some(3));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_is_abandoned() {
    let gate = Gate::new();
    let provider = provider([Answer::text("One two three.").held_after(3, &gate)]);
    let client = client(&provider, 1);
    let work = async {
        let mut stream = open(&client).await.stream;
        while !matches!(stream.recv().await.unwrap(), Some(ConverseStreamOutput::ContentBlockDelta(_))) {}
    };
    let ((), span) = call(work).await;
    assert!(gate.client_gone_async().await);
    assert_eq!(end(&span), ("abandoned", None, None));
    assert!(span.attribute("gen_ai.response.time_to_first_chunk").is_some());
}

#[tokio::test]
async fn an_exception_in_a_stream_fails_the_call() {
    let answer = Answer::text("One two three.");
    let provider = provider([answer.mid_stream_error(3, "throttlingException", None, "Slow down.")]);
    let client = client(&provider, 1);
    let work = async {
        let mut stream = open(&client).await.stream;
        loop {
            match stream.recv().await {
                Ok(event) => assert!(event.is_some(), "the exception comes before the end"),
                Err(error) => return error.into_service_error().to_string(),
            }
        }
    };
    let (error, span) = call(work).await;
    assert!(error.contains("ThrottlingException"), "{error}");
    assert_eq!(end(&span), ("failed", Some("throttlingException"), None));
    assert!(format!("{:?}", span.status).contains("Slow down."), "{:?}", span.status);
}

#[tokio::test]
async fn a_stream_that_breaks_off_fails_the_call() {
    let provider = provider([Answer::text("One two three.").close_after(3)]);
    let client = client(&provider, 1);
    let work = async {
        let mut stream = open(&client).await.stream;
        while stream.recv().await.is_ok_and(|event| event.is_some()) {}
    };
    let ((), span) = call(work).await;
    assert_eq!(end(&span), ("failed", Some("connection"), None));
}

#[tokio::test]
async fn an_answer_that_breaks_off_fails_the_call() {
    let provider = provider([Answer::usual().close_after(0)]);
    let (reply, span) = call(hello(&client(&provider, 1)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("connection"), None));
}

#[tokio::test]
async fn an_answer_that_the_sdk_cannot_read_fails_the_call() {
    let provider = provider([Answer::raw(200, "application/json", "{\"output\":")]);
    let (reply, span) = call(hello(&client(&provider, 1)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("protocol"), None));
}

#[tokio::test]
async fn an_operation_that_takes_too_long_fails() {
    let provider = provider([Answer::never()]);
    let timeouts = TimeoutConfig::builder().operation_timeout(A_WHILE).build();
    let (reply, span) = call(hello(&within(timeouts, &provider, 3)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("timeout"), None));
}

#[tokio::test]
async fn attempts_that_take_too_long_are_one_span_that_fails() {
    let provider = provider([Answer::never(), Answer::never()]);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(A_WHILE).build();
    let (reply, span) = call(hello(&within(timeouts, &provider, 2)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("timeout"), Some(2)));
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_tried_again_within_the_span() {
    let gate = Gate::new();
    // The head of an answer, and no body.
    let provider = provider([Answer::usual().held_after(0, &gate), Answer::never()]);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(A_WHILE).build();
    let (reply, span) = call(hello(&within(timeouts, &provider, 2)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("timeout"), Some(2)));
}

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_fails() {
    let provider = provider([Answer::never()]);
    let timeouts = TimeoutConfig::builder().read_timeout(A_WHILE).build();
    let (reply, span) = call(hello(&within(timeouts, &provider, 1)).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("timeout"), None));
}

#[tokio::test]
async fn a_future_that_is_dropped_abandons_the_call() {
    let gate = Gate::new();
    let provider = provider([Answer::usual().held(&gate)]);
    let client = client(&provider, 3);
    let work = async {
        let mut sending = pin!(hello(&client).send());
        let mut reached = pin!(gate.reached_async());
        std::future::poll_fn(|context| {
            assert!(sending.as_mut().poll(context).is_pending());
            reached.as_mut().poll(context)
        })
        .await
    };
    let (reached, span) = call(work).await;
    assert!(reached);
    assert_eq!(end(&span), ("abandoned", None, None));
}

#[tokio::test]
async fn nobody_at_the_address_fails_the_call() {
    let config = config(&provider([])).retry_config(attempts_of(2));
    // Nothing listens at the port of a provider that is gone.
    let client = Client::from_conf(config.interceptor(GenAiInterceptor::new()).build());
    let (reply, span) = call(hello(&client).send()).await;
    reply.unwrap_err();
    assert_eq!(end(&span), ("failed", Some("connection"), Some(2)));
}

#[tokio::test]
async fn a_call_without_credentials_is_not_sent_and_has_no_span() {
    let provider = provider([]);
    let none = Config::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    let config = none.endpoint_url(provider.bedrock_url()).interceptor(GenAiInterceptor::new());
    let client = Client::from_conf(config.build());
    let (reply, spans) = calls(hello(&client).send()).await;
    reply.unwrap_err();
    assert_eq!((provider.requests().len(), spans.len()), (0, 0));
}

#[tokio::test]
async fn what_is_no_call_of_a_model_has_no_span() {
    let provider = provider([]);
    let client = client(&provider, 1);
    let work = client.list_async_invokes().send();
    let (_, spans) = calls(work).await;
    assert_eq!((provider.requests().len(), spans.len()), (1, 0));
}

#[tokio::test]
async fn an_address_that_a_rule_ignores_has_no_span() {
    let provider = provider([]);
    let calls_of = Instrumentation::new().rule(Rule::host("127.0.0.1").ignore());
    let config = config(&provider).interceptor(GenAiInterceptor::from(calls_of));
    let (reply, spans) = calls(hello(&Client::from_conf(config.build())).send()).await;
    reply.unwrap();
    assert_eq!(spans.len(), 0);
}

#[tokio::test]
async fn an_interceptor_given_twice_sees_a_call_once() {
    let busy = Answer::error(503, "ServiceUnavailableException", None, "Busy.");
    let provider = provider([busy, Answer::text("Hello.")]);
    let config = config(&provider).retry_config(attempts_of(2)).interceptor(GenAiInterceptor::new());
    let client = Client::from_conf(config.interceptor(GenAiInterceptor::new()).build());
    let (reply, span) = call(hello(&client).send()).await;
    reply.unwrap();
    assert_eq!(end(&span), ("done", None, Some(2)));
    assert_eq!(number(&span, "gen_ai.usage.output_tokens"), Some(1));
}

#[tokio::test]
async fn one_call_alone_may_be_given_an_interceptor() {
    let provider = provider([]);
    let client = Client::from_conf(config(&provider).build());
    let (reply, span) = call(hello(&client).customize().interceptor(GenAiInterceptor::new()).send()).await;
    reply.unwrap();
    assert_eq!(end(&span), ("done", None, None));
}

#[tokio::test]
async fn calls_go_on_without_a_subscriber() {
    let provider = provider([Answer::text("Hello."), Answer::text("Hello.")]);
    let client = client(&provider, 1);
    hello(&client).send().await.unwrap();
    let mut stream = open(&client).await.stream;
    while stream.recv().await.unwrap().is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_on_several_threads_are_spans_of_their_own() {
    let provider = provider([]);
    let client = client(&provider, 1);
    let work = async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let client = client.clone();
                let stream = async move {
                    let mut stream = open(&client).await.stream;
                    while stream.recv().await.unwrap().is_some() {}
                };
                tokio::spawn(stream.with_current_subscriber())
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    let ((), spans) = calls(work).await;
    assert_eq!(spans.len(), 8);
    assert!(spans.iter().all(|span| end(span) == ("done", None, None)));
}

/// Notes that an attempt is over.
#[derive(Clone, Debug, Default)]
struct Refused(Arc<AtomicBool>);

impl Intercept for Refused {
    fn name(&self) -> &'static str {
        "a test"
    }

    fn read_after_attempt(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_future_between_two_attempts_that_is_dropped_abandons_the_call() {
    let busy = Answer::error(503, "ServiceUnavailableException", None, "Busy.");
    let provider = provider([busy]);
    let waits = RetryConfig::standard().with_initial_backoff(Duration::from_secs(3600));
    let config = config(&provider).retry_config(waits.with_max_backoff(Duration::from_secs(3600)));
    let refused = Refused::default();
    let config = config.interceptor(GenAiInterceptor::new()).interceptor(refused.clone());
    let client = Client::from_conf(config.build());
    let work = async {
        let mut sending = pin!(hello(&client).send());
        std::future::poll_fn(|context| {
            assert!(sending.as_mut().poll(context).is_pending(), "the wait is an hour's, more or less");
            if refused.0.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    };
    let ((), span) = call(work).await;
    assert_eq!(end(&span), ("abandoned", None, None));
}

#[tokio::test]
async fn what_the_sdk_writes_is_read_as_what_the_client_writes() {
    let provider = provider([Answer::text("Hello."), Answer::text("Hello.")]);
    let schema = serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let city = HashMap::from([("type".to_owned(), Document::String("string".to_owned()))]);
    let properties = HashMap::from([("city".to_owned(), Document::Object(city))]);
    let theirs = Document::Object(HashMap::from([
        ("type".to_owned(), Document::String("object".to_owned())),
        ("properties".to_owned(), Document::Object(properties)),
    ]));
    let tool = ToolSpecification::builder().name("get_weather").description("The weather of a city.");
    let tool = Tool::ToolSpec(tool.input_schema(ToolInputSchema::Json(theirs)).build().unwrap());
    let inference = InferenceConfiguration::builder().max_tokens(50).temperature(0.5).stop_sequences("END");
    let top_k = HashMap::from([("top_k".to_owned(), Document::Number(Number::PosInt(7)))]);

    let content = Instrumentation::new().content(ContentCapture::on());
    let config = config(&provider).interceptor(GenAiInterceptor::from(content));
    let sdk = hello(&Client::from_conf(config.build()))
        .system(SystemContentBlock::Text("Be brief.".to_owned()))
        .tool_config(ToolConfiguration::builder().tools(tool).build().unwrap())
        .inference_config(inference.build())
        .additional_model_request_fields(Document::Object(top_k));
    let (reply, theirs) = call(sdk.send()).await;
    reply.unwrap();

    let endpoint = Endpoint::new(Provider::Bedrock).base_url(provider.bedrock_url()).api_key("a-key");
    let client = tracing_genai::Client::builder().endpoint(endpoint.location("us-east-1"));
    let client = client.content(ContentCapture::on()).build().unwrap();
    let chat = client
        .chat(NOVA)
        .instructions("Be brief.")
        .user("Hello there")
        .tool(ToolDefinition::function("get_weather", "The weather of a city.", schema))
        .max_output_tokens(50)
        .temperature(0.5)
        .stop("END")
        .top_k(7);
    let (reply, ours) = call(chat.send()).await;
    reply.unwrap();
    assert!(theirs.attribute("gen_ai.input.messages").is_some());
    assert_eq!(theirs.attributes, ours.attributes);
}
