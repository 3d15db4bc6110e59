//! Requests over HTTP, of OTLP as a rule.

use super::{
    answer::{self, Advice, Answer, Headers},
    destination::Compression,
    secrets::Secrets,
};
use crate::Error;
use bytes::Bytes;
use flate2::write::GzEncoder;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use std::{
    io::Write,
    time::{Duration, SystemTime},
};

/// What is read of an answer: more than a partial success ever needs.
const ANSWER_BYTES: usize = 64 << 10;

/// The name that requests go under.
pub(super) const USER_AGENT: &str = concat!("tracing-genai/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub(super) struct HttpTransport {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) compression: Compression,
    pub(super) timeout: Duration,
    pub(super) secrets: Secrets,
    /// What mends wrong settings of it.
    pub(super) advice: &'static Advice,
}

/// One client for all destinations without certificates of their own: what differs goes with each request. Without `tls` it asks for no
/// certificates, which a container beside its collector may well lack.
pub(super) fn client(tls: bool) -> Result<Client, Error> {
    let builder = builder();
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let builder = if tls { builder } else { builder.tls_certs_only([]) };
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let _ = tls;
    finished(builder)
}

/// What holds for every client.
pub(super) fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        // A redirect would carry the destination's key to another host.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
}

pub(super) fn finished(builder: ClientBuilder) -> Result<Client, Error> {
    builder.build().map_err(|error| {
        let message = "the HTTP client cannot be made: an https destination needs the platform's \
            certificates (package ca-certificates, or SSL_CERT_FILE)";
        Error::configuration(message).with_source(error)
    })
}

impl HttpTransport {
    /// One try of an encoded request of OTLP.
    pub(super) async fn send(&self, plain: Bytes) -> Answer {
        self.send_as(plain, "application/x-protobuf").await
    }

    /// One try of a request of this media type.
    pub(super) async fn send_as(&self, plain: Bytes, media_type: &'static str) -> Answer {
        let body = match compressed(self.compression, plain).await {
            Ok(body) => body,
            Err(error) => {
                return answer::of_network(&format!("the request could not be compressed: {error}"));
            }
        };
        match self.exchange(body, media_type).await {
            Ok(answer) => answer,
            Err(error) => {
                let mut said = answer::described(&error.without_url());
                if self.url.port() == Some(GRPC_PORT) {
                    said.push_str(
                        "; port 4317 is that of gRPC as a rule: use 4318, or Destination::protocol",
                    );
                }
                answer::of_network(&said)
            }
        }
    }

    async fn exchange(&self, body: Bytes, media_type: &'static str) -> reqwest::Result<Answer> {
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(media_type))
            .timeout(self.timeout);
        let encoding = match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        if let Some(encoding) = encoding {
            request = request.header(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let answered = self.read(request.body(body)).await?;
        let Answered { status, body, .. } = &answered;
        Ok(answer::of_http(*status, &answered.headers(), body, SystemTime::now(), self.advice))
    }

    /// Sends a request, and reads the beginning of what is answered.
    pub(super) async fn read(&self, request: RequestBuilder) -> reqwest::Result<Answered> {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).cloned();
        let (retry_after, content_type) = (header(RETRY_AFTER), header(CONTENT_TYPE));
        let mut read = Vec::new();
        // The status alone decides what an unreadable body would.
        while let Ok(Some(chunk)) = response.chunk().await {
            read.extend_from_slice(&chunk);
            if read.len() >= ANSWER_BYTES {
                break;
            }
        }
        // Before it is cut, which would leave the beginning of a key.
        self.secrets.mask(&mut read);
        let text = |value: Option<HeaderValue>| value?.to_str().ok().map(str::to_owned);
        Ok(Answered { status, retry_after: text(retry_after), content_type: text(content_type), body: read })
    }
}

/// What a server answered, without the keys that it repeats.
pub(super) struct Answered {
    pub(super) status: u16,
    retry_after: Option<String>,
    content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers { retry_after: self.retry_after.as_deref(), content_type: self.content_type.as_deref() }
    }
}

const GRPC_PORT: u16 = 4317;

/// Above this compressing takes long enough to hold other destinations up.
const LARGE: usize = 128 << 10;

async fn compressed(compression: Compression, plain: Bytes) -> Result<Bytes, tokio::task::JoinError> {
    match compression {
        Compression::None => Ok(plain),
        _ if plain.len() > LARGE => tokio::task::spawn_blocking(move || compress(compression, &plain)).await,
        _ => Ok(compress(compression, &plain)),
    }
}

/// A request's bytes as they are sent.
fn compress(compression: Compression, plain: &[u8]) -> Bytes {
    match compression {
        Compression::Gzip => gzip(plain).into(),
        #[cfg(feature = "zstd")]
        // Compressing in memory does not fail.
        Compression::Zstd => zstd::bulk::compress(plain, 1).unwrap_or_default().into(),
        #[cfg(not(feature = "zstd"))]
        // No destination comes this far with it.
        Compression::Zstd => Bytes::new(),
        Compression::None => Bytes::copy_from_slice(plain),
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    // Level 1: higher ones cost many times more for a fifth fewer bytes.
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), flate2::Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}
