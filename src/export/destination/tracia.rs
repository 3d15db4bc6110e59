//! Tracia's settings, and their check.

use super::{
    Destination, Protocol,
    otlp::{Address, Origin, Otlp},
};
use crate::{
    Error,
    capture::ContentCapture,
    export::{
        Compression, SpanFilter,
        env::{self, Lookup},
        lane::Limits,
        signal::Signal,
        tracia::{SpanErrorHook, TraciaTransport},
    },
    vocabulary::tracia::{BASE, BASE_VARIABLE, KEY_VARIABLE, bearer, provider_word},
};
use secrecy::SecretString;
use std::time::Duration;

const PATH: &str = "/api/v1/spans";

/// [Tracia](https://docs.tracia.io) as a destination: see [`Destination::tracia`].
///
/// What is set here is Tracia's own. The rest is set on the [`Destination`] that this becomes
/// ([`Destination::from`]): certificates, further headers and the like.
///
/// ```
/// use tracing_genai::{ContentCapture, Telemetry, export::Destination};
///
/// # fn main() -> Result<(), tracing_genai::Error> {
/// let tracia = Destination::tracia("tr_the_key")
///     .content(ContentCapture::on())
///     .on_span_error(|error, span_id| eprintln!("{span_id} is lost: {error}"));
/// let telemetry = Telemetry::builder().destination(tracia).build()?;
/// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is given to `TelemetryBuilder::destination`"]
pub struct Tracia {
    destination: Destination,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    key: SecretString,
    key_origin: &'static str,
    on_span_error: Option<SpanErrorHook>,
    others: Option<String>,
    is_otlp: bool,
}

impl Destination {
    /// [Tracia](https://docs.tracia.io), by its own interface and with this API key: `POST /api/v1/spans` for
    /// each call of a language or embedding model, and `POST /api/v1/spans/{id}/evaluations` for each
    /// [`Evaluation`](crate::span::Evaluation) with a score, after the span that it is of.
    ///
    /// Tracia has no form for anything else: spans of tools, agents, retrievals and of the program are left out
    /// and [not counted](crate::export::Report::recorded), as are calls of which it does not know the provider
    /// ([`Tracia::other_providers_as`]). [`vocabulary::tracia`](crate::vocabulary::tracia) tells what becomes of
    /// the rest.
    ///
    /// An event `gen_ai.evaluation.result` with a score is an evaluation of the call whose span holds it; on a span that
    /// is no operation, of the span above. Each is counted by itself, beside its call. One of a call that is still open
    /// is pending until that has ended and was sent: a [flush](crate::Telemetry::flush) does not wait for it, and a
    /// shutdown leaves it in the spool or drops it. One of what this process knows not to be sent, such as an agent's
    /// run, is left out and not counted, but for [`diagnosis`](crate::diagnosis()); one of another span that Tracia does
    /// not have is refused by it. So is one of a call with a `tracia.span_id` that this process does not remember (it
    /// does so for the newest 4096), unless it was given the call's own
    /// [`span_ref`](crate::span::OpenSpan::span_ref).
    ///
    /// Content is off unless [`Tracia::content`] switches it on. An empty key, or one with blanks, is an error of
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build); one that Tracia does not take is a
    /// problem [of the settings](crate::export::ProblemKind::Misconfigured).
    ///
    /// # Delivery
    /// As to every destination: what Tracia does not take now (no answer, `408`, `429`, `5xx`) is kept and tried
    /// again with growing waits, for at least as long as a `Retry-After` asks. Tracia's own SDKs give up after the
    /// third try, after 500 and 1000 ms, and lose the span; here it is kept through an outage of any length. Given up is one that gets `408` or `500` five times
    /// while others are taken. Another `4xx` is not tried again.
    /// A `409` to a second try counts as delivered: the first one came. Ten requests are on their way at once.
    pub fn tracia(api_key: impl Into<String>) -> Tracia {
        Tracia::new(api_key.into(), "the key given to Destination::tracia", BASE.to_owned(), BASE_ORIGIN)
    }
}

const BASE_ORIGIN: Origin = Origin::Option("the address given to Tracia::base_url");

impl Tracia {
    fn new(key: String, key_origin: &'static str, base: String, origin: Origin) -> Self {
        let mut destination = Destination::from_origin(base, origin).exact_path();
        destination.content = Some(ContentCapture::off());
        let key = SecretString::from(key);
        let settings = Settings { key, key_origin, on_span_error: None, others: None, is_otlp: false };
        Self { destination, settings }
    }

    /// Tracia as the environment has it: the key `TRACIA_API_KEY`, and the base address `TRACIA_BASE_URL`,
    /// `https://app.tracia.io` by default.
    ///
    /// # Errors
    /// When there is no key. What either holds is checked by
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build).
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(&env::process)
    }

    fn from_lookup(lookup: Lookup<'_>) -> Result<Self, Error> {
        let Some(key) = env::value(lookup, KEY_VARIABLE) else {
            return Err(Error::configuration(format!(
                "{KEY_VARIABLE} is not set: it takes a key of Tracia; or give one to Destination::tracia"
            )));
        };
        let base = env::value(lookup, BASE_VARIABLE).unwrap_or_else(|| BASE.to_owned());
        Ok(Self::new(key, KEY_VARIABLE, base, Origin::Variable(BASE_VARIABLE)))
    }

    /// Another address than `https://app.tracia.io`, to which `/api/v1/spans` is appended: a server of your own, or a
    /// stand-in.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.destination.otlp.set_endpoint(url.into(), BASE_ORIGIN);
        self
    }

    /// Is called once for each span (or evaluation) that Tracia refused for good, with why and with the span's
    /// id in Tracia: on the export's own thread, so it must be quick. It may log, and a panic in it is caught.
    ///
    /// It is not called for what is dropped on this side (no room, no time), which [the
    /// report](crate::export::DestinationReport::dropped) counts, nor with [`otlp`](Self::otlp).
    pub fn on_span_error(mut self, hook: impl Fn(&Error, &str) + Send + Sync + 'static) -> Self {
        self.settings.on_span_error = Some(SpanErrorHook::new(hook));
        self
    }

    /// Sends OTLP to this endpoint instead, with the same key as bearer, as [`Destination::otlp`] does: for the day
    /// Tracia takes it. It gets all [spans about generative AI](SpanFilter::GenAi) then, unless
    /// [`Destination::spans`] says otherwise.
    pub fn otlp(mut self, endpoint: impl Into<String>) -> Self {
        let otlp = &mut self.destination.otlp;
        otlp.set_endpoint(endpoint.into(), Origin::Option("the endpoint given to Tracia::otlp"));
        otlp.exact_path = false;
        self.settings.is_otlp = true;
        self.destination.filter = SpanFilter::GenAi;
        self.signals_of_traces()
    }

    fn signals_of_traces(mut self) -> Self {
        self.destination = self.destination.signals([Signal::Traces]);
        self
    }

    /// Sends calls of providers that Tracia does not know (Groq, Mistral and the like) under this word, one of
    /// `openai`, `anthropic`, `google`, `amazon_bedrock` and `voyage`; another is an error of
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build). Without it such calls are left out, and
    /// [`diagnosis`](crate::diagnosis()) counts them.
    pub fn other_providers_as(mut self, provider: impl Into<String>) -> Self {
        self.settings.others = Some(provider.into());
        self
    }

    /// What the spool knows it by: see [`Destination::name`]. Two of different keys need one each, where there is a
    /// spool.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.destination = self.destination.name(name);
        self
    }

    /// What content Tracia gets: see [`Destination::content`]. None by default, so that messages are an empty
    /// list and the output is null. Tools come with descriptions and parameters if
    /// [asked for](ContentCapture::tool_parameters).
    pub fn content(mut self, content: ContentCapture) -> Self {
        self.destination = self.destination.content(content);
        self
    }

    /// See [`Destination::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.destination = self.destination.timeout(timeout);
        self
    }

    /// See [`Destination::sample_ratio`].
    pub fn sample_ratio(mut self, ratio: f64) -> Self {
        self.destination = self.destination.sample_ratio(ratio);
        self
    }
}

impl From<Tracia> for Destination {
    fn from(tracia: Tracia) -> Self {
        Self { tracia: Some(tracia.settings), ..tracia.destination }
    }
}

/// The limits of Tracia's own interface, whatever was asked for: it takes one at a time, and ten of these at once.
pub(super) fn limit(limits: &mut Limits) {
    (limits.batch, limits.in_flight) = (1, 10);
}

impl Settings {
    /// Whether spans go as Tracia has them.
    pub(super) fn is_native(&self) -> bool {
        !self.is_otlp
    }

    /// The provider of calls whose own Tracia does not know.
    pub(super) fn others(&self) -> Result<Option<&'static str>, Error> {
        let Some(word) = &self.others else { return Ok(None) };
        provider_word(word).map(Some).ok_or_else(|| {
            Error::configuration(format!(
                "Tracia::other_providers_as: {word:?} is none of openai, anthropic, google, amazon_bedrock and voyage"
            ))
        })
    }

    /// The name of the destination, and the checked way to it.
    pub(super) fn resolve(&self, otlp: &Otlp, client: &reqwest::Client) -> Result<(String, Address), Error> {
        let mut otlp = otlp.clone();
        otlp.headers.push(("authorization".to_owned(), bearer(&self.key, self.key_origin)?));
        if self.is_otlp {
            return otlp.resolve(client);
        }
        if otlp.signal != Signal::Traces {
            return Err(Error::configuration("Destination::signals: Tracia takes traces alone"));
        }
        otlp.append(PATH)?;
        otlp.protocol = Protocol::HttpProtobuf;
        otlp.compression = Some(Compression::None);
        Ok(match otlp.resolve(client)? {
            (name, Address::Http(http)) => {
                (name, Address::Tracia(TraciaTransport::new(http, self.on_span_error.clone())))
            }
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: impl Into<Destination>) -> Result<(String, Address), String> {
        let client = crate::export::http::client(true).unwrap();
        destination.into().route(Signal::Traces, &client).map_err(|error| error.to_string())
    }

    #[test]
    fn spans_go_to_the_path_of_tracia_below_the_base_address() {
        for (base, expected) in [
            ("https://x.io", "https://x.io/api/v1/spans"),
            ("https://x.io/", "https://x.io/api/v1/spans"),
            ("https://x.io/tracia", "https://x.io/tracia/api/v1/spans"),
            ("https://x.io/api/v1", "https://x.io/api/v1/spans"),
            ("https://x.io/api/v1/spans", "https://x.io/api/v1/spans"),
        ] {
            let (name, address) = route(Destination::tracia("tr_key").base_url(base)).unwrap();
            assert_eq!(name, expected);
            assert!(matches!(address, Address::Tracia(_)));
        }
        assert_eq!(route(Destination::tracia("tr_key")).unwrap().0, "https://app.tracia.io/api/v1/spans");
    }

    #[test]
    fn a_key_that_cannot_be_one_is_an_error_that_does_not_show_it() {
        for (key, why) in [
            ("", "is empty"),
            ("tr_hunter 2", "blanks"),
            ("tr_hunter\n", "blanks"),
            ("tr_hünter", "characters"),
            ("phc_hunter", "another service"),
        ] {
            let error = route(Destination::tracia(key)).unwrap_err();
            assert!(error.contains("Destination::tracia") && error.contains(why), "{error}");
            assert!(!error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn a_base_address_that_is_none_is_an_error_that_names_the_option() {
        for base in ["", "app.tracia.io", "ftp://x.io", "http://", "https://me:hunter2@x.io"] {
            let error = route(Destination::tracia("tr_key").base_url(base)).unwrap_err();
            assert!(error.contains("Tracia::base_url") && !error.contains("hunter2"), "{base:?}: {error}");
        }
    }

    #[test]
    fn the_environment_names_its_variables() {
        let error = Tracia::from_lookup(&|_| None).unwrap_err().to_string();
        assert!(error.contains("TRACIA_API_KEY"), "{error}");
        let with_blank = |name: &str| (name == "TRACIA_API_KEY").then(|| "tr_a b".to_owned());
        let error = route(Tracia::from_lookup(&with_blank).unwrap()).unwrap_err();
        assert!(error.contains("TRACIA_API_KEY") && error.contains("blanks"), "{error}");
        let elsewhere = |name: &str| match name {
            "TRACIA_API_KEY" => Some(" tr_key ".to_owned()),
            "TRACIA_BASE_URL" => Some("nowhere".to_owned()),
            _ => None,
        };
        let error = route(Tracia::from_lookup(&elsewhere).unwrap()).unwrap_err();
        assert!(error.contains("TRACIA_BASE_URL"), "{error}");
    }

    #[test]
    fn over_otlp_it_is_a_receiver_of_otlp_with_the_key() {
        let destination = Destination::tracia("tr_the_key").otlp("https://x.io/otlp");
        let (name, address) = route(destination).unwrap();
        assert_eq!(name, "https://x.io/otlp/v1/traces");
        let Address::Http(http) = address else { unreachable!("not over HTTP") };
        assert_eq!(http.headers["authorization"], "Bearer tr_the_key");
    }

    #[test]
    fn a_provider_that_tracia_does_not_have_is_no_provider_for_others() {
        let destination = Destination::from(Destination::tracia("tr_key").other_providers_as("groq"));
        let error = destination.selection().unwrap_err().to_string();
        assert!(error.contains("other_providers_as") && error.contains("amazon_bedrock"), "{error}");
    }

    #[test]
    fn other_signals_than_traces_are_refused() {
        let client = crate::export::http::client(true).unwrap();
        let error = Destination::from(Destination::tracia("tr_key")).route(Signal::Logs, &client);
        assert!(error.unwrap_err().to_string().contains("Destination::signals"));
    }

    #[test]
    fn requests_hold_one_span_whatever_was_asked_for() {
        let destination = Destination::from(Destination::tracia("tr_key")).batch_spans(50).queue_spans(70);
        let limits = destination.limits(&Limits::default()).unwrap();
        assert_eq!((limits.batch, limits.in_flight, limits.spans), (1, 10, 70));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", Destination::tracia("tr_hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
