//! OTLP over gRPC, with the generated client.

use super::{
    answer::{self, Answer},
    destination::{Compression, Tls, name},
    http::USER_AGENT,
    secrets::Secrets,
};
use crate::Error;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use reqwest::Url;
use std::{cell::RefCell, time::Duration};
use tonic::{
    Code, Status,
    codec::CompressionEncoding,
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};

#[derive(Debug)]
pub(super) struct GrpcTransport {
    endpoint: Endpoint,
    compression: Compression,
    client: RefCell<TraceServiceClient<Channel>>,
    headers: MetadataMap,
    secrets: Secrets,
}

/// A checked address, which becomes a channel on the courier's runtime.
pub(super) fn endpoint(url: &Url, timeout: Duration, tls: &Tls) -> Result<Endpoint, Error> {
    let refused = |error: tonic::transport::Error| {
        Error::configuration(format!("{} cannot be used for gRPC", name(url))).with_source(error)
    };
    let endpoint = Endpoint::from_shared(url.to_string())
        .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
        .map_err(refused)?
        .timeout(timeout)
        .connect_timeout(timeout);
    #[cfg(feature = "rustls")]
    if url.scheme() == "https" {
        return endpoint.tls_config(tls.grpc()?).map_err(refused);
    }
    #[cfg(not(feature = "rustls"))]
    let _ = tls;
    Ok(endpoint)
}

impl GrpcTransport {
    /// Connects at the first request. Needs the courier's runtime around it.
    pub(super) fn new(endpoint: Endpoint, headers: ::http::HeaderMap, compression: Compression) -> Self {
        let client = RefCell::new(connect(&endpoint, compression));
        let secrets = Secrets::of(&headers, None);
        Self { endpoint, compression, client, headers: MetadataMap::from_headers(headers), secrets }
    }

    pub(super) async fn send(&self, request: ExportTraceServiceRequest) -> Answer {
        let request = tonic::Request::from_parts(self.headers.clone(), tonic::Extensions::default(), request);
        let mut client = self.client.borrow().clone();
        match client.export(request).await {
            Ok(response) => match response.into_inner().partial_success {
                Some(partial) => {
                    answer::of_partial(partial.rejected_spans, &self.secrets.masked(&partial.error_message))
                }
                None => Answer::Accepted,
            },
            Err(status) => {
                // A connection that went dead in silence would swallow every further try.
                if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
                    *self.client.borrow_mut() = connect(&self.endpoint, self.compression);
                }
                answer::of_grpc(&without_keys(status, &self.secrets))
            }
        }
    }
}

/// An answer that repeats no key; one that holds none stays as it is, with its causes.
fn without_keys(status: Status, secrets: &Secrets) -> Status {
    let message = secrets.masked(status.message());
    if message == status.message() {
        return status;
    }
    Status::with_details(status.code(), message, Bytes::copy_from_slice(status.details()))
}

fn connect(endpoint: &Endpoint, compression: Compression) -> TraceServiceClient<Channel> {
    let client = TraceServiceClient::new(endpoint.connect_lazy());
    match compression {
        Compression::None => client,
        Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
        #[cfg(feature = "zstd")]
        Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
        #[cfg(not(feature = "zstd"))]
        // No destination comes this far with it.
        Compression::Zstd => client,
    }
}
