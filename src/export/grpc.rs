//! OTLP over gRPC. Requests come encoded, from memory or from disk, so that the generated client, which encodes
//! messages itself, is not used.

use super::{
    answer::{self, Answer},
    destination::{Compression, Tls, name},
    http::USER_AGENT,
    secrets::Secrets,
    signal::Signal,
};
use crate::Error;
use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::Url;
use std::{cell::RefCell, time::Duration};
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};

#[derive(Debug)]
pub(super) struct GrpcTransport {
    endpoint: Endpoint,
    compression: Compression,
    client: RefCell<Grpc<Channel>>,
    headers: MetadataMap,
    method: PathAndQuery,
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
    pub(super) fn new(
        endpoint: Endpoint,
        headers: ::http::HeaderMap,
        compression: Compression,
        signal: Signal,
    ) -> Self {
        let client = RefCell::new(connect(&endpoint, compression));
        let method = PathAndQuery::from_static(signal.method());
        let secrets = Secrets::of(&headers, None);
        Self { endpoint, compression, client, headers: MetadataMap::from_headers(headers), method, secrets }
    }

    pub(super) async fn send(&self, body: Bytes) -> Answer {
        match self.exchange(body).await {
            // The answers of all signals have the same shape.
            Ok(response) => match response.partial_success {
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

    async fn exchange(&self, body: Bytes) -> Result<ExportTraceServiceResponse, Status> {
        let request = tonic::Request::from_parts(self.headers.clone(), tonic::Extensions::default(), body);
        let mut client = self.client.borrow().clone();
        client.ready().await.map_err(|error| {
            Status::unknown(format!("Service was not ready: {}", answer::described(&error)))
        })?;
        Ok(client.unary(request, self.method.clone(), Encoded).await?.into_inner())
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

fn connect(endpoint: &Endpoint, compression: Compression) -> Grpc<Channel> {
    let client = Grpc::new(endpoint.connect_lazy());
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

/// Takes messages that are encoded already.
#[derive(Clone, Copy, Debug)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

#[allow(clippy::missing_trait_methods, reason = "the buffers may be of any size")]
impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

#[allow(clippy::missing_trait_methods, reason = "the buffers may be of any size")]
impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        // The status is the answer: a body of a later version is none that says no.
        Ok(Some(ExportTraceServiceResponse::decode(buffer).unwrap_or_default()))
    }
}
