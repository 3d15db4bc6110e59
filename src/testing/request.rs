use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::io::Read as _;

/// A request as the server received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The method.
    pub method: Method,
    /// The path, with its query if it has one.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it was on the wire.
    pub body: Bytes,
}

impl ReceivedRequest {
    pub(super) fn new(parts: http::request::Parts, body: Bytes) -> Self {
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Self { method: parts.method, path, headers: parts.headers, body }
    }

    /// The value of a header, if it was sent and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body without its gzip; as it was sent if it has none or one that is broken.
    pub fn unzipped_body(&self) -> Bytes {
        let mut unzipped = Vec::new();
        match MultiGzDecoder::new(&*self.body).read_to_end(&mut unzipped) {
            Ok(_) => unzipped.into(),
            Err(_) => self.body.clone(),
        }
    }

    /// The value of a parameter of the query, as it was sent.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The path without its query.
    pub fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}
