//! The handle that a program holds, and its settings.

#[cfg(feature = "metrics")]
use super::self_metrics::Component;
use super::{
    courier::{self, Commands},
    destination::{self, Destination, Shelved},
    env::{self, Lookup},
    http,
    lane::{Lane, Limits},
    layer,
    live::Live,
    own_pipeline,
    pipeline::Pipeline,
    processor::Processor,
    report::{Hook, Problem, ProblemKind, Report},
    selection::Selection,
    signal::Signal,
    spool::Spool,
    spooling,
};
use crate::{
    Error,
    diagnosis::{self, Finding},
    record::ErrorKind,
    semconv::{gen_ai::SCHEMA_URL, posthog::AI_SESSION_ID},
    span::{joined, own_pipeline::Claim},
    vocabulary::posthog::is_session_id,
};
use opentelemetry::{
    InstrumentationScope, Key, KeyValue, Value, propagation::TextMapCompositePropagator,
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    Resource,
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanProcessor},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, registry::LookupSpan};

/// Brings a program's spans to its destinations, for as long as it lives.
///
/// Keep it until the program's end: dropping it delivers what is left, for five seconds at most.
///
/// Ways to connect it:
/// - a program without a subscriber calls [`install`](Self::install);
/// - a program with a `tracing` subscriber adds [`layer`](Self::layer) to it;
/// - a program that has OpenTelemetry adds [`processors`](Self::processors) to its provider;
/// - with [`own_pipeline`](TelemetryBuilder::own_pipeline) the spans of this crate need none of these.
///
/// # Metrics and logs
/// With the features `metrics` and `logs` a program's own meter and logger providers export through it, to the same
/// destinations, with the same limits, spool and account: `metric_exporter`, `log_exporter`; and `observe` has its
/// account as metrics. Each signal of a destination has a queue of its own, so that none holds another up.
///
/// # Example
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracing_genai::export::{Destination, Telemetry};
///
/// # fn main() -> Result<(), tracing_genai::Error> {
/// let telemetry =
///     Telemetry::builder().destination(Destination::otlp("http://localhost:4318")).build()?;
/// let provider = SdkTracerProvider::builder().with_span_processor(telemetry.processors()).build();
/// provider.tracer("example").in_span("work", |_| ());
/// assert_eq!(telemetry.report().recorded, 1);
/// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it ends the export: keep it until the program's end"]
pub struct Telemetry {
    pipeline: Arc<Pipeline>,
    provider: SdkTracerProvider,
    overrides: Vec<KeyValue>,
    level: LevelFilter,
    drop_timeout: Duration,
    has_second_layer: Arc<AtomicBool>,
    #[cfg(feature = "metrics")]
    temporality: opentelemetry_sdk::metrics::Temporality,
    /// Whether the program's own spans come too.
    is_connected: Arc<AtomicBool>,
    /// Where spans of this crate come by themselves.
    own_pipeline: Mutex<Option<Claim>>,
}

/// The settings of a [`Telemetry`], see [`Telemetry::builder`].
#[must_use]
#[derive(Debug)]
pub struct TelemetryBuilder {
    resource: Vec<KeyValue>,
    destinations: Vec<Destination>,
    spool: Option<Spool>,
    hook: Hook,
    level: LevelFilter,
    drop_timeout: Duration,
    own_pipeline: bool,
}

impl Telemetry {
    /// Settings to begin with: the environment's, see [the table](super#environment).
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder {
            resource: Vec::new(),
            destinations: Vec::new(),
            spool: None,
            hook: Hook::default(),
            level: LevelFilter::INFO,
            drop_timeout: Duration::from_secs(5),
            own_pipeline: false,
        }
    }

    /// Everything as the environment has it, see [the table](super#environment).
    ///
    /// # Errors
    /// As [`TelemetryBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Sets up everything for a program without a `tracing` subscriber: a log on standard error,
    /// filtered by `RUST_LOG` (`warn` by default), and [`layer`](Self::layer), whatever `RUST_LOG` is;
    /// the process's OpenTelemetry provider, and W3C propagation of trace context and baggage.
    ///
    /// # Errors
    /// When the program has a subscriber already: add [`layer`](Self::layer) to that.
    pub fn install(&self) -> Result<(), Error> {
        let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(
            EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy(),
        );
        let subscriber = Registry::default().with(log).with(self.layer());
        tracing::subscriber::set_global_default(subscriber).map_err(|error| {
            Error::configuration(
                "a global `tracing` subscriber is set already: instead of install(), add \
                 telemetry.layer() to it (or, if it has an OpenTelemetry layer, telemetry.processors() to \
                 that layer's provider)",
            )
            .with_source(error)
        })?;
        opentelemetry::global::set_tracer_provider(self.provider.clone());
        opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
        Ok(())
    }

    /// An OpenTelemetry layer for a `tracing` subscriber that has none.
    ///
    /// It takes spans and events up to [`TelemetryBuilder::level`], but for those of the crates that
    /// exporting is made of (hyper, h2, reqwest, tonic, rustls, opentelemetry). Other layers are
    /// not touched by that.
    ///
    /// A subscriber must not have two OpenTelemetry layers: `tracing-opentelemetry` panics at the first
    /// span then. Where this one finds another it stays off, tells
    /// [the hook](TelemetryBuilder::on_problem) and makes [`check`](Self::check) an error; the other
    /// works on. Two set-ups are beyond it: a layer that is reloaded into a running subscriber later, and
    /// one above ours where ours is in an `Option` or a `Vec` and the subscriber is not the global one.
    ///
    /// ```
    /// use tracing_genai::export::{Destination, Telemetry};
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// # fn main() -> Result<(), tracing_genai::Error> {
    /// let telemetry =
    ///     Telemetry::builder().destination(Destination::otlp("http://localhost:4318")).build()?;
    /// let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    /// # drop(subscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        self.is_connected.store(true, Ordering::Relaxed);
        let level = if self.pipeline.is_on() { self.level } else { LevelFilter::OFF };
        let (found, pipeline) = (Arc::clone(&self.has_second_layer), Arc::clone(&self.pipeline));
        layer::layer(self.tracer(), level, move || {
            if !found.swap(true, Ordering::SeqCst) {
                diagnosis::note(Finding::SecondLayer);
                pipeline.tell(Problem {
                    kind: ProblemKind::SecondLayer,
                    destination: None,
                    reason: None,
                    message: SECOND_LAYER.to_owned(),
                });
            }
        })
    }

    /// A span processor for an OpenTelemetry provider that the program has; may be called for each of
    /// several. Put it first, so that it sees spans as they ended.
    ///
    /// The provider's resource is sent with its spans, under what was
    /// [set in code](TelemetryBuilder::resource_attribute). Flushing or shutting the provider down
    /// delivers what is there, without ending the export of others.
    pub fn processors(&self) -> impl SpanProcessor + 'static + use<> {
        self.is_connected.store(true, Ordering::Relaxed);
        Processor::new(Arc::clone(&self.pipeline), self.overrides.clone())
    }

    /// Whether the subscriber of [`layer`](Self::layer) has no second OpenTelemetry layer, to be asked
    /// when it is set. It tells nothing else: a filter may still drop the spans.
    ///
    /// # Errors
    /// When the subscriber has another OpenTelemetry layer.
    pub fn check(&self) -> Result<(), Error> {
        if self.has_second_layer.load(Ordering::SeqCst) {
            Err(Error::configuration(SECOND_LAYER))
        } else {
            Ok(())
        }
    }

    /// What has become of the spans so far.
    pub fn report(&self) -> Report {
        self.pipeline.report()
    }

    /// Sends what has ended now, and waits until every such span is acknowledged or refused, at most for `timeout`.
    /// Runs on any executor, and by the export's own clock. A span that is still open is not waited for, nor for
    /// Tracia an evaluation of it: in a
    /// handler that [is frozen](crate::guide::delivery#serverless) when it returns, flush outside of its span. For
    /// what an earlier run left in the [spool](TelemetryBuilder::spool) it does not wait.
    ///
    /// # Errors
    /// When the time is over ([`ErrorKind::Timeout`]), and as soon as a destination has said that its settings are
    /// wrong ([`ErrorKind::Configuration`]); spans that are pending then stay so, and are tried again. What was
    /// refused for another reason is no error of the flush: see [`Report::rejected`]. The way of judgements beside
    /// PostHog's spans is one of these only while it has something pending; its trouble is in the report.
    pub async fn flush(&self, timeout: Duration) -> Result<Report, Error> {
        let whole = self.pipeline.commands.flush(timeout).await;
        self.outcome(whole)
    }

    /// [`flush`](Self::flush) without `await`, anywhere: the export has a thread of its own.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self, timeout: Duration) -> Result<Report, Error> {
        let whole = self.pipeline.commands.flush_blocking(timeout);
        self.outcome(whole)
    }

    /// Ends the export: delivers what it can within `timeout`, what an earlier run left included. With a
    /// [spool](TelemetryBuilder::spool) the rest is kept there for the next run, which takes as long as writing
    /// takes; without, it is counted as dropped. Spans that end later are counted as dropped too.
    ///
    /// Ending it again does nothing, nor does its drop then.
    pub async fn shutdown(&self, timeout: Duration) -> Report {
        self.leave_own_pipeline();
        self.pipeline.commands.shut_down(timeout).await;
        self.report()
    }

    /// [`shutdown`](Self::shutdown) without `await`.
    pub fn shutdown_blocking(&self, timeout: Duration) -> Report {
        self.leave_own_pipeline();
        self.pipeline.commands.shut_down_blocking(timeout);
        self.report()
    }

    fn leave_own_pipeline(&self) {
        *self.own_pipeline.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn outcome(&self, whole: bool) -> Result<Report, Error> {
        let report = self.report();
        if whole {
            return Ok(report);
        }
        let open = report.destinations.iter().filter(|to| to.pending > 0 || to.trouble.is_some());
        let open = open.map(|to| {
            let pending = format!("{}: {} pending", to.name, to.signal.counted(to.pending));
            match &to.trouble {
                Some(trouble) => format!("{pending}, {} rejected ({trouble})", to.rejected),
                None => pending,
            }
        });
        let open = open.collect::<Vec<_>>().join("; ");
        Err(if self.pipeline.is_misconfigured() {
            Error::configuration(format!("a destination takes nothing with these settings: {open}"))
        } else {
            Error::new(
                ErrorKind::Timeout,
                format!("not all is delivered, the rest is kept and tried again: {open}"),
            )
        })
    }

    fn tracer(&self) -> SdkTracer {
        tracer(&self.provider)
    }
}

fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer_with_scope(
        InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA_URL)
            .build(),
    )
}

const SECOND_LAYER: &str = "the subscriber has an OpenTelemetry layer already, so the one of \
    telemetry.layer() stays off: leave it out, and add telemetry.processors() to the provider of the \
    other layer with SdkTracerProvider::builder().with_span_processor(…)";

/// The destinations with how much is pending, and never a span: that may be a prompt.
impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Telemetry")
            .field("pipeline", &self.pipeline)
            .field("level", &self.level)
            .field("drop_timeout", &self.drop_timeout)
            .finish_non_exhaustive()
    }
}

impl Drop for Telemetry {
    /// Delivers what is left, within [`TelemetryBuilder::drop_timeout`].
    fn drop(&mut self) {
        self.leave_own_pipeline();
        self.pipeline.commands.shut_down_blocking(self.drop_timeout);
    }
}

impl TelemetryBuilder {
    /// The resource's `service.name`. Without it `OTEL_SERVICE_NAME` holds.
    pub fn service_name(self, name: impl Into<Value>) -> Self {
        self.resource_attribute("service.name", name)
    }

    /// One more attribute of the resource, such as `deployment.environment.name`. What is set here
    /// wins over the environment, and over the resource of a provider that the program has.
    pub fn resource_attribute(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.resource.push(KeyValue::new(key, value));
        self
    }

    /// One more destination: each gets the spans that it [asks for](Destination::spans), every one by default, at
    /// its own pace. Without any, spans go where the
    /// environment says, or to a collector at `http://localhost:4318`.
    pub fn destination(mut self, destination: impl Into<Destination>) -> Self {
        self.destinations.push(destination.into());
        self
    }

    /// Keeps on disk, in this directory, what cannot be delivered now and what a shutdown leaves; off by
    /// default, since it keeps prompts at rest for a destination that is granted
    /// [content](Destination::content). The next run delivers what it finds there. [The
    /// guide](crate::guide::delivery#the-spool) says what survives what.
    ///
    /// A directory that cannot be used costs nothing but the spool: [the hook](Self::on_problem) is told, and it is
    /// tried again every minute.
    ///
    /// ```
    /// use tracing_genai::export::{Durability, Spool, Telemetry};
    ///
    /// let builder = Telemetry::builder().spool("/var/lib/assistant/spans");
    /// let builder = Telemetry::builder()
    ///     .spool(Spool::new("/var/lib/assistant/spans").durability(Durability::Always));
    /// # let _ = builder;
    /// ```
    pub fn spool(mut self, spool: impl Into<Spool>) -> Self {
        self.spool = Some(spool.into());
        self
    }

    /// How detailed spans and events are that [`Telemetry::layer`] takes; `INFO` by default.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// How long dropping the [`Telemetry`], and a flush that a provider asks for, may take; 5 seconds by default.
    /// Spans that are pending then are dropped, or kept in the [spool](Self::spool). A container has to be given
    /// [more time](crate::guide::delivery#containers-and-kubernetes) for its end.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Is called with the first [`Problem`] of each kind and reason of a destination, as a rule on the export's own
    /// thread. Without it one line goes to standard error. [`ProblemKind`] says what to do about each.
    ///
    /// The hook may log, and must be quick: it must not wait for the telemetry it is told about.
    ///
    /// ```
    /// use tracing_genai::export::{ProblemKind, Telemetry};
    ///
    /// let builder = Telemetry::builder().on_problem(|problem| match problem.kind {
    ///     ProblemKind::Delayed => eprintln!("late: {problem}"),
    ///     _ => eprintln!("somebody has to look: {problem}"),
    /// });
    /// # let _ = builder;
    /// ```
    pub fn on_problem(mut self, hook: impl Fn(&Problem) + Send + Sync + 'static) -> Self {
        self.hook = Hook::new(hook);
        self
    }

    /// Whether the spans of this crate go straight into this [`Telemetry`], whatever the program's filter,
    /// layers and sampler say; off by default.
    ///
    /// Each operation then has one span more, beside the one for the program's own subscriber, which works on
    /// for the program's own exporters. It has the ids of that one where OpenTelemetry has it, sampled or
    /// not, and is a child of the span that is current, with its trace's id, though that may be of another
    /// process, or not be sampled, or never come here. A span of this crate inside another whose
    /// program's span is filtered or not sampled is that one's child. The destinations get each operation
    /// once: what [`layer`](Telemetry::layer) and [`processors`](Telemetry::processors) bring of this
    /// crate's spans is passed over.
    ///
    /// Neither of these is needed then. With one of them other spans come too, and those which other
    /// libraries make for the calls that an adapter of this crate sees inside them; without, the call has
    /// a span of this crate inside that one. [The guide](crate::guide::filters) has the set-ups in which
    /// it matters.
    ///
    /// ```
    /// use tracing_genai::{Destination, Telemetry, span::Tool};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = Telemetry::builder()
    ///     .destination(Destination::otlp("http://localhost:4318"))
    ///     .own_pipeline(true)
    ///     .build()?;
    /// // No subscriber, and yet:
    /// Tool::new("get_weather").run(async { Ok::<_, std::io::Error>("18 degrees") }).await?;
    /// assert_eq!(telemetry.report().recorded, 1);
    /// # telemetry.shutdown_blocking(std::time::Duration::ZERO);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// One `Telemetry` of a process can have it: while it lives, [`build`](Self::build) fails for another.
    pub fn own_pipeline(mut self, on: bool) -> Self {
        self.own_pipeline = on;
        self
    }

    /// Checks the settings and starts the export's thread. Nothing is sent before a span ends.
    ///
    /// # Errors
    /// A setting that cannot be: the message names the option or the variable.
    pub fn build(self) -> Result<Telemetry, Error> {
        self.build_with(&env::process)
    }

    fn build_with(self, lookup: Lookup<'_>) -> Result<Telemetry, Error> {
        let destinations = self.destinations_with(lookup)?;
        self.check_session(&destinations)?;
        // What is switched off cannot be stopped by a number that it does not use.
        let limits = if destinations.is_empty() { Limits::default() } else { env::limits(lookup)? };
        #[cfg(feature = "metrics")]
        let temporality =
            if destinations.is_empty() { Default::default() } else { env::temporality(lookup)? };
        let pipeline = Arc::new(pipeline(&destinations, &limits, self.spool, self.hook, self.drop_timeout)?);
        let processor = Processor::of_own_provider(Arc::clone(&pipeline), self.resource.clone());
        let resource = Resource::builder().with_attributes(self.resource.iter().cloned()).build();
        let provider = SdkTracerProvider::builder().with_resource(resource);
        let provider = if pipeline.is_on() {
            provider.with_span_processor(processor).build()
        } else {
            // Nobody will see these spans, so nobody downstream is told of them.
            provider.with_sampler(Sampler::AlwaysOff).build()
        };
        let is_connected = Arc::<AtomicBool>::default();
        let own_pipeline = if self.own_pipeline && pipeline.is_on() {
            let tracer = tracer(&own_pipeline::provider(&pipeline, &self.resource));
            Some(own_pipeline::claim(&pipeline, Arc::clone(&is_connected), tracer)?)
        } else {
            None
        };
        Ok(Telemetry {
            pipeline,
            provider,
            overrides: self.resource,
            level: self.level,
            drop_timeout: self.drop_timeout,
            has_second_layer: Arc::default(),
            #[cfg(feature = "metrics")]
            temporality,
            is_connected,
            own_pipeline: Mutex::new(own_pipeline),
        })
    }

    /// A session of the whole process is a setting, and one that cannot be is refused.
    fn check_session(&self, destinations: &[Destination]) -> Result<(), Error> {
        let session = self.resource.iter().find(|attribute| attribute.key.as_str() == AI_SESSION_ID);
        let is_one = |attribute: &KeyValue| is_session_id(&attribute.value.as_str());
        if destinations.iter().any(Destination::is_posthog) && session.is_some_and(|session| !is_one(session))
        {
            return Err(Error::configuration(format!(
                "TelemetryBuilder::resource_attribute: {AI_SESSION_ID} takes letters, digits and -_~.@()!':| alone"
            )));
        }
        Ok(())
    }

    fn destinations_with(&self, lookup: Lookup<'_>) -> Result<Vec<Destination>, Error> {
        if env::is_disabled(lookup) {
            Ok(Vec::new())
        } else if self.destinations.is_empty() {
            Ok(env::default_destination(lookup)?.into_iter().collect())
        } else {
            Ok(self.destinations.clone())
        }
    }
}

fn pipeline(
    destinations: &[Destination],
    limits: &Limits,
    spool: Option<Spool>,
    hook: Hook,
    patience: Duration,
) -> Result<Pipeline, Error> {
    destinations.iter().try_for_each(Destination::check)?;
    let has_spool = spool.is_some();
    let ways = destinations.iter().flat_map(|destination| destination.ways(has_spool));
    let destinations: Vec<Destination> = ways.collect();
    let selections = destinations.iter().map(Destination::selection).collect::<Result<Vec<_>, _>>()?;
    let live = selections.iter().any(Selection::needs_ancestors).then(Live::default);
    let mut lanes: Vec<Arc<Lane>> = Vec::new();
    let mut taken = Vec::new();
    #[cfg(feature = "metrics")]
    let mut components: Vec<Component> = Vec::new();
    let mut commands = Commands::nowhere();
    let mut consumer = None;
    if !destinations.is_empty() {
        let client = http::client(destinations.iter().any(Destination::needs_certificates))?;
        let (mut routes, mut names) = (Vec::new(), Vec::new());
        // Reports have the spans first.
        for signal in Signal::exported() {
            for (destination, selection) in destinations.iter().zip(&selections) {
                if !destination.taken().any(|taken| taken == signal) {
                    continue;
                }
                let (name, address) = destination.route(signal, &client)?;
                let lane = Lane::new(name, signal, destination.limits(limits)?, destination.view());
                let lane = Arc::new(lane.beside(selection.is_beside()));
                #[cfg(feature = "metrics")]
                components.push(Component::new(signal, lane.name(), &address, &components));
                lanes.push(Arc::clone(&lane));
                names.push(destination.spool_key());
                taken.extend((signal == Signal::Traces).then_some(*selection));
                routes.push((lane, address));
            }
        }
        let start = |spool| spooling::start(spool, spool_keys(&lanes, &names)?, &lanes, hook.clone());
        let spooling = spool.map(start).transpose()?;
        commands = courier::start(routes, spooling, hook.clone())?;
        consumer = (!taken.is_empty()).then(|| {
            if destinations.iter().any(Destination::renders_content) {
                joined::Consumer::register()
            } else {
                joined::Consumer::without_content()
            }
        });
    }
    let (lanes, other_lanes) = lanes.into_iter().partition(|lane| lane.signal() == Signal::Traces);
    Ok(Pipeline {
        lanes,
        other_lanes,
        #[cfg(feature = "metrics")]
        components,
        selections: taken,
        live,
        hook,
        keeps_operations: destinations.iter().any(Destination::reads_records),
        commands,
        patience,
        _consumer: consumer,
    })
}

/// What the spool knows the lanes by, which must tell them apart.
fn spool_keys(lanes: &[Arc<Lane>], names: &[Option<&str>]) -> Result<Vec<String>, Error> {
    let all = lanes.iter().zip(names);
    let all: Vec<Shelved<'_>> = all
        .map(|(lane, name)| Shelved { name: *name, address: lane.name(), signal: lane.signal() })
        .collect();
    destination::keys(&all)
}

#[cfg(any(feature = "metrics", feature = "logs"))]
mod signals;
#[cfg(test)]
mod tests;
