//! OTLP over HTTP/protobuf.

use super::{State, answer::Kind, received};
use crate::testing::{
    body::{AnyBody, Script, Step},
    gate::Watch,
    loopback::Loopback,
    request::ReceivedRequest,
    signal::Signal,
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{Method, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::{
    io::{self, Read},
    sync::Arc,
};

const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn serve(shared: Arc<Signal<State>>) -> io::Result<Loopback> {
    Loopback::http1("otlp-sink", move |request| reply(Arc::clone(&shared), request))
}

async fn reply(shared: Arc<Signal<State>>, request: ReceivedRequest) -> io::Result<Response<AnyBody>> {
    let message = match message(&request) {
        Ok(message) => message,
        Err((status, reason)) => return Ok(response(status, "text/plain", reason.into(), Watch::default())),
    };
    let export = received(&request.path, &request.headers, request.body.len(), message);
    let spans = export.spans.clone();
    let answer = shared.receive(export);

    let mut watch = Watch::new(answer.gates.iter().cloned());
    for gate in &answer.gates {
        gate.pass().await;
    }
    let mut response = match &answer.kind {
        Kind::Accepted(accepted) => {
            // Before the answer: a client that has it finds its spans here.
            shared.accept(spans);
            response(StatusCode::OK, PROTOBUF, accepted.encode_to_vec().into(), watch)
        }
        Kind::Status { status, content_type, body } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response(status, content_type, body.clone(), watch)
        }
        #[cfg(feature = "grpc")]
        Kind::Grpc { message, .. } => {
            response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", message.clone().into(), watch)
        }
        Kind::HangUp => {
            watch.sent();
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "hung up as the test asked"));
        }
    };
    response.headers_mut().extend(answer.headers());
    Ok(response)
}

/// The message in the request, or how an OTLP receiver refuses it.
fn message(request: &ReceivedRequest) -> Result<ExportTraceServiceRequest, (StatusCode, String)> {
    if !request.route().ends_with("/v1/traces") {
        return Err((StatusCode::NOT_FOUND, "not a path of traces".to_owned()));
    }
    if request.method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "traces are sent by POST".to_owned()));
    }
    if request.header("content-type") != Some(PROTOBUF) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("only {PROTOBUF} is understood")));
    }
    let bad = |reason: String| (StatusCode::BAD_REQUEST, reason);
    let body = match request.header("content-encoding") {
        None | Some("identity") => request.body.clone(),
        Some("gzip") => {
            let mut body = Vec::new();
            let decoded = MultiGzDecoder::new(&*request.body).read_to_end(&mut body);
            decoded.map_err(|error| bad(error.to_string()))?;
            body.into()
        }
        #[cfg(feature = "zstd")]
        Some("zstd") => {
            let decoded = zstd::stream::decode_all(&*request.body);
            decoded.map_err(|error| bad(error.to_string()))?.into()
        }
        Some(other) => {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{other} is not understood")));
        }
    };
    ExportTraceServiceRequest::decode(body).map_err(|error| bad(error.to_string()))
}

fn response(status: StatusCode, content_type: &str, body: Bytes, watch: Watch) -> Response<AnyBody> {
    let length = body.len() as u64;
    let body = Script::new([Step::Chunk(body)], Some(length), watch);
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    if let Ok(content_type) = content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}
