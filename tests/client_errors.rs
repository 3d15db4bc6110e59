//! What a caller learns when an answer is not what it should be, and what the span keeps of it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use tracing_genai::{
    Client, Error,
    client::{ChatEvent, Provider, Reply},
    record::{ErrorKind, Outcome},
    testing::{Answer, FakeProvider, FinishedSpan, capture_async},
};

fn client(provider: &FakeProvider) -> Client {
    Client::builder().base_url(provider.base_url()).api_key("sk-test").max_retries(0).build().unwrap()
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
async fn a_failed_response_is_an_error_for_a_streams_request_too() {
    let provider = FakeProvider::start().unwrap();
    let body = r#"{"id":"resp_1","object":"response","status":"failed","output":[],"error":{"code":"server_error","message":"It broke."}}"#;
    provider.enqueue(Answer::raw(200, "application/json", body));
    let call = client(&provider).chat("gpt-4o").user("Hi").responses();
    let (reply, spans) = capture_async(async { call.stream().await?.finish().await }).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "failed");
}

#[tokio::test]
async fn an_answer_in_one_piece_gives_every_event_that_a_stream_would() {
    let provider = FakeProvider::start().unwrap();
    let body = r#"{"id":"c","choices":[{"index":1,"message":{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"saw","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    provider.enqueue(Answer::raw(200, "application/json", body));
    let mut stream = client(&provider).chat("gpt-4o").user("Hi").stream().await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        seen.push(match event.unwrap() {
            ChatEvent::ToolCall { choice: 1, name, .. } => name,
            ChatEvent::ToolArguments { choice: 1, fragment, .. } => fragment,
            ChatEvent::Finished { choice: 1, .. } => "finished".to_owned(),
            ChatEvent::Usage(usage) => format!("{:?}", usage.output_tokens),
            ChatEvent::Done(_) => "done".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["saw", "{}", "finished", "Some(2)", "done"]);
}

#[tokio::test]
async fn an_error_in_the_clothes_of_a_success_is_an_error() {
    for (body, kind) in [
        (
            r#"{"id":"g","choices":[],"error":{"code":502,"message":"Provider returned error"}}"#,
            ErrorKind::Server,
        ),
        (r#"{"error":{"code":429,"message":"Slow down."}}"#, ErrorKind::RateLimited),
        (r#"{"object":"error","message":"out of memory","code":500}"#, ErrorKind::Server),
    ] {
        let (reply, span) = chat(Answer::raw(200, "application/json", body)).await;
        assert_eq!(reply.unwrap_err().kind(), kind, "{body}");
        assert_eq!(span.attributes["tracing_genai.outcome"], "failed");
    }
}

#[tokio::test]
async fn an_error_event_of_any_form_ends_a_stream_with_its_words() {
    let content = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"One"}}]}"#;
    for error in [
        r#"data: {"object":"error","message":"out of memory","code":500}"#,
        r#"data: {"error":"out of memory"}"#,
        "event: error\ndata: out of memory",
    ] {
        let body = format!("{content}\n\n{error}\n\ndata: [DONE]\n\n");
        let (reply, span) = stream(Answer::raw(200, "text/event-stream", body)).await;
        assert_eq!(reply.unwrap_err().info().message, "out of memory", "{error}");
        assert_eq!(span.attributes["tracing_genai.outcome"], "failed");
    }
}

#[tokio::test]
async fn an_end_without_an_answer_is_no_answer() {
    let (reply, _) = stream(Answer::raw(200, "text/event-stream", "data: [DONE]\n\n")).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_generation_that_never_began_is_missed_at_its_place() {
    let provider = FakeProvider::start().unwrap();
    let event =
        r#"data: {"id":"c","choices":[{"index":1,"delta":{"content":"One"},"finish_reason":"stop"}]}"#;
    provider.enqueue(Answer::raw(200, "text/event-stream", format!("{event}\n\n")));
    let call = client(&provider).chat("gpt-4o").user("Hi").choices(2);
    let (reply, spans) = capture_async(async { call.stream().await?.finish().await }).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["error", "stop"]);
}

#[tokio::test]
async fn an_error_inside_a_stream_names_the_request() {
    let answer = Answer::text("One two.").mid_stream_error(2, "server_error", "server_error", "It broke.");
    let (reply, span) = stream(answer.header("x-request-id", "req_42")).await;
    assert_eq!(reply.unwrap_err().info().request_id.as_deref(), Some("req_42"));
    assert_eq!(span.operation.unwrap().request_id.as_deref(), Some("req_42"));
}

#[tokio::test]
async fn fewer_vectors_than_inputs_are_an_error() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::raw(200, "application/json", r#"{"data":[{"index":1,"embedding":[1.0]}]}"#));
    let call = client(&provider).embed("text-embedding-3-small").inputs(["sea", "land"]);
    assert_eq!(call.send().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_content_that_nobody_asked_to_record() {
    let body = r#"{"id":"1","choices":[{"message":{"content":"PATIENT JANE DOE"#;
    let (reply, span) = chat(Answer::raw(200, "application/json", body)).await;
    assert!(reply.unwrap_err().to_string().contains("JANE DOE"), "the caller sees it");
    assert!(!format!("{:?} {:?}", span.status, span.attributes).contains("JANE DOE"));
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

#[test]
fn a_call_without_a_runtime_says_what_it_needs() {
    let provider = FakeProvider::start().unwrap();
    let mut call = Box::pin(client(&provider).chat("gpt-4o").user("Hi").send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else { panic!("no error") };
    assert!(error.to_string().contains("tokio runtime"), "{error}");
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
