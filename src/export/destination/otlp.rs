//! An OTLP receiver's settings, and their check.

use super::{Compression, Protocol, tls::Tls};
use crate::{
    Error,
    export::{
        answer::{self, Advice},
        http::HttpTransport,
        posthog::CaptureTransport,
        secrets::Secrets,
        signal::Signal,
        tracia::TraciaTransport,
    },
};
use reqwest::{
    Url,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, net::IpAddr, time::Duration};

/// Where a setting comes from: what an error names, so that it can be mended there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) enum Origin {
    Code,
    /// Another option than the endpoint, by its name.
    Option(&'static str),
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Code => "the endpoint given to Destination::otlp",
            Self::Option(name) | Self::Variable(name) => name,
        })
    }
}

#[derive(Clone)]
pub(super) struct Otlp {
    pub(super) signal: Signal,
    endpoint: String,
    origin: Origin,
    pub(super) exact_path: bool,
    pub(super) headers: Vec<(String, SecretString)>,
    pub(super) protocol: Protocol,
    pub(super) compression: Option<Compression>,
    pub(super) timeout: Duration,
    pub(super) tls: Tls,
    pub(super) advice: &'static Advice,
}

#[derive(Debug)]
pub(in crate::export) enum Address {
    Http(HttpTransport),
    Tracia(TraciaTransport),
    PostHogCapture(CaptureTransport),
    #[cfg(feature = "grpc")]
    Grpc {
        endpoint: Box<tonic::transport::Endpoint>,
        headers: HeaderMap,
        compression: Compression,
    },
}

impl Otlp {
    pub(super) fn new(endpoint: String, origin: Origin) -> Self {
        Self {
            signal: Signal::Traces,
            endpoint,
            origin,
            exact_path: false,
            headers: Vec::new(),
            protocol: Protocol::default(),
            compression: None,
            timeout: Duration::from_secs(10),
            tls: Tls::default(),
            advice: &answer::OTLP,
        }
    }

    pub(super) fn resolve(&self, client: &reqwest::Client) -> Result<(String, Address), Error> {
        let url = self.url()?;
        if self.tls.is_set() && url.scheme() == "http" {
            let (tls, origin) = (self.tls.origin(), self.origin);
            return Err(Error::configuration(format!(
                "{origin} is an http address, for which {tls} does nothing: make it https"
            )));
        }
        let headers = self.header_map()?;
        let default = if is_loopback(&url) { Compression::None } else { Compression::Gzip };
        let compression = self.compression.unwrap_or(default);
        if compression == Compression::Zstd && !cfg!(feature = "zstd") {
            let asked = match self.origin {
                Origin::Code | Origin::Option(_) => "Destination::compression",
                Origin::Variable(_) => &self.variables("COMPRESSION"),
            };
            return Err(Error::configuration(format!(
                "{asked} asks for zstd, which needs the feature `zstd` of tracing-genai; or use gzip"
            )));
        }
        let name = name(&url);
        let address = match self.protocol {
            Protocol::HttpProtobuf => Address::Http(HttpTransport {
                // Others must neither trust its authorities nor show its certificate.
                client: if self.tls.is_set() { self.tls.client()? } else { client.clone() },
                secrets: Secrets::of(&headers, Some(&url)),
                url,
                headers,
                compression,
                timeout: self.timeout,
                advice: self.advice,
            }),
            Protocol::Grpc => self.grpc(&url, headers, compression)?,
        };
        Ok((name, address))
    }

    pub(super) fn set_endpoint(&mut self, endpoint: String, origin: Origin) {
        (self.endpoint, self.origin) = (endpoint, origin);
    }

    /// Puts `path` behind the address, as far as it is not there.
    pub(super) fn append(&mut self, path: &str) -> Result<(), Error> {
        let mut url = self.url()?;
        let base = url.path().trim_end_matches('/').to_owned();
        let starts = path.match_indices('/').map(|(start, _)| start).skip(1).chain([path.len()]);
        // The longest that is there of what is to be appended.
        let there = starts.filter(|end| base.ends_with(&path[..*end])).max().unwrap_or(0);
        url.set_path(&format!("{base}{}", &path[there..]));
        self.endpoint = url.into();
        Ok(())
    }

    /// The same for another signal.
    pub(super) fn of(&self, signal: Signal) -> Self {
        Self { signal, ..self.clone() }
    }

    /// The variables that a setting comes from.
    fn variables(&self, setting: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{setting} or {}", self.signal.variable(setting))
    }

    /// Whether certificates are needed to reach it with the HTTP client of all.
    pub(super) fn needs_certificates(&self) -> bool {
        let is_https = self.url().is_ok_and(|url| url.scheme() == "https");
        self.protocol == Protocol::HttpProtobuf && is_https && !self.tls.is_set()
    }

    pub(super) fn is_from_code(&self) -> bool {
        !matches!(self.origin, Origin::Variable(_))
    }

    /// Whether TLS has no part in it.
    pub(super) fn is_plain(&self) -> bool {
        self.url().is_ok_and(|url| url.scheme() == "http")
    }

    #[cfg(feature = "grpc")]
    fn grpc(&self, url: &Url, headers: HeaderMap, compression: Compression) -> Result<Address, Error> {
        let endpoint = Box::new(crate::export::grpc::endpoint(url, self.timeout, &self.tls)?);
        Ok(Address::Grpc { endpoint, headers, compression })
    }

    #[cfg(not(feature = "grpc"))]
    fn grpc(&self, _: &Url, _: HeaderMap, _: Compression) -> Result<Address, Error> {
        let asked = match self.origin {
            Origin::Code | Origin::Option(_) => "Destination::protocol",
            Origin::Variable(_) => &self.variables("PROTOCOL"),
        };
        Err(Error::configuration(format!(
            "{asked} asks for gRPC, which needs the feature `grpc` of tracing-genai; or use http/protobuf \
             (port 4318 as a rule)"
        )))
    }

    /// The address that requests go to. Its text is kept out of errors: it may hold a key.
    fn url(&self) -> Result<Url, Error> {
        let origin = self.origin;
        let refuse = |why: &str| Err(Error::configuration(format!("{origin} {why}")));
        let mut url = match Url::parse(self.endpoint.trim()) {
            Ok(url) if url.has_host() => url,
            Ok(_) | Err(_) => {
                return refuse("is no address like http://localhost:4318 or https://otlp.example.com");
            }
        };
        match url.scheme() {
            "http" => {}
            "https" if self.has_tls() => {}
            "https" => {
                return refuse(
                    "is an https address, which needs the feature `rustls` of tracing-genai (or `native-tls`, for HTTP)",
                );
            }
            _ => return refuse("must begin with http:// or https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("holds a user name or password: send them as a header");
        }
        url.set_fragment(None);
        if self.protocol == Protocol::HttpProtobuf && !self.exact_path {
            let path = url.path().trim_end_matches('/');
            let base = Signal::ALL.into_iter().find_map(|signal| path.strip_suffix(signal.path()));
            let path = format!("{}{}", base.unwrap_or(path), self.signal.path());
            url.set_path(&path);
        }
        Ok(url)
    }

    fn has_tls(&self) -> bool {
        cfg!(feature = "rustls") || (cfg!(feature = "native-tls") && self.protocol == Protocol::HttpProtobuf)
    }

    fn header_map(&self) -> Result<HeaderMap, Error> {
        let mut map = HeaderMap::with_capacity(self.headers.len());
        for (number, (name, value)) in (1..).zip(&self.headers) {
            let origin = match self.origin {
                Origin::Code | Origin::Option(_) => "Destination::header".to_owned(),
                Origin::Variable(_) => self.variables("HEADERS"),
            };
            // What is no name is kept out of the error: a key that stands in the wrong place, as a rule.
            let parsed = HeaderName::try_from(name.as_str())
                .map_err(|_| Error::configuration(format!("{origin}: header {number} has no valid name")))?;
            if parsed == AUTHORIZATION && value.expose_secret().trim().eq_ignore_ascii_case("bearer") {
                return Err(Error::configuration(format!(
                    "{}: the token is empty: is the variable set that has the key?",
                    if self.origin == Origin::Code { "Destination::bearer" } else { &origin }
                )));
            }
            let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| {
                Error::configuration(format!(
                    "{origin}: the value of {name:?} has characters no header may have"
                ))
            })?;
            if [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH].contains(&parsed) {
                return Err(Error::configuration(format!("{origin}: {name:?} is set by the export itself")));
            }
            value.set_sensitive(true);
            map.insert(parsed, value);
        }
        Ok(map)
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.url().map_or_else(|_| "(invalid)".to_owned(), |url| name(&url));
        formatter
            .debug_struct("Otlp")
            .field("endpoint", &endpoint)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("protocol", &self.protocol)
            .field("compression", &self.compression)
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .finish()
    }
}

/// The address without what may be secret in it.
pub(in crate::export) fn name(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Destination;

    fn url(endpoint: &str) -> Result<String, String> {
        let otlp = Otlp::new(endpoint.into(), Origin::Code);
        otlp.url().map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    fn compression(endpoint: &str) -> Compression {
        let client = crate::export::http::client(true).unwrap();
        match Otlp::new(endpoint.into(), Origin::Code).resolve(&client).unwrap().1 {
            Address::Http(http) => http.compression,
            #[cfg(feature = "grpc")]
            Address::Grpc { compression, .. } => compression,
            Address::Tracia(_) | Address::PostHogCapture(_) => {
                unreachable!("it was given an address of OTLP")
            }
        }
    }

    #[test]
    fn the_signals_path_is_appended_to_a_base_address() {
        assert_eq!(url("http://localhost:4318").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(url("http://localhost:4318/").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(url("https://x.io/otlp").unwrap(), "https://x.io/otlp/v1/traces");
    }

    #[test]
    fn the_signals_path_is_not_appended_twice() {
        assert_eq!(url("https://x.io/otlp/v1/traces").unwrap(), "https://x.io/otlp/v1/traces");
    }

    #[test]
    fn the_path_of_one_signal_stands_beside_those_of_the_others() {
        let traces = Otlp::new("https://x.io/otlp/v1/traces".into(), Origin::Code);
        assert_eq!(traces.of(Signal::Metrics).url().unwrap().as_str(), "https://x.io/otlp/v1/metrics");
        assert_eq!(traces.of(Signal::Logs).url().unwrap().as_str(), "https://x.io/otlp/v1/logs");
    }

    #[test]
    fn an_exact_path_is_kept() {
        let mut otlp = Otlp::new("https://x.io/i/v0/ai/otel".into(), Origin::Code);
        otlp.exact_path = true;
        assert_eq!(otlp.url().unwrap().as_str(), "https://x.io/i/v0/ai/otel");
    }

    #[test]
    fn a_grpc_address_gets_no_path() {
        let mut otlp = Otlp::new("http://localhost:4317".into(), Origin::Code);
        otlp.protocol = Protocol::Grpc;
        assert_eq!(otlp.url().unwrap().as_str(), "http://localhost:4317/");
    }

    #[test]
    fn what_is_no_address_is_refused_by_the_name_of_the_option() {
        for endpoint in ["", "localhost:4318", "collector", "ftp://x.io", "http://"] {
            let error = url(endpoint).unwrap_err();
            assert!(error.contains("Destination::otlp"), "{endpoint:?}: {error}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_shown() {
        let error = url("https://me:hunter2@x.io").unwrap_err();
        assert!(error.contains("header") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn debug_shows_neither_header_values_nor_a_query() {
        let destination = Destination::otlp("https://x.io/?key=hunter2").bearer("hunter3");
        let shown = format!("{destination:?}");
        assert!(shown.contains("authorization") && shown.contains("x.io"), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
        let error = Destination::otlp("http://localhost:4318")
            .header("x-key", "hunter2\n")
            .route(Signal::Traces, &crate::export::http::client(true).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("x-key") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_bearer_without_a_token_is_refused() {
        for token in ["", " "] {
            let destination = Destination::otlp("http://localhost:4318").bearer(token);
            let client = crate::export::http::client(true).unwrap();
            let error = destination.route(Signal::Traces, &client).unwrap_err().to_string();
            assert!(error.contains("Destination::bearer"), "{error}");
        }
    }

    #[test]
    fn a_key_in_the_place_of_a_name_is_told_by_its_number() {
        let destination =
            Destination::otlp("http://localhost:4318").header("x-a", "1").header("hunter 2", "");
        let client = crate::export::http::client(true).unwrap();
        let error = destination.route(Signal::Traces, &client).unwrap_err().to_string();
        assert!(error.contains("header 2 has no valid name") && !error.contains("hunter"), "{error}");
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    #[test]
    fn an_https_address_needs_certificates_however_its_scheme_is_written() {
        for (endpoint, needs) in [
            ("https://x.io", true),
            ("HTTPS://x.io", true),
            (" Https://x.io", true),
            ("http://https.io", false),
        ] {
            assert_eq!(Destination::otlp(endpoint).needs_certificates(), needs, "{endpoint}");
        }
    }

    #[test]
    fn requests_are_compressed_off_this_host_only() {
        assert_eq!(compression("http://localhost:4318"), Compression::None);
        assert_eq!(compression("http://127.0.0.1:4318"), Compression::None);
        assert_eq!(compression("http://[::1]:4318"), Compression::None);
        assert_eq!(compression("http://collector:4318"), Compression::Gzip);
    }

    #[cfg(not(feature = "grpc"))]
    #[test]
    fn grpc_without_its_feature_is_an_error_that_names_it() {
        let error = Destination::otlp("http://localhost:4317")
            .protocol(Protocol::Grpc)
            .route(Signal::Traces, &crate::export::http::client(true).unwrap())
            .unwrap_err();
        assert!(error.to_string().contains("feature `grpc`"), "{error}");
    }
}
