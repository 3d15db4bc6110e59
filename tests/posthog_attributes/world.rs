//! A program with an OpenTelemetry exporter of its own, and beside it the destination of this crate.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    export::TelemetryBuilder,
    testing::{FakePostHog, PostHogEvent},
};
use tracing_subscriber::{Layer, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the events of the exporter differ from those of the destination, and why.
const DIFFERENT: [(&str, &str); 10] = [
    ("$ai_base_url", "server.address takes its place"),
    ("$ai_model_parameters", "a map"),
    ("$ai_provider_metadata", "a map"),
    ("server.port", "the destination has it in the base address"),
    ("target", "noted by the layer"),
    ("code.file.path", "noted by the layer"),
    ("code.line.number", "noted by the layer"),
    ("code.module.name", "noted by the layer"),
    ("thread.id", "noted by the layer"),
    ("thread.name", "noted by the layer"),
];

/// Where they differ for a generation that the destination makes a chat of, and its own name keeps from being one.
const OF_OTHER_GENERATIONS: [(&str, &str); 4] = [
    (RENAMED, "the destination keeps the name there"),
    ("$ai_tools_called", "PostHog counts them of a chat alone"),
    ("$ai_tool_call_count", "PostHog counts them of a chat alone"),
    ("$ai_cache_reporting_exclusive", "PostHog sets it on a chat that told no usage"),
];

const RENAMED: &str = "tracing_genai.operation.name";

pub(crate) struct World {
    /// What the program's own exporter is told to send to.
    pub(crate) exported: FakePostHog,
    /// What the destination sends to.
    pub(crate) destined: FakePostHog,
    pub(crate) dispatch: Dispatch,
    telemetry: Telemetry,
    provider: SdkTracerProvider,
}

impl World {
    /// With a destination that has this policy.
    pub(crate) fn new(content: ContentCapture, others: impl IntoIterator<Item = Destination>) -> Self {
        let (exported, destined) = (FakePostHog::start().unwrap(), FakePostHog::start().unwrap());
        let destination = Destination::posthog(destined.project_key()).host(destined.url()).content(content);
        let builder = Telemetry::builder().destination(destination);
        let builder = others.into_iter().fold(builder, TelemetryBuilder::destination);
        let telemetry = builder.build().unwrap();

        let authorization = format!("Bearer {}", exported.project_key());
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/i/v0/ai/otel", exported.url()))
            .with_headers(HashMap::from([("authorization".to_owned(), authorization)]))
            .build()
            .unwrap();
        // PostHog takes no more than 100 in one request.
        let batch = BatchConfigBuilder::default().with_max_export_batch_size(100).build();
        let batch = BatchSpanProcessor::builder(exporter).with_batch_config(batch).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_service_name("shop").build())
            .with_span_processor(batch)
            .with_span_processor(telemetry.processors())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
        let dispatch =
            Dispatch::new(tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)));
        Self { exported, destined, dispatch, telemetry, provider }
    }

    /// The events so far by the program's own exporter, and by the destination, each pair of one span.
    pub(crate) fn events(&self) -> Vec<(PostHogEvent, PostHogEvent)> {
        self.provider.force_flush().unwrap();
        let report = self.telemetry.flush_blocking(PATIENCE).unwrap();
        assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
        for posthog in [&self.exported, &self.destined] {
            assert!(posthog.refusals().is_empty(), "{:?}", posthog.refusals());
        }
        let (exported, destined) = (self.exported.events(), self.destined.events());
        assert_eq!(exported.len(), destined.len());
        let mut by_span: BTreeMap<_, _> =
            destined.into_iter().map(|event| (span_id(&event), event)).collect();
        let pair = |event: PostHogEvent| {
            let other = by_span.remove(&span_id(&event)).expect("the event of the same span");
            (event, other)
        };
        exported.into_iter().map(pair).collect()
    }
}

fn span_id(event: &PostHogEvent) -> String {
    event.properties["$ai_span_id"].as_str().unwrap().to_owned()
}

/// The properties that differ, but those that are known to.
pub(crate) fn differences(exported: &PostHogEvent, destined: &PostHogEvent) -> Vec<String> {
    let is_renamed = destined.properties.contains_key(RENAMED);
    let of_others = OF_OTHER_GENERATIONS.iter().filter(|_| is_renamed);
    let expected = |key: &str| DIFFERENT.iter().chain(of_others.clone()).any(|(known, _)| *known == key);
    let all = differing(exported, destined).into_iter();
    let unexpected = all.filter(|key| !expected(key));
    let values =
        |key: &String| (exported.properties.get(key).cloned(), destined.properties.get(key).cloned());
    unexpected.map(|key| format!("{key}: {:?}", values(&key))).collect()
}

pub(crate) fn differing(one: &PostHogEvent, other: &PostHogEvent) -> BTreeSet<String> {
    let keys: BTreeSet<_> = one.properties.keys().chain(other.properties.keys()).cloned().collect();
    let value = |event: &PostHogEvent, key: &str| {
        let value = event.properties.get(key).cloned();
        match value {
            // A state that is JSON is a text where there are no maps.
            Some(Value::String(text)) if key.ends_with("_state") => {
                Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
            }
            value => value,
        }
    };
    keys.into_iter().filter(|key| value(one, key) != value(other, key)).collect()
}

/// That each of the keys that may differ did.
#[cfg(feature = "reqwest-middleware")]
pub(crate) fn assert_all_differed(seen: &BTreeSet<String>) {
    for (key, reason) in DIFFERENT.into_iter().chain(OF_OTHER_GENERATIONS) {
        assert!(seen.contains(key), "{key} is the same everywhere, though {reason}");
    }
}
