//! Spans on their way to an OTLP receiver over gRPC.
#![cfg(feature = "grpc")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, balanced, nowhere, value};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tonic::{Code, Request, Response, Status, codec::CompressionEncoding, transport::server::TcpIncoming};
use tracing::{Event, Subscriber};
use tracing_genai::export::{Compression, Destination, Protocol, Telemetry};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

type Answer = Result<ExportTraceServiceResponse, Status>;
type Answerer = Arc<dyn Fn(usize, &[Span]) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Service {
    calls: Arc<Mutex<Vec<Call>>>,
    answer: Answerer,
}

struct Call {
    key: Option<String>,
    spans: Vec<Span>,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").map(|value| value.to_str().unwrap().to_owned());
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
        let mut calls = self.calls.lock().unwrap();
        let answer = (self.answer)(calls.len(), &spans);
        calls.push(Call { key, spans });
        answer.map(Response::new)
    }
}

/// A gRPC receiver on a thread of its own, and its address.
fn receiver(
    answer: impl Fn(usize, &[Span]) -> Answer + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Call>>>) {
    let service = Service { calls: Arc::default(), answer: Arc::new(answer) };
    let calls = Arc::clone(&service.calls);
    let (sender, address) = mpsc::channel();
    let thread = std::thread::Builder::new().name("receiver".into());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            sender.send(incoming.local_addr().unwrap()).unwrap();
            let service = TraceServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
    };
    thread.spawn(run).unwrap();
    (format!("http://{}", address.recv().unwrap()), calls)
}

fn taken() -> Answer {
    Ok(ExportTraceServiceResponse::default())
}

fn destination(url: &str) -> Destination {
    Destination::otlp(url).protocol(Protocol::Grpc)
}

fn program(url: &str) -> Program {
    Program::with(Telemetry::builder().destination(destination(url)))
}

#[test]
fn a_span_arrives_with_its_integers_and_its_headers() {
    let (url, calls) = receiver(|_, _| taken());
    let program =
        Program::with(Telemetry::builder().destination(destination(&url).header("x-key", "hunter2")));
    program.span_with("chat", vec![KeyValue::new("gen_ai.usage.input_tokens", 12)]);
    assert_eq!(program.flush().delivered, 1);

    let calls = calls.lock().unwrap();
    assert_eq!(calls[0].key.as_deref(), Some("hunter2"));
    let attributes = &calls[0].spans[0].attributes;
    assert_eq!(value(attributes, "gen_ai.usage.input_tokens"), Some(&Value::IntValue(12)));
}

#[test]
fn a_compressed_request_arrives_whole() {
    let (url, calls) = receiver(|_, _| taken());
    let destination = destination(&url).compression(Compression::Gzip);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
    assert_eq!(calls.lock().unwrap()[0].spans[0].name, "work");
}

#[test]
fn what_is_unavailable_for_a_while_loses_nothing_and_gets_it_once() {
    let (url, calls) =
        receiver(|number, _| if number == 0 { Err(Status::unavailable("later")) } else { taken() });
    let program = program(&url);
    program.span("work");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 0));
    assert_eq!(calls.lock().unwrap().len(), 2);
}

#[test]
fn what_is_refused_is_counted_by_its_code() {
    let (url, _) = receiver(|_, _| Err(Status::invalid_argument("no such project")));
    let program = program(&url);
    program.span("work");
    let report = program.flush();
    assert_eq!(report.destinations[0].reasons["grpc_invalid_argument"], 1);
}

#[test]
fn a_partial_success_counts_what_was_rejected() {
    let (url, _) = receiver(|_, _| {
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".into() };
        Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
    });
    let program = program(&url);
    program.span("new");
    program.span("old");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 1));
}

#[test]
fn what_is_too_large_is_split_until_it_fits() {
    let (url, _) = receiver(|_, spans| {
        if spans.len() > 1 {
            let message = "grpc: received message larger than max (9 vs. 4)";
            return Err(Status::new(Code::ResourceExhausted, message));
        }
        taken()
    });
    let program = program(&url);
    for name in ["a", "b", "c"] {
        program.span(name);
    }
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (3, 0));
}

#[test]
fn what_nobody_takes_is_dropped_at_the_shutdowns_deadline_and_counted() {
    let program = program(&nowhere());
    program.span("work");
    let report = balanced(program.telemetry.shutdown_blocking(Duration::from_millis(200)));
    assert_eq!(report.destinations[0].reasons["shutdown"], 1);
}

/// The names of the threads that logged anything.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<BTreeSet<String>>>);

impl<S: Subscriber> Layer<S> for Threads {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().insert(name);
    }
}

#[test]
fn the_export_is_not_logged_by_itself() {
    let threads = Threads::default();
    tracing::subscriber::set_global_default(Registry::default().with(threads.clone())).unwrap();
    let (url, _) = receiver(|_, _| taken());
    let program = program(&url);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);

    let threads = threads.0.lock().unwrap();
    assert!(threads.contains("receiver"), "HTTP/2 logs where it is heard: {threads:?}");
    assert!(!threads.contains("tracing-genai"), "{threads:?}");
}
