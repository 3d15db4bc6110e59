//! OTLP over gRPC, with the generated client.

use super::{
    answer::{self, Answer},
    destination::Compression,
    http::USER_AGENT,
};
use crate::Error;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use std::{cell::RefCell, time::Duration};
use tonic::{
    Code,
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
}

/// A checked address, which becomes a channel on the courier's runtime.
pub(super) fn endpoint(url: &str, timeout: Duration) -> Result<Endpoint, Error> {
    let refused = |error: tonic::transport::Error| {
        Error::configuration(format!("{url} cannot be used for gRPC")).with_source(error)
    };
    let endpoint = Endpoint::from_shared(url.to_owned())
        .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
        .map_err(refused)?
        .timeout(timeout)
        .connect_timeout(timeout);
    #[cfg(feature = "rustls")]
    if url.starts_with("https") {
        let tls = tonic::transport::ClientTlsConfig::new().with_native_roots();
        return endpoint.tls_config(tls).map_err(refused);
    }
    Ok(endpoint)
}

impl GrpcTransport {
    /// Connects at the first request. Needs the courier's runtime around it.
    pub(super) fn new(endpoint: Endpoint, headers: ::http::HeaderMap, compression: Compression) -> Self {
        let client = RefCell::new(connect(&endpoint, compression));
        Self { endpoint, compression, client, headers: MetadataMap::from_headers(headers) }
    }

    pub(super) async fn send(&self, request: ExportTraceServiceRequest) -> Answer {
        let request = tonic::Request::from_parts(self.headers.clone(), tonic::Extensions::default(), request);
        let mut client = self.client.borrow().clone();
        match client.export(request).await {
            Ok(response) => match response.into_inner().partial_success {
                Some(partial) => answer::of_partial(partial.rejected_spans, &partial.error_message),
                None => Answer::Accepted,
            },
            Err(status) => {
                // A connection that went dead in silence would swallow every further try.
                if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
                    *self.client.borrow_mut() = connect(&self.endpoint, self.compression);
                }
                answer::of_grpc(&status)
            }
        }
    }
}

fn connect(endpoint: &Endpoint, compression: Compression) -> TraceServiceClient<Channel> {
    let client = TraceServiceClient::new(endpoint.connect_lazy());
    match compression {
        Compression::None => client,
        Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
    }
}
