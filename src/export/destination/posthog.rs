//! PostHog's settings, and their check.

use super::{
    Compression, Destination, Protocol,
    otlp::{Address, Origin, Otlp},
};
use crate::{
    Error,
    capture::ContentCapture,
    export::{
        answer,
        encode::Vocabulary,
        lane::Limits,
        posthog::CaptureTransport,
        selection::{Judgements, Selection, SpanFilter},
        signal::Signal,
    },
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Where PostHog takes spans, exactly: with `/v1/traces` behind it the answer is 404.
const OTLP_PATH: &str = "/i/v0/ai/otel";

/// Where PostHog takes events of AI in JSON.
const CAPTURE_PATH: &str = "/i/v0/ai/batch/";

/// What the name of a destination has behind it in the spool for what goes by the capture API.
pub(super) const CAPTURE_NAME: &str = " (capture)";

/// The most spans in one request: one more, and PostHog refuses them all.
const BATCH: usize = 100;

/// The most bytes in one request before compression: PostHog takes 4 MiB, and refuses all of a request that is larger.
const REQUEST_BYTES: usize = (4 << 20) - (64 << 10);

/// The longest project key that PostHog takes.
const KEY_LENGTH: usize = 64;

/// Beginnings of keys that other services issue, Tracia and providers of models.
const FOREIGN_KEYS: [&str; 7] = ["tr_", "sk-", "gsk_", "xai-", "AIza", "pa-", "Bearer"];

const DEFAULT_HOST: &str = "us";

/// What makes a destination one of PostHog.
#[derive(Clone, Debug)]
pub(super) struct PostHog {
    key: SecretString,
    key_origin: &'static str,
    host: String,
    host_origin: &'static str,
    transport: PostHogTransport,
    way: Way,
}

/// Which of the ways to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Main,
    /// That of judgements, beside that of the spans.
    Judgements,
    /// That of what an earlier run left in the spool, with the other transport.
    Leftovers,
}

/// How events come to PostHog: see [`Destination::posthog_transport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostHogTransport {
    /// Spans over OTLP, which PostHog makes events of; judgements by its capture API.
    #[default]
    Otlp,
    /// Everything by the capture API (`/i/v0/ai/batch/`), as events that are made here.
    Capture,
}

impl Destination {
    /// [PostHog](https://posthog.com/docs/llm-analytics)'s LLM analytics, by the key of a project (`phc_…`).
    ///
    /// It gets the spans about generative AI as its events, in its own properties: generations, embeddings, and the
    /// traces and spans around them. A span whose parent it does not get is put below the nearest one that it
    /// gets, or becomes the root. Events belong to the [user](crate::context::Scope::user) and the
    /// session of the scope they are in, and are anonymous and their trace's without a user. Requests stay within PostHog's
    /// limits, whatever `OTEL_BSP_*` says: at most 100 spans and 4 MiB; of a span that is larger by itself the longest
    /// texts are cut, its content first, and it has the attribute `tracing_genai.truncated`.
    ///
    /// Judgements, which have no events over OTLP, go by PostHog's capture API: an
    /// [`Evaluation`](crate::span::Evaluation) as `$ai_evaluation` and its score as `$ai_metric`, a
    /// [`Feedback`](crate::span::Feedback) as `$ai_feedback` and `$ai_metric`, all of the trace that they are of; a label
    /// without a score is the metric itself. That way has a queue and an account of its own, with the limits of this
    /// destination: as much again may wait in memory, and the [report](crate::export::Report::destinations) has it as
    /// another destination once there was a judgement. A span of a call that another library put a judgement on goes
    /// both ways, and is counted for either. Where PostHog does not take judgements (a version of one's own that is too
    /// old), the report says so; a flush fails for that only while one of them is pending. With
    /// [`posthog_transport`](Self::posthog_transport) everything goes that way.
    ///
    /// Two projects at one host need a [name](Self::name) each where there is a [spool](crate::export::Spool): what was
    /// kept for one must not go out with the key of the other.
    ///
    /// PostHog answers 200 to a key that is of no project, and to one of the other region, and stores nothing: that spans
    /// were delivered does not prove the key. Look for the first event.
    ///
    /// The region is the US unless [`host`](Self::host) says otherwise; content is not sent unless
    /// [`content`](Self::content) allows it. A session's id with other characters than PostHog takes (letters, digits
    /// and `-_~.@()!':|`) has `~` and their hexadecimal bytes instead.
    ///
    /// # Errors
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build) refuses what cannot be a project's key (a
    /// personal one, `phx_…`, among them), gRPC and zstd, which PostHog does not speak, other signals than
    /// traces, and another [filter](Self::spans) than [`SpanFilter::GenAi`], since PostHog drops other spans.
    ///
    /// ```
    /// use tracing_genai::{ContentCapture, Destination, Telemetry};
    ///
    /// # fn main() -> Result<(), tracing_genai::Error> {
    /// let telemetry = Telemetry::builder()
    ///     .destination(Destination::posthog("phc_key").host("eu").content(ContentCapture::on()))
    ///     .build()?;
    /// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
    ///
    /// let personal = Telemetry::builder().destination(Destination::posthog("phx_key")).build();
    /// assert!(personal.unwrap_err().to_string().contains("project"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn posthog(project_key: impl AsRef<str>) -> Self {
        let key_origin = "the key given to Destination::posthog";
        Self::of_posthog(project_key.as_ref(), key_origin, DEFAULT_HOST, "Destination::host")
    }

    /// PostHog by the variables `POSTHOG_API_KEY`, the key of a project, and `POSTHOG_HOST`, as
    /// [`host`](Self::host) takes it.
    ///
    /// # Errors
    /// Without `POSTHOG_API_KEY`. What is wrong with a value is an error of
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build) that names its variable.
    pub fn posthog_from_env() -> Result<Self, Error> {
        Self::posthog_from(&crate::export::env::process)
    }

    fn posthog_from(lookup: crate::export::env::Lookup<'_>) -> Result<Self, Error> {
        const KEY: &str = "POSTHOG_API_KEY";
        const HOST: &str = "POSTHOG_HOST";
        let value =
            |name| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let key = value(KEY).ok_or_else(|| {
            Error::configuration("POSTHOG_API_KEY is not set: PostHog needs the key of a project (phc_…)")
        })?;
        let host = value(HOST);
        Ok(Self::of_posthog(&key, KEY, host.as_deref().unwrap_or(DEFAULT_HOST), HOST))
    }

    fn of_posthog(key: &str, key_origin: &'static str, host: &str, host_origin: &'static str) -> Self {
        let posthog = PostHog {
            key: SecretString::from(key),
            key_origin,
            host: host.trim().to_owned(),
            host_origin,
            transport: PostHogTransport::default(),
            way: Way::Main,
        };
        let destination = Self {
            filter: SpanFilter::GenAi,
            content: Some(ContentCapture::off()),
            code_attributes: false,
            ..Self::from_origin(String::new(), Origin::Option(host_origin))
        };
        // A blank at its end would be lost in a header; the check sees it.
        destination.exact_path().bearer(key).with_posthog(posthog)
    }

    fn with_posthog(mut self, posthog: PostHog) -> Self {
        let (endpoint, origin) = (posthog.endpoint(), Origin::Option(posthog.host_origin));
        self.otlp.advice = if posthog.captures() { &answer::POSTHOG_CAPTURE } else { &answer::POSTHOG };
        self.each(|otlp| otlp.set_endpoint(endpoint.clone(), origin));
        Self { posthog: Some(posthog), ..self }
    }

    /// Which PostHog it is: the region `us` (the default) or `eu`, or the address of one's own, such as
    /// `https://posthog.example.com`, without a path.
    ///
    /// For [`Destination::posthog`] alone; what is none of these, or given to another destination, is an error of
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build).
    pub fn host(mut self, host: impl Into<String>) -> Self {
        const NAME: &str = "Destination::host";
        match self.posthog.take() {
            Some(posthog) => {
                let host = host.into().trim().to_owned();
                self.with_posthog(PostHog { host, host_origin: NAME, ..posthog })
            }
            None => Self {
                idle_option: Some(
                    "Destination::host is for Destination::posthog; Destination::otlp is given its whole address",
                ),
                ..self
            },
        }
    }

    /// How PostHog gets its events, [over OTLP](PostHogTransport::Otlp) by default.
    ///
    /// By the [capture API](PostHogTransport::Capture) each event has an id that its span makes. Whatever is sent twice
    /// (after an answer that was lost) PostHog stores once; over OTLP it stores it twice. The events are the same
    /// otherwise, with two exceptions: PostHog marks those that came over OTLP (`$ai_ingestion_source`), and gives a
    /// tool or an agent that failed an HTTP status (500) there.
    ///
    /// In a [spool](crate::export::Spool) either form has a place of its own: OTLP under the destination's
    /// [name](Self::name), the capture API's JSON under the name with ` (capture)` behind it, which no other destination
    /// may be called. After a change of the transport what was kept is sent in the form that it has.
    ///
    /// For [`Destination::posthog`] alone; given to another destination it is an error of
    /// [`TelemetryBuilder::build`](crate::export::TelemetryBuilder::build).
    ///
    /// ```
    /// use tracing_genai::export::{Destination, PostHogTransport};
    ///
    /// let posthog = Destination::posthog("phc_key").posthog_transport(PostHogTransport::Capture);
    /// # drop(posthog);
    /// ```
    pub fn posthog_transport(mut self, transport: PostHogTransport) -> Self {
        match self.posthog.take() {
            Some(posthog) => self.with_posthog(PostHog { transport, ..posthog }),
            None => Self {
                idle_option: Some(
                    "Destination::posthog_transport is for Destination::posthog; other destinations have one \
                     way to send spans",
                ),
                ..self
            },
        }
    }

    /// The ways to it: PostHog has one for spans, one for what OTLP cannot carry, and with a spool one for what was kept
    /// for the other transport.
    pub(in crate::export) fn ways(&self, has_spool: bool) -> Vec<Self> {
        let Some(posthog) = &self.posthog else { return vec![self.clone()] };
        let beside = match posthog.transport {
            PostHogTransport::Otlp => Some(Way::Judgements),
            PostHogTransport::Capture => Some(Way::Leftovers).filter(|_| has_spool),
        };
        let of = |way| {
            let mut of_way = self.clone().with_posthog(PostHog { way, ..posthog.clone() });
            let captures = of_way.posthog.as_ref().is_some_and(PostHog::captures);
            // The spool has one place for each form.
            of_way.name = self.name.as_ref().map(|name| {
                if captures && !name.trim().is_empty() {
                    format!("{name}{CAPTURE_NAME}")
                } else {
                    name.clone()
                }
            });
            of_way
        };
        [Some(Way::Main), beside].into_iter().flatten().map(of).collect()
    }

    /// The settings that hold for a back end of its own kind.
    pub(super) fn check_posthog(&self) -> Result<(), Error> {
        if let Some(why) = self.idle_option {
            return Err(Error::configuration(why));
        }
        let Some(posthog) = &self.posthog else { return Ok(()) };
        posthog.check_key()?;
        posthog.check_host()?;
        let refuse = |why: &str| Err(Error::configuration(why));
        if self.otlp.protocol != Protocol::HttpProtobuf {
            return refuse("Destination::protocol: PostHog takes OTLP over HTTP alone, no gRPC");
        }
        if self.otlp.compression == Some(Compression::Zstd) {
            return refuse("Destination::compression: PostHog takes gzip or none, no zstd");
        }
        if self.filter != SpanFilter::GenAi {
            return refuse(
                "Destination::spans: PostHog drops spans that are not about generative AI, so its destination takes SpanFilter::GenAi alone",
            );
        }
        if self.signals.as_ref().is_some_and(|signals| signals.iter().any(|signal| *signal != Signal::Traces))
        {
            return refuse("Destination::signals: PostHog's LLM analytics takes traces alone");
        }
        Ok(())
    }
}

impl PostHog {
    fn endpoint(&self) -> String {
        let base = match self.host.as_str() {
            host if host.eq_ignore_ascii_case("us") => "https://us.i.posthog.com",
            host if host.eq_ignore_ascii_case("eu") => "https://eu.i.posthog.com",
            host => host.trim_end_matches('/'),
        };
        let path = if self.captures() { CAPTURE_PATH } else { OTLP_PATH };
        format!("{base}{path}")
    }

    /// Whether it speaks the capture API.
    fn captures(&self) -> bool {
        match self.way {
            Way::Main => self.transport == PostHogTransport::Capture,
            Way::Judgements => true,
            Way::Leftovers => false,
        }
    }

    pub(super) fn vocabulary(&self) -> Vocabulary {
        if self.captures() {
            Vocabulary::PostHogCapture { has_spans: self.way == Way::Main }
        } else {
            Vocabulary::PostHog
        }
    }

    pub(super) fn selection(&self, selection: Selection) -> Selection {
        let judgements = match (self.way, self.transport) {
            (Way::Leftovers, _) => Judgements::Nothing,
            (Way::Judgements, _) => Judgements::Alone,
            (Way::Main, PostHogTransport::Capture) => Judgements::Also,
            (Way::Main, PostHogTransport::Otlp) => Judgements::Apart,
        };
        selection.with_operations_above().with_judgements(judgements)
    }

    /// The name of the destination, and the checked way to it.
    pub(super) fn resolve(&self, otlp: &Otlp, client: &reqwest::Client) -> Result<(String, Address), Error> {
        Ok(match otlp.resolve(client)? {
            (name, Address::Http(mut http)) if self.captures() => {
                if http.compression == Compression::Gzip {
                    // Older versions go by this, and not by the header.
                    http.url.set_query(Some("compression=gzip"));
                }
                (name, Address::PostHogCapture(CaptureTransport::new(http, self.key.clone())))
            }
            other => other,
        })
    }

    /// The limits of a request, whatever was asked for.
    pub(super) fn limit(limits: &mut Limits) {
        limits.batch = limits.batch.min(BATCH);
        limits.request_bytes = limits.request_bytes.min(REQUEST_BYTES);
    }

    /// The key is kept out of errors.
    fn check_key(&self) -> Result<(), Error> {
        let (key, origin) = (self.key.expose_secret(), self.key_origin);
        let why = if key.is_empty() {
            "is empty: it takes the key of a project (phc_…, PostHog's project settings)"
        } else if key.chars().any(char::is_whitespace) {
            "has blanks: the key of a project (phc_…) has none"
        } else if key.starts_with("phx_") {
            "is a personal key (phx_…), with which nothing can be sent: it takes the key of a project (phc_…)"
        } else if FOREIGN_KEYS.iter().any(|beginning| key.starts_with(beginning)) {
            "begins as the key of another service: it takes the key of a project (phc_…)"
        } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            "has characters that no key of a project (phc_…) has"
        } else if key.len() > KEY_LENGTH {
            "is longer than the 64 characters that the key of a project (phc_…) has at most"
        } else {
            return Ok(());
        };
        Err(Error::configuration(format!("{origin} {why}")))
    }

    fn check_host(&self) -> Result<(), Error> {
        let (host, origin) = (self.host.as_str(), self.host_origin);
        let refuse = |why: &str| Err(Error::configuration(format!("{origin} {why}")));
        if ["us", "eu"].iter().any(|region| host.eq_ignore_ascii_case(region)) {
            return Ok(());
        }
        if !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && host != "localhost"
        {
            return refuse(
                "is no region of PostHog: there are us and eu, and the address of a PostHog of your own, such as \
                 https://posthog.example.com",
            );
        }
        let url = match Url::parse(host) {
            Ok(url) if url.has_host() => url,
            Ok(_) | Err(_) => {
                return refuse("is no address like https://eu.i.posthog.com, and no region (us, eu)");
            }
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return refuse("has more than a host: leave out the path, which the export knows");
        }
        let name = url.host_str().unwrap_or_default();
        if let Some(region) = name.strip_suffix(".i.posthog.com") {
            if !["us", "eu"].contains(&region) {
                return refuse("is of a region that PostHog does not have: there are us and eu");
            }
        } else if ["us.posthog.com", "eu.posthog.com", "app.posthog.com", "posthog.com"].contains(&name) {
            return refuse(
                "is where PostHog shows its data; it takes it at https://us.i.posthog.com or https://eu.i.posthog.com",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(destination: &Destination) -> Result<String, String> {
        let client = crate::export::http::client(true).unwrap();
        destination.route(Signal::Traces, &client).map(|(name, _)| name).map_err(|error| error.to_string())
    }

    #[test]
    fn requests_go_to_exactly_the_path_of_the_region() {
        for (host, expected) in [
            ("us", "https://us.i.posthog.com/i/v0/ai/otel"),
            ("eu", "https://eu.i.posthog.com/i/v0/ai/otel"),
            ("Eu", "https://eu.i.posthog.com/i/v0/ai/otel"),
            ("https://eu.i.posthog.com", "https://eu.i.posthog.com/i/v0/ai/otel"),
            ("https://eu.i.posthog.com/", "https://eu.i.posthog.com/i/v0/ai/otel"),
            ("http://localhost:8000", "http://localhost:8000/i/v0/ai/otel"),
            ("https://posthog.example.com", "https://posthog.example.com/i/v0/ai/otel"),
        ] {
            assert_eq!(checked(&Destination::posthog("phc_a").host(host)), Ok(expected.to_owned()));
        }
        assert_eq!(
            checked(&Destination::posthog("phc_a")),
            Ok("https://us.i.posthog.com/i/v0/ai/otel".to_owned())
        );
    }

    #[test]
    fn a_key_that_is_none_of_a_project_is_refused_and_not_shown() {
        let long = "phc_".repeat(17);
        for (key, word) in [
            ("phx_hunter2", "personal"),
            ("tr_hunter2", "another service"),
            ("sk-proj-hunter2", "another service"),
            ("phc_hunter2 ", "blanks"),
            ("phc hunter2", "blanks"),
            ("", "empty"),
            ("phc_hunter2é", "characters"),
            (long.as_str(), "longer"),
        ] {
            let error = checked(&Destination::posthog(key)).unwrap_err();
            assert!(error.contains(word) && error.contains("Destination::posthog"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", Destination::posthog("phc_hunter2")).contains("hunter2"));
    }

    #[test]
    fn a_host_that_is_none_is_refused_by_what_is_wrong_with_it() {
        for (host, word) in [
            ("https://eu.i.posthog.com/i/v0/ai/otel", "path"),
            ("https://eu.i.posthog.com/?a=1", "path"),
            ("de", "region"),
            ("https://de.i.posthog.com", "region"),
            ("https://us.posthog.com", "us.i.posthog.com"),
            ("eu.i.posthog.com", "address"),
            ("", "address"),
            ("ftp://x.io", "http"),
            ("https://me:hunter2@x.io", "user name"),
        ] {
            let error = checked(&Destination::posthog("phc_a").host(host)).unwrap_err();
            assert!(error.contains(word) && error.contains("Destination::host"), "{host}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_posthog_does_not_speak_is_refused() {
        let posthog = || Destination::posthog("phc_a");
        for (destination, word) in [
            (posthog().protocol(Protocol::Grpc), "gRPC"),
            (posthog().compression(Compression::Zstd), "zstd"),
            (posthog().spans(SpanFilter::All), "Destination::spans"),
            (posthog().signals([Signal::Traces, Signal::Logs]), "traces"),
            (Destination::otlp("http://localhost").host("eu"), "whole address"),
            (
                Destination::otlp("http://localhost").posthog_transport(PostHogTransport::Capture),
                "one way to send",
            ),
        ] {
            let error = checked(&destination).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn each_form_has_a_place_of_its_own_in_the_spool() {
        let keys = |transport, has_spool| {
            let posthog = Destination::posthog("phc_a").name("acme").posthog_transport(transport);
            let ways = posthog.ways(has_spool);
            ways.iter().map(|way| way.spool_key().map(str::to_owned).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(keys(PostHogTransport::Otlp, true), ["acme", "acme (capture)"]);
        assert_eq!(keys(PostHogTransport::Capture, true), ["acme (capture)", "acme"]);
        assert_eq!(keys(PostHogTransport::Capture, false), ["acme (capture)"]);
    }

    #[test]
    fn what_mends_the_capture_api_is_not_otlp() {
        let advice =
            |transport| Destination::posthog("phc_a").posthog_transport(transport).otlp.advice.on(415);
        assert!(advice(PostHogTransport::Otlp).contains("OTLP"));
        assert!(advice(PostHogTransport::Capture).contains("JSON"));
        assert!(!advice(PostHogTransport::Capture).contains("OTLP"));
    }

    #[test]
    fn the_limits_hold_whatever_was_asked_for() {
        let limits =
            Destination::posthog("phc_a").limits(&Limits { batch: 512, ..Limits::default() }).unwrap();
        assert!(limits.batch == 100 && limits.request_bytes < 4 << 20);
        assert_eq!(
            Destination::posthog("phc_a").limits(&Limits { batch: 10, ..Limits::default() }).unwrap().batch,
            10
        );
        assert_eq!(
            Destination::otlp("http://localhost").limits(&Limits::default()).unwrap(),
            Limits::default()
        );
    }

    #[test]
    fn the_variables_make_one_and_are_named() {
        let lookup = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let made = Destination::posthog_from(&lookup(&[
            ("POSTHOG_API_KEY", "phc_a"),
            ("POSTHOG_HOST", "https://eu.i.posthog.com"),
        ]));
        assert_eq!(checked(&made.unwrap()), Ok("https://eu.i.posthog.com/i/v0/ai/otel".to_owned()));
        let without = Destination::posthog_from(&lookup(&[])).unwrap_err().to_string();
        assert!(without.contains("POSTHOG_API_KEY"), "{without}");
        let personal = Destination::posthog_from(&lookup(&[("POSTHOG_API_KEY", "phx_a")])).unwrap();
        assert!(checked(&personal).unwrap_err().contains("POSTHOG_API_KEY"));
        let host = [("POSTHOG_API_KEY", "phc_a"), ("POSTHOG_HOST", "mars")];
        let host = Destination::posthog_from(&move |name| {
            host.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        assert!(checked(&host.unwrap()).unwrap_err().contains("POSTHOG_HOST"));
    }
}
