//! What a caller learns when an answer is not what it should be, and what the span keeps of it.
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use tracing_genai::{
    Client, Error,
    client::{ChatEvent, Provider, Reply},
    record::{ErrorKind, Outcome},
    testing::{Answer, FakeProvider, FinishedSpan, capture_async},
};

fn client(provider: &FakeProvider) -> Client {
    Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap()
}

async fn chat(answer: Answer) -> (Result<Reply, Error>, FinishedSpan) {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(answer);
    let (reply, mut spans) = capture_async(client(&provider).chat("gpt-4o").user("Hi").send()).await;
    assert_eq!(spans.len(), 1);
    (reply, spans.remove(0))
}

async fn stream(answer: Answer) -> (Result<Reply, Error>, FinishedSpan) {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(answer);
    let work = async { client(&provider).chat("gpt-4o").user("Hi").stream().await?.finish().await };
    let (reply, mut spans) = capture_async(work).await;
    assert_eq!(spans.len(), 1);
    (reply, spans.remove(0))
}

#[track_caller]
fn assert_keeps(error: &Error, status: u16, first_bytes: &str) {
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Protocol, Some(status)));
    assert!(error.to_string().contains(first_bytes), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_json_keeps_its_status_and_first_bytes() {
    let (reply, span) = chat(Answer::raw(200, "text/html", "<html>Welcome to the proxy</html>")).await;
    assert_keeps(&reply.unwrap_err(), 200, "<html>Welcome");
    assert_eq!(span.attributes["error.type"], "protocol");
}

#[tokio::test]
async fn json_that_is_cut_off_keeps_its_status_and_first_bytes() {
    let (reply, _) = chat(Answer::raw(200, "application/json", r#"{"id":"chatcmpl-1","cho"#)).await;
    assert_keeps(&reply.unwrap_err(), 200, "chatcmpl-1");
}

#[tokio::test]
async fn a_body_shorter_than_it_said_is_a_broken_connection() {
    let (reply, span) = chat(Answer::text("Hello.").close_after(0)).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Connection);
    assert_eq!(span.attributes["error.type"], "connection");
}

#[tokio::test]
async fn what_claims_to_be_a_stream_of_events_and_is_none_keeps_its_first_bytes() {
    let (reply, span) = stream(Answer::raw(200, "text/event-stream", "<html>Welcome</html>")).await;
    assert_keeps(&reply.unwrap_err(), 200, "<html>Welcome");
    assert_eq!(span.attributes["error.type"], "protocol");
}

#[tokio::test]
async fn a_stream_of_events_that_are_not_json_keeps_its_first_bytes() {
    let (reply, _) = stream(Answer::raw(200, "text/event-stream", "data: Welcome\n\n")).await;
    assert_keeps(&reply.unwrap_err(), 200, "data: Welcome");
}

#[tokio::test]
async fn a_stream_without_its_last_event_is_an_error_that_keeps_what_came() {
    let event = r#"data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"One "}}]}"#;
    let body = Bytes::from(format!("{event}\n\n"));
    let (reply, span) = stream(Answer::chunks(200, "text/event-stream", vec![body])).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(span.attributes["gen_ai.response.id"], "chatcmpl-1");
    let operation = span.operation.unwrap();
    let Some(tracing_genai::record::Call::Inference { response, .. }) = Some(&operation.call) else {
        panic!("{operation:?}")
    };
    assert_eq!(response.text(), "One ");
}

#[tokio::test]
async fn an_answer_in_one_piece_to_a_streams_request_is_the_answer() {
    let whole = r#"{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hej."},"finish_reason":"stop"}]}"#;
    let (reply, span) = stream(Answer::raw(200, "application/json", whole)).await;
    assert_eq!(reply.unwrap().text(), "Hej.");
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
}

#[tokio::test]
async fn a_stream_shows_no_empty_text() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("One two."));
    let mut stream = client(&provider).chat("gpt-4o").user("Hi").stream().await.unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            ChatEvent::Text { text: more, .. } => {
                assert!(!more.is_empty());
                text += &more;
            }
            ChatEvent::Done(reply) => assert_eq!(reply.text(), text),
            _ => {}
        }
    }
    assert_eq!(text, "One two.");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_error_says_why() {
    let provider = FakeProvider::start().unwrap();
    let elsewhere = FakeProvider::start().unwrap();
    let location = format!("{}/chat/completions", elsewhere.base_url());
    provider.enqueue(Answer::raw(307, "text/plain", "").header("location", location));
    let error = client(&provider).chat("gpt-4o").user("Hi").send().await.unwrap_err();
    assert_eq!(error.http_status(), Some(307));
    assert!(error.to_string().contains("not followed"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_response_that_tells_it_failed_is_an_error_that_keeps_its_id() {
    let provider = FakeProvider::start().unwrap();
    let body = r#"{"id":"resp_1","object":"response","status":"failed","model":"gpt-4o","output":[],"error":{"code":"server_error","message":"It broke."}}"#;
    provider.enqueue(Answer::raw(200, "application/json", body));
    let call = client(&provider).chat("gpt-4o").user("Hi").responses();
    let (reply, spans) = capture_async(call.send()).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(spans[0].attributes["gen_ai.response.id"], "resp_1");
    assert_eq!(spans[0].attributes["error.type"], "server_error");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_anything_is_sent_or_a_span_is_made() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let attempts = async {
        [
            client.chat("gpt-4o").send().await.unwrap_err(),
            client.chat(" ").user("Hi").send().await.unwrap_err(),
            client.chat("gpt-4o").user("Hi").previous_response("resp_1").send().await.unwrap_err(),
            client.embed("text-embedding-3-small").send().await.unwrap_err(),
        ]
    };
    let (errors, spans) = capture_async(attempts).await;
    for (error, names) in errors.iter().zip([".user(", "model", "previous_response", ".input("]) {
        assert!(error.to_string().contains(names), "{error}");
    }
    assert!(spans.is_empty() && provider.requests().is_empty());
}

#[tokio::test]
async fn a_model_of_nobody_is_refused_unless_the_provider_is_named() {
    let named = Client::builder().api_key("sk-test").provider(Provider::OpenAi).build();
    assert!(named.is_ok());
    if std::env::var_os("OPENAI_BASE_URL").is_none() {
        let client = Client::builder().api_key("sk-test").build().unwrap();
        let error = client.chat("llama-3").user("Hi").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(".provider("), "{error}");
    }
}

#[tokio::test]
async fn a_caller_that_stops_after_the_last_finish_reason_has_the_whole_answer() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("One."));
    let work = async {
        let mut stream = client(&provider).chat("gpt-4o").user("Hi").stream().await.unwrap();
        while let Some(event) = stream.next().await {
            if matches!(event.unwrap(), ChatEvent::Finished { .. }) {
                break;
            }
        }
    };
    let ((), spans) = capture_async(work).await;
    assert_eq!(spans[0].operation.as_ref().unwrap().outcome, Outcome::Done);
}
