//! Metrics and log records on their way to an OTLP receiver over gRPC.
#![cfg(all(feature = "grpc", feature = "metrics", feature = "logs"))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod export_receiver;

use export_receiver::Program;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry::{
    KeyValue,
    logs::{LogRecord as _, Logger, LoggerProvider},
    metrics::MeterProvider,
};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
};
use opentelemetry_sdk::{logs::SdkLoggerProvider, metrics::SdkMeterProvider};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, codegen::Service};
use tracing_genai::export::{Destination, Protocol, Signal, Telemetry};

#[derive(Default)]
struct Inbox {
    metrics: Mutex<Vec<Request<ExportMetricsServiceRequest>>>,
    logs: Mutex<Vec<Request<ExportLogsServiceRequest>>>,
}

/// A receiver that rejects one data point of each request, and takes all records.
#[derive(Clone, Default)]
struct Sink(Arc<Inbox>);

#[tonic::async_trait]
impl MetricsService for Sink {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.metrics.lock().unwrap().push(request);
        let partial = ExportMetricsPartialSuccess { rejected_data_points: 1, error_message: "old".into() };
        Ok(Response::new(ExportMetricsServiceResponse { partial_success: Some(partial) }))
    }
}

#[tonic::async_trait]
impl LogsService for Sink {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.logs.lock().unwrap().push(request);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

async fn serve(listener: TcpListener, sink: Sink) {
    while let Ok((stream, _)) = listener.accept().await {
        let sink = sink.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (mut metrics, mut logs) =
                (MetricsServiceServer::new(sink.clone()), LogsServiceServer::new(sink.clone()));
            async move {
                if request.uri().path().contains("MetricsService") {
                    metrics.call(request).await
                } else {
                    logs.call(request).await
                }
            }
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

#[test]
fn metrics_and_records_go_to_their_services_with_the_destinations_headers() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sink = Sink::default();
    runtime.spawn(serve(listener, sink.clone()));

    let destination = Destination::otlp(address).protocol(Protocol::Grpc).header("x-key", "hunter2");
    let program = Program::with(Telemetry::builder().destination(destination));
    let meters =
        SdkMeterProvider::builder().with_periodic_exporter(program.telemetry.metric_exporter()).build();
    let counter = meters.meter("test").u64_counter("orders").build();
    for point in 0..3 {
        counter.add(1, &[KeyValue::new("point", point)]);
    }
    meters.force_flush().unwrap();
    let loggers = SdkLoggerProvider::builder().with_batch_exporter(program.telemetry.log_exporter()).build();
    let logger = loggers.logger("test");
    let mut record = logger.create_log_record();
    record.set_body("one".into());
    logger.emit(record);
    loggers.force_flush().unwrap();

    let report = program.flush();
    let of = |signal| report.destinations.iter().find(|destination| destination.signal == signal).unwrap();
    let (metrics, logs) = (of(Signal::Metrics), of(Signal::Logs));
    assert_eq!((metrics.delivered, metrics.reasons["partial_success"]), (2, 1));
    assert_eq!((logs.delivered, logs.rejected), (1, 0));
    let received = sink.0.metrics.lock().unwrap();
    assert_eq!(received[0].metadata().get("x-key").unwrap(), "hunter2");
    let metric = &received[0].get_ref().resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "orders");
    let received = sink.0.logs.lock().unwrap();
    assert_eq!(received[0].metadata().get("x-key").unwrap(), "hunter2");
    assert_eq!(received[0].get_ref().resource_logs[0].scope_logs[0].log_records.len(), 1);
}
