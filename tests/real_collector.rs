//! Spans that pass a real collector arrive as they were sent: [rotel], OTLP in and OTLP out.
//!
//! `ROTEL_AGENT` is the path of its `rotel-agent` (in the package of that name on `PyPI`); without it the
//! tests say that they were skipped.
//!
//! [rotel]: https://github.com/streamfold/rotel
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    Client, ContentCapture, Destination, Telemetry,
    testing::{Answer, FakeProvider, FinishedSpan, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// How long the collector may take to start, and a span to pass it.
const PATIENCE: Duration = Duration::from_secs(30);

struct Collector {
    process: Child,
    http: u16,
    #[cfg_attr(not(feature = "grpc"), allow(dead_code, reason = "only its port for gRPC goes unused"))]
    grpc: u16,
}

impl Collector {
    /// A collector that passes on to `sink`; `None`, and a word about it, where there is none.
    fn start(sink: &OtlpSink) -> Option<Self> {
        let Some(agent) = env::var_os("ROTEL_AGENT") else {
            eprintln!("skipped: ROTEL_AGENT is not set");
            return None;
        };
        let (http, grpc) = (free_port(), free_port());
        let process = Command::new(agent)
            .arg("start")
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &sink.endpoint()])
            .args(["--batch-timeout", "100ms"])
            .args(["--pid-file", &format!("{}/rotel-{http}.pid", env::temp_dir().display())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let collector = Self { process, http, grpc };
        let deadline = Instant::now() + PATIENCE;
        for port in [http, grpc] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "the collector does not listen");
                thread::yield_now();
            }
        }
        Some(collector)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The spans of a chat and a stream, sent straight to one sink and through the collector to another.
async fn compare(direct: &OtlpSink, through: &OtlpSink, collector: Destination) {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::tool_call("get_weather", r#"{"city":"Paris"}"#));
    provider.enqueue(Answer::text("Eighteen degrees."));
    let telemetry = Telemetry::builder()
        .service_name("shop")
        .destination(Destination::otlp(direct.endpoint()))
        .destination(collector)
        .build()
        .unwrap();
    let client = Client::builder()
        .base_url(provider.base_url())
        .api_key("sk-test")
        .content(ContentCapture::on())
        .build()
        .unwrap();
    let work = async {
        client.chat("gpt-4o").user("Weather?").temperature(0.5).stop("END").send().await.unwrap();
        client.chat("gpt-4o").user("And?").stream().await.unwrap().finish().await.unwrap();
    };
    work.with_subscriber(Registry::default().with(telemetry.layer())).await;
    // A collector that has just begun may take its time on a busy machine.
    let mut flushed = telemetry.flush(Duration::from_secs(5)).await;
    for _ in 0..10 {
        if flushed.is_ok() {
            break;
        }
        flushed = telemetry.flush(Duration::from_secs(5)).await;
    }
    let report = flushed.unwrap();
    assert_eq!((report.delivered, report.rejected, report.dropped), (4, 0, 0));

    let sent = sorted(direct.wait_for_spans_async(2, PATIENCE).await);
    let arrived = sorted(through.wait_for_spans_async(2, PATIENCE).await);
    assert_eq!((sent.len(), arrived.len()), (2, 2));
    for (sent, arrived) in sent.iter().zip(&arrived) {
        assert_eq!(sent.attributes, arrived.attributes);
        assert_eq!((&sent.name, &sent.kind, &sent.status), (&arrived.name, &arrived.kind, &arrived.status));
        assert_eq!((&sent.trace_id, &sent.span_id), (&arrived.trace_id, &arrived.span_id));
        assert_eq!(
            (sent.start_unix_nanos, sent.end_unix_nanos),
            (arrived.start_unix_nanos, arrived.end_unix_nanos)
        );
        assert_eq!(arrived.resource["service.name"], "shop");
    }
}

fn sorted(mut spans: Vec<FinishedSpan>) -> Vec<FinishedSpan> {
    spans.sort_by_key(|span| span.start_unix_nanos);
    spans
}

#[tokio::test]
async fn over_http_a_span_passes_unchanged() {
    let (direct, through) = (OtlpSink::start().unwrap(), OtlpSink::start().unwrap());
    let Some(collector) = Collector::start(&through) else { return };
    let address = format!("http://127.0.0.1:{}", collector.http);
    compare(&direct, &through, Destination::otlp(address)).await;
}

#[cfg(feature = "grpc")]
#[tokio::test]
async fn over_grpc_a_span_passes_unchanged() {
    let (direct, through) = (OtlpSink::start().unwrap(), OtlpSink::start().unwrap());
    let Some(collector) = Collector::start(&through) else { return };
    let address = format!("http://127.0.0.1:{}", collector.grpc);
    let destination = Destination::otlp(address).protocol(tracing_genai::export::Protocol::Grpc);
    compare(&direct, &through, destination).await;
}
