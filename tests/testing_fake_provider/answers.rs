use super::{chunks, json, ok, post, post_to, provider};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
};
use tracing_genai::{
    record::Usage,
    testing::{Answer, FakeProvider},
};

const CHAT: &str = "/chat/completions";

fn hello() -> Value {
    json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }] })
}

fn streamed() -> Value {
    json!({ "model": "gpt-4o", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] })
}

/// The body as far as it came, and whether it came whole.
async fn read(provider: &FakeProvider, request: &Value) -> (Vec<u8>, bool) {
    let mut response = post(provider, CHAT, request).send().await.unwrap();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        }
    }
}

#[tokio::test]
async fn come_in_order_and_then_as_usual() {
    let provider = provider();
    provider.enqueue(Answer::text("one"));
    provider.enqueue(Answer::text("two"));
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(json(&provider, CHAT, hello()).await["choices"][0]["message"]["content"].clone());
    }
    assert_eq!(said, ["one", "two", "You said: Hello"]);
}

#[tokio::test]
async fn have_the_headers_of_openai() {
    let response = post(&provider(), CHAT, &hello()).send().await.unwrap();
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["openai-version"], "2020-10-01");
    assert_eq!(headers["x-request-id"], "req_00000000000000000000000000000001");
}

#[tokio::test]
async fn have_the_headers_of_the_test_in_place_of_their_own() {
    let provider = provider();
    provider.enqueue(
        Answer::text("hi").header("x-request-id", "req_mine").header("cf-ray", "a").header("cf-ray", "b"),
    );
    let response = post(&provider, CHAT, &hello()).send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "req_mine");
    assert_eq!(response.headers().get_all("cf-ray").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
}

#[tokio::test]
async fn that_cannot_be_sent_say_so() {
    let provider = provider();
    provider.enqueue(Answer::text("hi").header("not a name", "x"));
    let response = post(&provider, CHAT, &hello()).send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(response.text().await.unwrap().contains("not a name"));
}

#[tokio::test]
async fn report_the_usage_and_the_model_they_were_given() {
    let provider = provider();
    let mut usage = Usage::default();
    usage.input_tokens = Some(100);
    usage.cache_read_input_tokens = Some(64);
    usage.output_tokens = Some(20);
    usage.reasoning_output_tokens = Some(16);
    provider.enqueue(Answer::text("hi").usage(usage).model("gpt-5-2025-08-07"));
    let answer = json(&provider, CHAT, hello()).await;
    assert_eq!(answer["model"], "gpt-5-2025-08-07");
    assert_eq!(answer["usage"]["total_tokens"], 120);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 64);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 16);
}

#[tokio::test]
async fn of_raw_bytes_are_sent_as_they_are() {
    let provider = provider();
    provider.enqueue(Answer::raw(503, "text/plain", "upstream connect error"));
    let response = post(&provider, "/anything", &json!(null)).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.content_length(), Some(22));
    assert_eq!(response.text().await.unwrap(), "upstream connect error");
}

#[tokio::test]
async fn of_chunks_are_sent_a_chunk_at_a_time() {
    let provider = provider();
    let parts = ["data: {\"a\"", ":1}\n", "\n"].map(Bytes::from).to_vec();
    provider.enqueue(Answer::chunks(200, "text/event-stream", parts));
    let mut response = post(&provider, CHAT, &streamed()).send().await.unwrap();
    assert_eq!(response.content_length(), None);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend_from_slice(&chunk);
    }
    assert_eq!(body, b"data: {\"a\":1}\n\n");
}

#[tokio::test]
async fn cut_short_leave_the_client_with_an_incomplete_body() {
    let provider = provider();
    provider.enqueue(Answer::text("a b c").close_after(2));
    let (body, whole) = read(&provider, &streamed()).await;
    assert!(!whole);
    assert_eq!(String::from_utf8(body).unwrap().matches("data: ").count(), 2);
}

#[tokio::test]
async fn cut_short_in_one_piece_leave_the_client_with_an_incomplete_body() {
    for chunks in [0, 1] {
        let provider = provider();
        provider.enqueue(Answer::text("a b c").close_after(chunks));
        assert!(!read(&provider, &hello()).await.1, "after {chunks}");
    }
}

#[tokio::test]
async fn without_a_word_leave_the_client_with_a_closed_connection() {
    let provider = provider();
    provider.enqueue(Answer::drop_connection());
    assert!(post(&provider, CHAT, &hello()).send().await.is_err());
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn to_chat_fail_in_a_stream_with_an_error_and_no_end() {
    let provider = provider();
    provider.enqueue(Answer::text("a b c").mid_stream_error(2, "server_error", None, "Sorry."));
    let (body, whole) = read(&provider, &streamed()).await;
    assert!(whole);
    let body = String::from_utf8(body).unwrap();
    let last = body.trim_end().rsplit("\n\n").next().unwrap().strip_prefix("data: ").unwrap();
    let error: Value = serde_json::from_str(last).unwrap();
    assert_eq!(error["error"]["type"], "server_error");
    assert_eq!(error["error"]["code"], Value::Null);
}

#[tokio::test]
async fn are_answers_to_requests_that_can_be_read_back() {
    let provider = provider();
    chunks(&provider, streamed()).await;
    let request = &provider.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(request.json(), streamed());
}

#[test]
fn reach_a_client_without_a_runtime() {
    let provider = provider();
    provider.enqueue(Answer::raw(200, "text/plain", "blocking"));
    let address = provider.base_url();
    let address = address.trim_start_matches("http://").trim_end_matches("/v1");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nblocking"), "{answer}");
}

#[tokio::test]
async fn list_models() {
    let provider = provider();
    let request = reqwest::Client::new().get(format!("{}/models", provider.base_url()));
    let body = request.header("authorization", "Bearer sk").send().await.unwrap().text().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["data"][0]["object"], "model");
}

#[tokio::test]
async fn of_mistral_and_cohere_are_openais() {
    let provider = provider();
    for url in [provider.mistral_url(), provider.cohere_url()] {
        let mut body = hello();
        body["model"] = json!("small");
        let request = post_to(format!("{url}/chat/completions"), &body);
        let answer = ok(request.header("authorization", "Bearer key")).await;
        assert_eq!(answer["choices"][0]["message"]["content"], "You said: Hello");
    }
}
