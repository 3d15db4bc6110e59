//! How much a call allocates beside the same call by bare `reqwest`, on the thread that calls.
//!
//! Counts grow where a feature needs them to: then set the number here, and say so in the commit.
//! They are a little above what is counted, for standard libraries and other crates to come.
//! `cargo bench --bench call_allocations` shows them all.

#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use bytes::Bytes;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::runtime::Runtime;
use tracing::Dispatch;
use tracing_genai::{
    Client,
    client::{Chat, ChatEvent},
    export::{Destination, Telemetry},
    provider::{Api, Limits, StreamReader},
    testing::{Answer, FakeProvider},
    wire::sse::SseParser,
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// What one call in one piece allocates beyond `reqwest`: counted are 38.
const UNARY: i64 = 42;
/// What one stream allocates beyond `reqwest`, whatever its length: counted are 45.
const STREAM: i64 = 49;
/// What each piece of text allocates: the string that the caller gets, and hardly more.
const PIECE: f64 = 1.02;
/// What the span adds when it is exported: counted are 32.
const SPAN: i64 = 35;

/// How often a call is made; the least counts, since how a body is cut into reads is chance.
const TRIES: usize = 9;

const EVENT: &str = r#"data: {"id":"chatcmpl-CeXkZ3m0hQ1wq8n2Vb5t7Yp4Ld9Rg","object":"chat.completion.chunk","created":1761000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aB3xk9"}"#;

/// One test at a time: a callsite first met by a thread without a subscriber, while another thread has the
/// program's only one, is off for both until the next subscriber comes (`tracing_core::callsite`).
static ALONE: Mutex<()> = Mutex::new(());

struct World {
    _alone: MutexGuard<'static, ()>,
    runtime: Runtime,
    provider: FakeProvider,
    http: reqwest::Client,
    client: Client,
}

impl World {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let provider = FakeProvider::start().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = Client::builder()
            .base_url(provider.base_url())
            .api_key("sk-test")
            .http_client(http.clone())
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { _alone: alone, runtime, provider, http, client }
    }

    fn chat(&self) -> Chat {
        self.client.chat("gpt-4o-mini").system("Be brief.").user("Why is the sky blue?").temperature(0.2)
    }

    /// What `call` allocates.
    fn count<F: Future<Output = ()>>(&self, answer: &Answer, call: impl Fn() -> F) -> i64 {
        let mut least = i64::MAX;
        for try_ in 0..=TRIES {
            self.provider.enqueue(answer.clone());
            let counted = allocation_counter::measure(|| self.runtime.block_on(call()));
            // The first may open a connection.
            if try_ > 0 {
                least = least.min(i64::try_from(counted.count_total).unwrap());
            }
        }
        least
    }

    fn raw(&self, answer: &Answer) -> i64 {
        let url: reqwest::Url = format!("{}/chat/completions", self.provider.base_url()).parse().unwrap();
        let body = Bytes::from(r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Why?"}]}"#);
        self.count(answer, || async {
            let request = self.http.post(url.clone()).bearer_auth("sk-test").body(body.clone());
            let request = request.header(http::header::CONTENT_TYPE, "application/json");
            let mut answer = request.send().await.unwrap();
            while answer.chunk().await.unwrap().is_some() {}
        })
    }

    fn unary(&self) -> i64 {
        self.count(&whole(), || async {
            assert!(self.chat().send().await.unwrap().usage().total_tokens.is_some());
        })
    }

    fn stream(&self, pieces: usize) -> i64 {
        self.count(&stream(pieces), || async {
            let mut stream = self.chat().stream().await.unwrap();
            let mut seen = 0;
            while let Some(event) = stream.next().await {
                seen += usize::from(matches!(event.unwrap(), ChatEvent::Text { .. }));
            }
            assert_eq!(seen, pieces);
        })
    }
}

fn whole() -> Answer {
    let content = "The sky scatters blue light. ".repeat(50);
    let body = serde_json::json!({
        "id": "chatcmpl-CeXkZ3m0hQ1wq8n2Vb5t7Yp4Ld9Rg",
        "object": "chat.completion",
        "created": 1_761_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": null, "annotations": []},
            "logprobs": null,
            "finish_reason": "stop"
        }],
        "usage": {
            "prompt_tokens": 271, "completion_tokens": 230, "total_tokens": 501,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}
        },
        "service_tier": "default",
        "system_fingerprint": "fp_560af6e559"
    });
    Answer::raw(200, "application/json", body.to_string())
}

fn events(pieces: usize) -> String {
    let last = EVENT
        .replace(r#"{"content":" word"}"#, "{}")
        .replace(r#""finish_reason":null"#, r#""finish_reason":"stop""#);
    format!("{}{last}\n\ndata: [DONE]\n\n", format!("{EVENT}\n\n").repeat(pieces))
}

fn stream(pieces: usize) -> Answer {
    let events = events(pieces);
    let chunks = events.split_inclusive("\n\n").map(|event| Bytes::from(event.to_owned())).collect();
    Answer::chunks(200, "text/event-stream", chunks)
}

#[test]
fn a_call_that_nobody_watches() {
    let world = World::new();
    let added = world.unary() - world.raw(&whole());
    assert!(added <= UNARY, "a call allocates {added} times more than reqwest");
}

#[test]
fn a_stream_allocates_what_it_hands_out() {
    let world = World::new();
    let (short, long) = (world.stream(100), world.stream(1100));
    let piece = (long - short) as f64 / 1000.0;
    assert!(piece <= PIECE, "a piece of text allocates {piece} times");
    let added = short - world.raw(&stream(100)) - 100;
    assert!(added <= STREAM, "a stream allocates {added} times more than reqwest and its text");
}

#[test]
fn a_log_that_does_not_want_the_spans_costs_nothing() {
    let world = World::new();
    let (unary, stream) = (world.unary(), world.stream(100));
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn")).finish();
    tracing::dispatcher::with_default(&Dispatch::new(log), || {
        assert!(world.unary() <= unary + 1);
        assert!(world.stream(100) <= stream + 1);
    });
}

#[test]
fn a_span_that_is_exported_costs_the_same_for_streams_of_any_length() {
    let world = World::new();
    let unary = world.unary();
    let telemetry = Telemetry::builder()
        .destination(Destination::otlp("http://127.0.0.1:1"))
        .drop_timeout(Duration::ZERO)
        .on_problem(|_| ())
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::dispatcher::with_default(&Dispatch::new(subscriber), || {
        let span = world.unary() - unary;
        assert!((1..=SPAN).contains(&span), "an exported span allocates {span} times");
        let (short, long) = (world.stream(100), world.stream(1100));
        let piece = (long - short) as f64 / 1000.0;
        assert!(piece <= PIECE, "a piece of text allocates {piece} times");
    });
}

#[test]
fn reading_a_stream_allocates_nothing_but_the_answer() {
    let events = events(1000);
    let (mut parser, mut text) = (SseParser::new(), 0);
    let counted = allocation_counter::measure(|| {
        let mut reader = StreamReader::new(Api::OpenAiChat, Limits::default()).unwrap();
        parser.feed(events.as_bytes(), &mut |event| {
            reader.event(event.name, event.data, &mut |_| text += 1);
        });
        assert!(reader.is_complete());
    });
    assert_eq!(text, 1001);
    // The model's name and the like, and the text as it doubles: counted are 19.
    assert!(counted.count_total <= 21, "reading allocates {} times", counted.count_total);
}
