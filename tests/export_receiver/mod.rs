//! A receiver of OTLP over HTTP on this host, which answers as a test says.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part, in tests"
)]

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer, TracerProvider},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue as Attribute, any_value::Value},
    trace::v1::Span,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};
use tracing_genai::{
    export::{Destination, DestinationReport, Problem, Report, Signal, Telemetry, TelemetryBuilder},
    record::ErrorKind,
};

pub struct Received {
    pub at: Instant,
    pub path: String,
    pub headers: HashMap<String, String>,
    /// The message as it was encoded.
    pub body: Vec<u8>,
    /// Empty for metrics and logs.
    pub message: ExportTraceServiceRequest,
}

impl Received {
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.message
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

pub fn status(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new() }
}

impl Answer {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Default)]
struct Inbox {
    requests: Mutex<Vec<Arc<Received>>>,
    arrived: Condvar,
}

pub struct Receiver {
    pub url: String,
    inbox: Arc<Inbox>,
}

impl Receiver {
    /// Takes everything.
    pub fn new() -> Self {
        Self::answering(|_, _| status(200))
    }

    /// Answers each request by its number, from 0, and what it holds.
    pub fn answering(answer: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inbox = Arc::new(Inbox::default());
        let (sink, answer) = (Arc::clone(&inbox), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (sink, answer) = (Arc::clone(&sink), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &sink, &*answer));
            }
        });
        Self { url, inbox }
    }

    pub fn requests(&self) -> Vec<Arc<Received>> {
        self.inbox.requests.lock().unwrap().clone()
    }

    /// Waits until there are so many requests.
    pub fn wait_for(&self, count: usize, patience: Duration) {
        let requests = self.inbox.requests.lock().unwrap();
        let wait = self.inbox.arrived.wait_timeout_while(requests, patience, |all| all.len() < count);
        assert!(!wait.unwrap().1.timed_out(), "no {count} requests within {patience:?}");
    }

    /// The requests to this path.
    pub fn requests_to(&self, path: &str) -> Vec<Arc<Received>> {
        self.requests().into_iter().filter(|request| request.path == path).collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.requests().iter().flat_map(|request| request.spans().cloned().collect::<Vec<_>>()).collect()
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.spans().into_iter().map(|span| span.name).collect();
        names.sort();
        names
    }
}

fn serve(stream: TcpStream, inbox: &Inbox, answer: &dyn Fn(usize, &Received) -> Answer) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader) {
        let received = Arc::new(received);
        let number = {
            let mut requests = inbox.requests.lock().unwrap();
            requests.push(Arc::clone(&received));
            requests.len() - 1
        };
        inbox.arrived.notify_all();
        let answer = answer(number, &received);
        let mut head =
            format!("HTTP/1.1 {} Test\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
        for (name, value) in answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&answer.body)).is_err() {
            return;
        }
    }
}

/// The next request on a connection.
pub fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).ok()?;
        body = plain;
    }
    #[cfg(feature = "zstd")]
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "zstd") {
        body = zstd::stream::decode_all(body.as_slice()).ok()?;
    }
    let is_of_spans = !path.ends_with("/v1/metrics") && !path.ends_with("/v1/logs");
    let message = if is_of_spans {
        ExportTraceServiceRequest::decode(body.as_slice()).ok()?
    } else {
        Default::default()
    };
    Some(Received { at: Instant::now(), path, headers, body, message })
}

/// A telemetry and a provider of the program's with its processor.
pub struct Program {
    pub telemetry: Telemetry,
    pub provider: SdkTracerProvider,
    pub problems: Arc<Mutex<Vec<Problem>>>,
}

impl Program {
    pub fn sending_to(urls: &[&str]) -> Self {
        let destinations = urls.iter().map(|url| Destination::otlp(*url));
        Self::with(destinations.fold(Telemetry::builder(), TelemetryBuilder::destination))
    }

    pub fn with(builder: TelemetryBuilder) -> Self {
        let problems = Arc::<Mutex<Vec<Problem>>>::default();
        let told = Arc::clone(&problems);
        let telemetry =
            builder.on_problem(move |problem| told.lock().unwrap().push(problem.clone())).build().unwrap();
        let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
        Self { telemetry, provider, problems }
    }

    pub fn span(&self, name: &'static str) {
        self.span_with(name, Vec::new());
    }

    pub fn span_with(&self, name: &'static str, attributes: Vec<KeyValue>) {
        let mut span = self.provider.tracer("test").start(name);
        span.set_attributes(attributes);
        span.end();
    }

    /// Flushes with the patience of a test that expects an end, be it that settings are wrong.
    pub fn flush(&self) -> Report {
        balanced(match self.telemetry.flush_blocking(Duration::from_secs(20)) {
            Ok(report) => report,
            Err(error) if error.kind() == ErrorKind::Configuration => self.telemetry.report(),
            Err(error) => panic!("{error}"),
        })
    }

    /// Flushes until everything is accounted for: wrong settings are asked about once a second at most.
    pub fn flush_until_whole(&self) -> Report {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match self.telemetry.flush_blocking(Duration::from_secs(20)) {
                Ok(report) => return balanced(report),
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// The report, whose sums must hold at any moment.
pub fn balanced(report: Report) -> Report {
    assert_eq!(
        report.recorded,
        report.delivered + report.pending + report.rejected + report.dropped,
        "{report:?}"
    );
    report
}

pub fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

/// An address where nobody listens.
pub fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// One signal's account at the destination that takes it.
pub fn of_signal(report: &Report, signal: Signal) -> DestinationReport {
    report.destinations.iter().find(|destination| destination.signal == signal).unwrap().clone()
}

/// A receiver that answers so to this path, and takes all else.
pub fn refusing(path: &'static str, code: u16) -> Receiver {
    Receiver::answering(move |_, received| status(if received.path == path { code } else { 200 }))
}
