//! Spans of genai, whose client takes no middleware: repaired as they are exported.

use crate::program::{Program, spans, usage};
use futures_util::StreamExt;
use genai::{
    Client, ServiceTarget,
    chat::{ChatMessage, ChatOptions, ChatRequest},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use opentelemetry::trace::SpanKind;
use tracing_genai::testing::Answer;

fn client(program: &Program) -> Client {
    let base = format!("{}/", program.provider.base_url());
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            let endpoint = Endpoint::from_owned(base.clone());
            Ok(ServiceTarget { endpoint, auth: AuthData::from_single("sk-test"), ..target })
        },
    );
    Client::builder().with_service_target_resolver(resolver).build().unwrap()
}

fn hello() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("Hello")])
}

#[tokio::test]
async fn a_chat_has_the_types_and_the_kind_of_the_conventions() {
    let spans = spans(async |program| {
        program.provider.enqueue(Answer::text("Hej.").usage(usage(7, 3)));
        let options = ChatOptions::default().with_stop_sequences(vec!["END".to_owned()]);
        client(program).exec_chat("gpt-4o-mini", hello(), Some(&options)).await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    assert_eq!((span.name.as_str(), &span.kind), ("chat gpt-4o-mini", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.provider.name"], "openai");
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert_eq!(span.attributes["gen_ai.request.stop_sequences"], ["END"]);
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["server.address"], "127.0.0.1");
    assert!(span.attributes["server.port"].as_i64().is_some());
    assert!(!span.is_failed());
    assert_eq!(span.content(), [""; 0]);
}

#[tokio::test]
async fn a_stream_has_them_too() {
    let spans = spans(async |program| {
        program.provider.enqueue(Answer::text("Hej.").usage(usage(7, 3)));
        let options = ChatOptions::default().with_capture_usage(true);
        let client = client(program);
        let mut stream =
            client.exec_chat_stream("gpt-4o-mini", hello(), Some(&options)).await.unwrap().stream;
        while let Some(event) = stream.next().await {
            event.unwrap();
        }
    })
    .await;
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    assert_eq!((span.name.as_str(), &span.kind), ("chat gpt-4o-mini", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.request.stream"], true);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 3);
    assert!(span.attributes["gen_ai.response.time_to_first_chunk"].as_f64().is_some());
}

#[tokio::test]
async fn embeddings_have_them_too() {
    let spans = spans(async |program| {
        client(program).embed("text-embedding-3-small", "sea", None).await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    assert_eq!((span.name.as_str(), &span.kind), ("embeddings text-embedding-3-small", &SpanKind::Client));
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 1);
}

#[tokio::test]
async fn a_refusal_keeps_its_error() {
    let spans = spans(async |program| {
        program.provider.enqueue(Answer::error(429, "requests", "rate_limit_exceeded", "Slow down."));
        client(program).exec_chat("gpt-4o-mini", hello(), None).await.unwrap_err();
    })
    .await;
    assert_eq!(spans.len(), 1);
    assert!(spans[0].attributes.contains_key("error.type"));
    assert!(spans[0].is_failed());
}
