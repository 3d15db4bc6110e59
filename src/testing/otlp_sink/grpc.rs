//! OTLP over gRPC.

use super::{State, answer::Kind, received};
use crate::testing::{gate::Watch, loopback::Loopback, signal::Signal};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use std::{io, sync::Arc};
use tokio::sync::Notify;
use tonic::{
    codegen::{CompressionEncoding, Service},
    metadata::MetadataMap,
};

pub(super) fn serve(shared: Arc<Signal<State>>) -> io::Result<Loopback> {
    Loopback::start("otlp-sink-grpc", move |stream| {
        let hung_up = Arc::new(Notify::new());
        let service =
            TraceServiceServer::new(Sink { shared: Arc::clone(&shared), hung_up: Arc::clone(&hung_up) })
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(usize::MAX);
        #[cfg(feature = "zstd")]
        let service = service.accept_compressed(CompressionEncoding::Zstd);
        let service = service_fn(move |request| call(service.clone(), request));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        async move {
            let mut connection = std::pin::pin!(connection);
            let mut hung_up = std::pin::pin!(hung_up.notified());
            // The one that is ready first ends both: dropping the connection closes it.
            std::future::poll_fn(|context| {
                if hung_up.as_mut().poll(context).is_ready() {
                    return std::task::Poll::Ready(());
                }
                connection.as_mut().poll(context).map(drop)
            })
            .await;
        }
    })
}

/// The size of the request's message on the wire, without its five bytes of framing.
#[derive(Clone, Copy)]
struct EncodedSize(usize);

/// An HTTP answer in place of one by gRPC, as a proxy would give it.
#[derive(Clone)]
struct Proxied(http::StatusCode);

async fn call(
    mut service: TraceServiceServer<Sink>,
    request: Request<Incoming>,
) -> Result<Response<tonic::body::Body>, io::Error> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    parts.extensions.insert(EncodedSize(body.len().saturating_sub(5)));
    let request = Request::from_parts(parts, Full::new(body));
    match service.call(request).await {
        Ok(mut response) => {
            if let Some(Proxied(status)) = response.extensions_mut().remove() {
                let headers = std::mem::take(response.headers_mut());
                response = Response::new(tonic::body::Body::empty());
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                response.headers_mut().remove("content-type");
                response.headers_mut().remove("grpc-encoding");
            }
            Ok(response)
        }
        Err(never) => match never {},
    }
}

struct Sink {
    shared: Arc<Signal<State>>,
    hung_up: Arc<Notify>,
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let encoded_size = request.extensions().get().map_or(0, |EncodedSize(size)| *size);
        let (metadata, _, message) = request.into_parts();
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let export = received(path, &metadata.into_headers(), encoded_size, message);
        let spans = export.spans.clone();
        let answer = self.shared.receive(export);

        let mut watch = Watch::new(answer.gates.iter().cloned());
        for gate in &answer.gates {
            gate.pass().await;
        }
        watch.sent();
        let headers = MetadataMap::from_headers(answer.headers().collect());
        let mut response = match answer.kind {
            Kind::Accepted(accepted) => {
                // Before the answer: a client that has it finds its spans here.
                self.shared.accept(spans);
                tonic::Response::new(accepted)
            }
            Kind::Status { status, .. } => {
                let mut response = tonic::Response::new(ExportTraceServiceResponse::default());
                let status = http::StatusCode::from_u16(status);
                let status = status.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
                response.extensions_mut().insert(Proxied(status));
                response
            }
            Kind::Grpc { code, message } => {
                return Err(tonic::Status::with_metadata(code.into(), message, headers));
            }
            Kind::HangUp => {
                self.hung_up.notify_one();
                return std::future::pending().await;
            }
        };
        *response.metadata_mut() = headers;
        Ok(response)
    }
}
