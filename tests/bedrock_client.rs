//! Calls of Amazon Bedrock with its API key: what is sent where, and what comes of it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use serde_json::json;
use tracing_genai::{
    Client, Error,
    client::{Chat, ChatEvent, Endpoint, Provider},
    record::{ErrorKind, FinishReason},
    testing::{Answer, FakeProvider, capture_async},
    wire::event_stream::encode,
};

const NOVA: &str = "us.amazon.nova-lite-v1:0";
const STREAM: &str = "application/vnd.amazon.eventstream";

fn client(fake: &FakeProvider) -> Client {
    let endpoint = Endpoint::new(Provider::Bedrock).base_url(fake.bedrock_url()).api_key("key-of-a-test");
    Client::builder().endpoint(endpoint.location("us-east-1")).max_retries(0).build().unwrap()
}

fn chat(fake: &FakeProvider) -> Chat {
    client(fake).chat(NOVA).user("Hi")
}

fn frame(event: &str, payload: &serde_json::Value) -> Bytes {
    let headers = [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")];
    encode(&headers, payload.to_string().as_bytes()).into()
}

#[tokio::test]
async fn a_model_is_sent_as_it_was_written() {
    let fake = FakeProvider::start().unwrap();
    chat(&fake).send().await.unwrap();
    assert_eq!(fake.requests()[0].path, "/bedrock/model/us.amazon.nova-lite-v1%3A0/converse");
}

#[tokio::test]
async fn titan_is_asked_for_one_text_at_a_time_within_one_span() {
    let fake = FakeProvider::start().unwrap();
    let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
    let embed = client(&fake).embed("amazon.titan-embed-text-v2:0").inputs(&texts).dimensions(4);
    let (reply, spans) = capture_async(embed.send()).await;
    let reply = reply.unwrap();
    assert_eq!((reply.vectors().len(), fake.requests().len(), spans.len()), (20, 20, 1));
    assert_eq!(
        spans[0]
            .attribute("gen_ai.usage.input_tokens")
            .and_then(tracing_genai::testing::AttributeValue::as_i64),
        Some(40)
    );

    // Each vector is that of its text, in whatever order the requests came.
    for place in [0, 7, 19] {
        let alone = client(&fake).embed("amazon.titan-embed-text-v2:0").input(&texts[place]).dimensions(4);
        assert_eq!(alone.send().await.unwrap().vectors()[0], reply.vectors()[place]);
    }
}

#[tokio::test]
async fn one_text_that_fails_fails_the_call() {
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(Answer::error(429, "ThrottlingException", None, "Too many requests."));
    let embed = client(&fake).embed("amazon.titan-embed-text-v2:0").inputs(["a", "b", "c"]);
    let (reply, spans) = capture_async(embed.send()).await;
    let error = reply.unwrap_err();
    assert_eq!((error.kind(), error.http_status(), spans.len()), (ErrorKind::RateLimited, Some(429), 1));
}

#[tokio::test]
async fn invoke_model_sends_the_body_that_it_is_given_and_reads_the_models_own_format() {
    let fake = FakeProvider::start().unwrap();
    let body = json!({ "prompt": "Hello", "max_gen_len": 20 });
    let call = client(&fake).chat("meta.llama3-8b-instruct-v1:0").invoke_model(body.clone()).send();
    let (reply, spans) = capture_async(call).await;
    let reply = reply.unwrap();
    assert!(reply.text().contains("Hello"), "{}", reply.text());
    assert!(reply.usage().input_tokens.is_some());
    assert_eq!(fake.requests()[0].json(), body);
    assert_eq!(spans[0].attributes["gen_ai.request.max_tokens"], 20);
}

#[tokio::test]
async fn the_usage_that_comes_after_the_end_of_the_message_is_waited_for() {
    let fake = FakeProvider::start().unwrap();
    let chunks = vec![
        frame("messageStart", &json!({ "role": "assistant" })),
        frame("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "Hi" } })),
        frame("messageStop", &json!({ "stopReason": "end_turn" })),
        frame("metadata", &json!({ "usage": { "inputTokens": 3, "outputTokens": 1, "totalTokens": 4 } })),
    ];
    fake.enqueue(Answer::chunks(200, STREAM, chunks));
    let reply = chat(&fake).stream().await.unwrap().finish().await.unwrap();
    assert_eq!((reply.text().as_str(), reply.usage().output_tokens), ("Hi", Some(1)));
    assert_eq!(reply.finish_reason(), Some(&FinishReason::Stop));
}

#[tokio::test]
async fn an_exception_within_a_stream_is_the_calls_error_and_what_came_before_stays() {
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(Answer::text("One two three").mid_stream_error(
        2,
        "throttlingException",
        None,
        "Too many tokens.",
    ));
    let mut stream = chat(&fake).stream().await.unwrap();
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(ChatEvent::Done(_)) => panic!("no error"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.to_string().contains("Too many tokens."), "{error}");
    assert!(stream.so_far().unwrap().text().starts_with("One"));
}

async fn broken(chunks: Vec<Bytes>) -> Error {
    let fake = FakeProvider::start().unwrap();
    fake.enqueue(Answer::chunks(200, STREAM, chunks));
    chat(&fake).stream().await.unwrap().finish().await.unwrap_err()
}

#[tokio::test]
async fn a_frame_with_a_wrong_checksum_is_an_error_that_says_so() {
    let mut spoilt = frame("messageStart", &json!({ "role": "assistant" })).to_vec();
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    let error = broken(vec![spoilt.into()]).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[tokio::test]
async fn a_frame_of_an_absurd_length_is_an_error_that_says_so() {
    let mut head = u32::MAX.to_be_bytes().to_vec();
    head.extend(0_u32.to_be_bytes());
    head.extend(crc32fast::hash(&head).to_be_bytes());
    let error = broken(vec![head.into()]).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("bytes"), "{error}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_within_a_frame_is_an_error() {
    let whole = frame("messageStart", &json!({ "role": "assistant" }));
    let error = broken(vec![whole.slice(..whole.len() / 2)]).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_model_that_wants_an_inference_profile_is_told_of_in_words_that_help() {
    let fake = FakeProvider::start().unwrap();
    let said = "Invocation of model ID x with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or \
                ARN of an inference profile that contains this model.";
    fake.enqueue(Answer::error(400, "ValidationException", None, said));
    let error = chat(&fake).send().await.unwrap_err().to_string();
    assert!(error.contains(said) && error.contains("inference profile"), "{error}");
}

#[tokio::test]
async fn the_guardrail_is_sent_and_stands_on_the_span() {
    let fake = FakeProvider::start().unwrap();
    let (reply, spans) = capture_async(chat(&fake).guardrail("abc123", "DRAFT").send()).await;
    reply.unwrap();
    assert_eq!(fake.requests()[0].json()["guardrailConfig"]["guardrailIdentifier"], "abc123");
    assert_eq!(spans[0].attributes["aws.bedrock.guardrail.id"], "abc123");
}
