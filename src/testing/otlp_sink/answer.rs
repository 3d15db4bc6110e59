use crate::testing::Gate;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};

/// What an [`OtlpSink`](super::OtlpSink) answers one request with.
///
/// Only spans that are answered with success count as received.
#[derive(Clone, Debug)]
pub struct SinkAnswer {
    pub(super) kind: Kind,
    pub(super) headers: Vec<(String, String)>,
    pub(super) gates: Vec<Gate>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Accepted(ExportTraceServiceResponse),
    Status {
        status: u16,
        content_type: String,
        body: Bytes,
    },
    #[cfg(feature = "grpc")]
    Grpc {
        code: i32,
        message: String,
    },
    HangUp,
}

impl SinkAnswer {
    fn new(kind: Kind) -> Self {
        Self { kind, headers: Vec::new(), gates: Vec::new() }
    }

    /// Success.
    pub fn accepted() -> Self {
        Self::new(Kind::Accepted(ExportTraceServiceResponse::default()))
    }

    /// Success, but so many spans were rejected, for this reason. The sink does not decide which: it
    /// counts all as received. Of none rejected it is a warning.
    pub fn partial_success(rejected_spans: i64, message: impl Into<String>) -> Self {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.into() };
        Self::new(Kind::Accepted(ExportTraceServiceResponse { partial_success: Some(partial) }))
    }

    /// This HTTP status, without a body. On the gRPC port it is what a proxy in between would say.
    pub fn status(status: u16) -> Self {
        Self::body(status, "text/plain", Bytes::new())
    }

    /// This HTTP status with a body.
    pub fn body(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Kind::Status { status, content_type: content_type.into(), body: body.into() })
    }

    /// This gRPC status: 8 is `RESOURCE_EXHAUSTED`, 14 `UNAVAILABLE`. On the HTTP port it is a 500.
    #[cfg(feature = "grpc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
    pub fn grpc_status(code: i32, message: impl Into<String>) -> Self {
        Self::new(Kind::Grpc { code, message: message.into() })
    }

    /// The connection is closed without an answer.
    pub fn hang_up() -> Self {
        Self::new(Kind::HangUp)
    }

    /// Sends this header too, `retry-after` for example; in gRPC, metadata.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits at this gate before it answers. Until then the spans do not count as received.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.gates.push(gate.clone());
        self
    }

    /// The headers that can be sent.
    pub(super) fn headers(&self) -> impl Iterator<Item = (http::HeaderName, http::HeaderValue)> + use<'_> {
        self.headers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
    }
}
