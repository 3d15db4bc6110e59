//! Where finished spans go.

mod otlp;
mod posthog;
mod shelf;
mod tls;
mod tracia;

pub(super) use otlp::{Address, Origin};
pub use posthog::PostHogTransport;
pub(super) use shelf::{Shelved, keys};
pub(super) use tls::Pem;
pub use tracia::Tracia;
#[cfg(feature = "grpc")]
pub(super) use {otlp::name, tls::Tls};

use super::{
    encode::{View, Vocabulary},
    lane::Limits,
    selection::{Selection, SpanFilter},
    signal::Signal,
};
use crate::{Error, capture::ContentCapture};
use otlp::Otlp;
use posthog::PostHog;
use secrecy::SecretString;
use std::time::Duration;

/// A back end that takes spans and, with the features of these names, metrics and logs.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::{ContentCapture, export::Destination};
///
/// let collector = Destination::otlp("http://localhost:4318");
/// let vendor = Destination::otlp("https://otlp.example.com/api/otel")
///     .exact_path()
///     .bearer("the-key")
///     .timeout(Duration::from_secs(20))
///     .content(ContentCapture::on());
/// assert!(!format!("{vendor:?}").contains("the-key"));
/// # let _ = collector;
/// ```
#[derive(Clone, Debug)]
pub struct Destination {
    /// How it is reached; of a signal with settings of its own those hold.
    otlp: Otlp,
    /// Where it is Tracia.
    tracia: Option<tracia::Settings>,
    others: Vec<Otlp>,
    /// What the spool knows it by, if that was said.
    name: Option<String>,
    /// What it takes, if that was said.
    signals: Option<Vec<Signal>>,
    content: Option<ContentCapture>,
    queue_bytes: Option<usize>,
    queue_spans: Option<usize>,
    batch_spans: Option<usize>,
    schedule_delay: Option<Duration>,
    when_full: WhenFull,
    filter: SpanFilter,
    sample_ratio: f64,
    code_attributes: bool,
    /// Set for PostHog alone.
    posthog: Option<PostHog>,
    /// What is wrong with an option of PostHog's that was given to another.
    idle_option: Option<&'static str>,
}

/// What happens when a destination's queue is full: see [`Destination::when_full`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The span that has no room is dropped.
    #[default]
    DropNewest,
    /// The oldest spans are dropped to make room, in the [spool](super::Spool) too.
    DropOldest,
    /// Whoever ends a span waits until there is room. For programs that would rather stand still than lose a
    /// span: the thread of an async runtime waits too, and with it all of its tasks.
    Block,
}

/// How OTLP is carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf messages in HTTP requests, on port 4318 as a rule.
    #[default]
    HttpProtobuf,
    /// gRPC, on port 4317 as a rule. Needs the feature `grpc`.
    Grpc,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: the default for a destination on this host.
    None,
    /// gzip (level 1 over HTTP): the default for others.
    Gzip,
    /// Zstandard (level 1 over HTTP), smaller and quicker than gzip, for a receiver that takes it: the
    /// OpenTelemetry Collector does, while OTLP asks of none more than gzip. Needs the feature `zstd`.
    Zstd,
}

impl Destination {
    /// An OTLP receiver: a collector, or a back end that speaks OTLP itself.
    ///
    /// `endpoint` is an `http` or `https` address. Over HTTP it is a base address, to which
    /// `/v1/traces` is appended unless it ends so already (`/v1/metrics` and `/v1/logs` for those, in the place of
    /// another signal's path): see [`exact_path`](Self::exact_path).
    /// It is checked by [`TelemetryBuilder::build`](super::TelemetryBuilder::build), before
    /// anything is sent.
    pub fn otlp(endpoint: impl Into<String>) -> Self {
        Self::from_origin(endpoint.into(), Origin::Code)
    }

    /// The destination of the `OTEL_EXPORTER_OTLP_*` variables, see [the table](super#environment). It takes the
    /// signals whose `OTEL_…_EXPORTER` is unset or names `otlp`, which may be none, unless
    /// [`signals`](Self::signals) says otherwise.
    ///
    /// # Errors
    /// A value that cannot be read is an error that names its variable.
    pub fn from_env() -> Result<Self, Error> {
        super::env::destination(&super::env::process)
    }

    pub(super) fn from_origin(endpoint: String, origin: Origin) -> Self {
        Self {
            otlp: Otlp::new(endpoint, origin),
            tracia: None,
            others: Vec::new(),
            name: None,
            signals: None,
            content: None,
            queue_bytes: None,
            queue_spans: None,
            batch_spans: None,
            schedule_delay: None,
            when_full: WhenFull::default(),
            filter: SpanFilter::All,
            sample_ratio: 1.0,
            code_attributes: true,
            posthog: None,
            idle_option: None,
        }
    }

    /// What the [spool](super::Spool) knows this destination by, from one run of the program to the next; its
    /// address without the query by default. Reports go on to have the address.
    ///
    /// Needed where several destinations have one address, as tenants of a back end have who differ by their key: what
    /// was kept for one must not go out with the key of another. Such a name must not change, and not be given to
    /// another destination, while there may be something in the spool for it.
    ///
    /// What goes by PostHog's capture API has the name with ` (capture)` behind it.
    ///
    /// With a spool [`TelemetryBuilder::build`](super::TelemetryBuilder::build) refuses an empty name, one that two
    /// destinations have, and two destinations that take the same signal at the same address unless both are named.
    ///
    /// ```
    /// use tracing_genai::export::{Destination, Telemetry};
    ///
    /// # fn telemetry(key: &str, other: &str) -> Result<Telemetry, tracing_genai::Error> {
    /// let back_end = || Destination::otlp("https://llm.example.com");
    /// Telemetry::builder()
    ///     .destination(back_end().name("acme").bearer(key))
    ///     .destination(back_end().name("umbrella").bearer(other))
    ///     .spool("/var/lib/assistant/spans")
    ///     .build()
    /// # }
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the spool knows it by, if that was said.
    pub(super) fn spool_key(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Uses the endpoint's path as it is, for a back end that takes spans at another than
    /// `/v1/traces`. It takes traces alone then, unless [`signals`](Self::signals) says otherwise.
    pub fn exact_path(mut self) -> Self {
        self.each(|otlp| otlp.exact_path = true);
        self
    }

    /// What this destination takes: by default every signal of which there is an
    /// [exporter](super::Telemetry#metrics-and-logs), with an [exact path](Self::exact_path) traces alone.
    /// A signal whose feature is off is not sent.
    ///
    /// ```
    /// use tracing_genai::export::{Destination, Signal};
    ///
    /// let tracing_back_end = Destination::otlp("https://llm.example.com").signals([Signal::Traces]);
    /// let prometheus = Destination::otlp("http://prometheus:9090/api/v1/otlp/v1/metrics")
    ///     .exact_path()
    ///     .signals([Signal::Metrics]);
    /// # drop((tracing_back_end, prometheus));
    /// ```
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// The settings of `other` for this signal.
    pub(super) fn with_own_settings(mut self, signal: Signal, other: &Self) -> Self {
        self.others.push(other.otlp.of(signal));
        self
    }

    /// The signals that it takes.
    pub(super) fn taken(&self) -> impl Iterator<Item = Signal> {
        Signal::exported().filter(|signal| match &self.signals {
            // What it does not take is refused in its place.
            Some(_) if self.posthog.is_some() => *signal == Signal::Traces,
            Some(signals) => signals.contains(signal),
            None => *signal == Signal::Traces || !self.otlp.exact_path,
        })
    }

    fn each(&mut self, set: impl Fn(&mut Otlp)) {
        set(&mut self.otlp);
        self.others.iter_mut().for_each(set);
    }

    fn otlp_of(&self, signal: Signal) -> Otlp {
        let own = self.others.iter().find(|other| other.signal == signal);
        own.cloned().unwrap_or_else(|| self.otlp.of(signal))
    }

    /// Sends this header with each request. Its value is never shown, and masked where a server repeats it, as a whole
    /// or word by word, if what is repeated has eight characters or more: a shorter value, or a part of one, cannot
    /// be told from the words of a message.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), SecretString::from(value.into()));
        self.each(|otlp| otlp.headers.push((name.clone(), value.clone())));
        self
    }

    /// Sends `Authorization: Bearer <token>` with each request. An empty token is an error of
    /// [`TelemetryBuilder::build`](super::TelemetryBuilder::build).
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// How OTLP is carried; [`Protocol::HttpProtobuf`] by default.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.each(|otlp| otlp.protocol = protocol);
        self
    }

    /// How requests are compressed; gzip by default, nothing for a destination on this host.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.each(|otlp| otlp.compression = Some(compression));
        self
    }

    /// Trusts the server by these certificates of authorities, in PEM, **instead of** the platform's: for a
    /// receiver whose certificate an authority of your own issued. Several may follow each other in
    /// `pem`, and a further call adds to them. So `OTEL_EXPORTER_OTLP_CERTIFICATE` is
    /// [specified](https://opentelemetry.io/docs/specs/otel/protocol/exporter/), which holds for the
    /// environment's destination alone.
    ///
    /// [`TelemetryBuilder::build`](super::TelemetryBuilder::build) refuses what is no such certificate, and
    /// an `http` address with it, where it would do nothing.
    ///
    /// ```
    /// use tracing_genai::Destination;
    ///
    /// # fn example(authority: &str, certificate: &str, key: &str) {
    /// let collector = Destination::otlp("https://collector.internal:4318")
    ///     .ca_certificate(authority)
    ///     .client_certificate(certificate, key);
    /// # let _ = collector;
    /// # }
    /// ```
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        let pem = Pem::new("the PEM given to Destination::ca_certificate", pem.as_ref());
        self.each(|otlp| otlp.tls.trust(pem.clone()));
        self
    }

    /// Shows the server this certificate, for one that asks who calls (mutual TLS): the certificate
    /// and then those of its issuers, and the private key, unencrypted, all in PEM. The key is never shown.
    ///
    /// With the feature `native-tls` the key must be one of PKCS #8 (`BEGIN PRIVATE KEY`).
    /// [`TelemetryBuilder::build`](super::TelemetryBuilder::build) refuses a key that is not the
    /// certificate's, and an `http` address with it, where it would do nothing.
    pub fn client_certificate(
        mut self,
        certificate_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Self {
        const CERTIFICATE: &str = "the certificate given to Destination::client_certificate";
        const KEY: &str = "the key given to Destination::client_certificate";
        let certificate = Pem::new(CERTIFICATE, certificate_pem.as_ref());
        let key = Pem::new(KEY, key_pem.as_ref());
        self.each(|otlp| otlp.tls.identify(certificate.clone(), key.clone()));
        self
    }

    /// The certificates that the variables name, which an `http` address has no use for.
    pub(super) fn certificates(mut self, authorities: Option<Pem>, identity: Option<(Pem, Pem)>) -> Self {
        if !self.otlp.is_plain() {
            if let Some(authorities) = authorities {
                self.otlp.tls.trust(authorities);
            }
            if let Some((certificate, key)) = identity {
                self.otlp.tls.identify(certificate, key);
            }
        }
        self
    }

    /// How long one request may take, 10 seconds by default. One that takes longer is tried again.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.each(|otlp| otlp.timeout = timeout);
        self
    }

    /// What content this destination gets, whatever the spans carry: content attributes of a span
    /// are taken off, and a user's comment in the event of a [`Feedback`](crate::span::Feedback) too, and
    /// what `content` allows is written from the operation's full record. A span of another library, which
    /// has no record, keeps its own content where `content` is on.
    ///
    /// Without a call of this the destination gets the spans as they are.
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.content = Some(content);
        self
    }

    /// How many bytes of spans may wait for this destination in memory, 64 MiB by default: an estimate that
    /// counts texts in full. It holds for each signal by itself: metrics and logs that go there too may take as much
    /// again. One span is taken whatever its size. With a [spool](super::Spool), threads that
    /// end spans help to bring them to the disk once half of it is used.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// How many spans may wait for this destination in memory, 65,536 by default, or `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub fn queue_spans(mut self, spans: usize) -> Self {
        self.queue_spans = Some(spans);
        self
    }

    /// How many spans go in one request at most, 512 by default, or `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`; fewer where
    /// they would be more than 4 MiB.
    pub fn batch_spans(mut self, spans: usize) -> Self {
        self.batch_spans = Some(spans);
        self
    }

    /// How long a span waits at most for its batch to fill, 5 seconds by default, or `OTEL_BSP_SCHEDULE_DELAY`.
    pub fn schedule_delay(mut self, delay: Duration) -> Self {
        self.schedule_delay = Some(delay);
        self
    }

    /// What happens when its queue is full, in memory and, where there is one, in the [spool](super::Spool);
    /// [`WhenFull::DropNewest`] by default. What is dropped is counted under `queue_full`.
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.when_full = policy;
        self
    }

    /// An error where code has it take nothing. The environment may leave nothing to it.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.signals.as_ref().is_some_and(Vec::is_empty) && self.otlp.is_from_code() {
            return Err(Error::configuration("Destination::signals names none, so nothing could be sent"));
        }
        Ok(())
    }

    /// The limits with what this destination sets of its own.
    pub(super) fn limits(&self, limits: &Limits) -> Result<Limits, Error> {
        let spans = self.queue_spans.unwrap_or(limits.spans);
        let batch = self.batch_spans.unwrap_or(limits.batch);
        let delay = self.schedule_delay.unwrap_or(limits.delay);
        let bytes = self.queue_bytes.unwrap_or(limits.bytes);
        for (option, is_zero) in [
            ("queue_bytes", bytes == 0),
            ("queue_spans", spans == 0),
            ("batch_spans", batch == 0),
            ("timeout", self.otlp.timeout.is_zero()),
        ] {
            if is_zero {
                return Err(Error::configuration(format!(
                    "Destination::{option} is 0, with which nothing could be sent"
                )));
            }
        }
        let mut limits = Limits {
            spans,
            bytes,
            when_full: self.when_full,
            // A batch that the queue cannot hold would never be full.
            batch: batch.min(spans),
            // Without any delay the export would never sleep.
            delay: delay.max(Duration::from_millis(10)),
            ..limits.clone()
        };
        if self.posthog.is_some() {
            PostHog::limit(&mut limits);
        }
        if self.native_tracia().is_some() {
            tracia::limit(&mut limits);
        }
        Ok(limits)
    }

    /// Which spans this destination gets, every one by default. Others choose for themselves.
    ///
    /// A span that is left out here is not counted as [recorded](super::Report::recorded) for this
    /// destination. What is sent is sent as it is: the parent of a span may be one that is left out.
    ///
    /// ```
    /// use tracing_genai::export::{Destination, SpanFilter, Telemetry};
    ///
    /// # fn main() -> Result<(), tracing_genai::Error> {
    /// let telemetry = Telemetry::builder()
    ///     .destination(Destination::otlp("http://localhost:4318"))
    ///     .destination(
    ///         Destination::otlp("https://llm.example.com").spans(SpanFilter::GenAiAndAncestors),
    ///     )
    ///     .build()?;
    /// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spans(mut self, filter: SpanFilter) -> Self {
        self.filter = filter;
        self
    }

    /// The share of traces that this destination gets, from 0 (none) to 1 (all), which is the default; another
    /// number is an error of [`TelemetryBuilder::build`](super::TelemetryBuilder::build).
    ///
    /// A trace is kept or left out as a whole, by its id: two destinations with the same ratio get the same
    /// traces, one with a smaller ratio gets some of these, and so it is across processes. The rule is that
    /// of the OpenTelemetry SDK's sampler `TraceIdRatioBased`, which keeps the same traces at the same ratio. What
    /// the sampler of the program's provider leaves out does not come here in the first place.
    ///
    /// A span that is left out here is not counted as [recorded](super::Report::recorded) for this
    /// destination.
    ///
    /// ```
    /// use tracing_genai::export::{Destination, Telemetry};
    ///
    /// let tenth = Destination::otlp("http://localhost:4318").sample_ratio(0.1);
    /// # drop(tenth);
    /// let percent = Destination::otlp("http://localhost:4318").sample_ratio(10.0);
    /// assert!(Telemetry::builder().destination(percent).build().is_err());
    /// ```
    pub fn sample_ratio(mut self, ratio: f64) -> Self {
        self.sample_ratio = ratio;
        self
    }

    /// Whether this destination gets what `tracing-opentelemetry` notes of the place and the thread of each
    /// span and event: `code.*`, `thread.*`, `target`, `busy_ns` and `idle_ns`, whoever wrote an attribute of
    /// such a name. It does by default, but for spans of this crate, where these tell nothing of the operation.
    ///
    /// ```
    /// use tracing_genai::export::Destination;
    ///
    /// let vendor = Destination::otlp("https://llm.example.com").code_attributes(false);
    /// # drop(vendor);
    /// ```
    pub fn code_attributes(mut self, on: bool) -> Self {
        self.code_attributes = on;
        self
    }

    /// What it chooses from the spans.
    pub(super) fn selection(&self) -> Result<Selection, Error> {
        let selection = Selection::new(self.filter, self.sample_ratio)?;
        Ok(match self.native_tracia() {
            Some(tracia) => selection.for_tracia(tracia.others()?.is_some()),
            None => self.posthog.as_ref().map_or(selection, |posthog| posthog.selection(selection)),
        })
    }

    /// What it has of Tracia where it speaks Tracia's own language.
    fn native_tracia(&self) -> Option<&tracia::Settings> {
        self.tracia.as_ref().filter(|tracia| tracia.is_native())
    }

    /// Whether it renders content from records.
    pub(super) fn renders_content(&self) -> bool {
        self.content.as_ref().is_some_and(ContentCapture::is_on)
    }

    pub(super) fn is_posthog(&self) -> bool {
        self.posthog.is_some()
    }

    /// Whether it writes spans from their records.
    pub(super) fn reads_records(&self) -> bool {
        self.renders_content() || self.posthog.is_some() || self.native_tracia().is_some()
    }

    pub(super) fn needs_certificates(&self) -> bool {
        self.taken().any(|signal| self.otlp_of(signal).needs_certificates())
    }

    /// The name of it, and the checked way to it for one signal.
    pub(super) fn route(&self, signal: Signal, client: &reqwest::Client) -> Result<(String, Address), Error> {
        self.check_posthog()?;
        match (&self.tracia, &self.posthog) {
            (Some(tracia), _) => tracia.resolve(&self.otlp_of(signal), client),
            (None, Some(posthog)) => posthog.resolve(&self.otlp_of(signal), client),
            (None, None) => self.otlp_of(signal).resolve(client),
        }
    }

    /// What of each span it gets.
    pub(super) fn view(&self) -> View {
        let vocabulary = match self.native_tracia() {
            // What is no provider is an error of the selection.
            Some(tracia) => Vocabulary::Tracia { others: tracia.others().ok().flatten() },
            None => self.posthog.as_ref().map_or(Vocabulary::GenAi, PostHog::vocabulary),
        };
        View { content: self.content.clone(), has_code: self.code_attributes, vocabulary }
    }
}
