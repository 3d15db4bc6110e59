use super::AttributeValue;
use crate::record::Operation;
use opentelemetry::trace::{SpanKind, Status};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Attributes by key.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A span that ended: [captured](super::capture) in this process, or
/// [received](super::OtlpSink) over the network.
///
/// Names, types and values are those a back end sees, so a test compares all three:
///
/// ```
/// # fn check(span: &tracing_genai::testing::FinishedSpan) {
/// assert_eq!(span.name, "chat gpt-4o-mini");
/// assert_eq!(span.attributes["gen_ai.request.model"], "gpt-4o-mini");
/// assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 12);
/// assert_eq!(span.duplicate_attributes(), [""; 0]);
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FinishedSpan {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// The trace's id, 32 hex digits.
    pub trace_id: String,
    /// The span's id, 16 hex digits.
    pub span_id: String,
    /// The parent's id, if it has one.
    pub parent_span_id: Option<String>,
    /// The W3C trace state.
    pub trace_state: String,
    /// When it started, in nanoseconds since the epoch.
    pub start_unix_nanos: u64,
    /// When it ended, in nanoseconds since the epoch.
    pub end_unix_nanos: u64,
    /// The attributes; of a key that was written twice the last value.
    pub attributes: Attributes,
    /// The status, with its description if it is an error.
    pub status: Status,
    /// The events, in order.
    pub events: Vec<SpanEvent>,
    /// The links, in order.
    pub links: Vec<SpanLink>,
    /// The attributes of the resource.
    pub resource: Attributes,
    /// The name of the instrumentation scope.
    pub scope_name: String,
    /// Its version.
    pub scope_version: String,
    /// The schema URL: the scope's, else the resource's.
    pub schema_url: String,
    /// What happened, in full, where the span is one of this crate's and was captured: nothing of it
    /// has been left out by a policy.
    pub operation: Option<Arc<Operation>>,
    pub(super) duplicates: Vec<String>,
}

/// An event of a span.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanEvent {
    /// The name.
    pub name: String,
    /// When, in nanoseconds since the epoch.
    pub unix_nanos: u64,
    /// The attributes.
    pub attributes: Attributes,
}

/// A link from a span to another.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanLink {
    /// The other's trace, 32 hex digits.
    pub trace_id: String,
    /// The other's id, 16 hex digits.
    pub span_id: String,
    /// The attributes.
    pub attributes: Attributes,
}

impl FinishedSpan {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes.get(key)
    }

    /// The keys of attributes that the span has more than once. Back ends differ in what they make
    /// of those, so a span should have none.
    pub fn duplicate_attributes(&self) -> &[String] {
        &self.duplicates
    }

    /// From its start to its end.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_unix_nanos.saturating_sub(self.start_unix_nanos))
    }
}

/// The attributes as a map, and the keys that came more than once.
pub(super) fn attributes(
    pairs: impl IntoIterator<Item = (String, AttributeValue)>,
) -> (Attributes, Vec<String>) {
    let mut duplicates = Vec::new();
    let mut attributes = Attributes::new();
    for (key, value) in pairs {
        if attributes.insert(key.clone(), value).is_some() && !duplicates.contains(&key) {
            duplicates.push(key);
        }
    }
    (attributes, duplicates)
}

/// From what the SDK hands its processors.
mod from_sdk {
    use super::{FinishedSpan, SpanEvent, SpanLink, attributes};
    use opentelemetry::{KeyValue, trace::SpanId};
    use opentelemetry_sdk::{Resource, trace::SpanData};
    use std::time::{SystemTime, UNIX_EPOCH};

    impl FinishedSpan {
        pub(in crate::testing) fn from_sdk(span: SpanData, resource: &Resource) -> Self {
            let (own, duplicates) = attributes(pairs(&span.attributes));
            let resource_pairs = resource.iter();
            let resource_pairs =
                resource_pairs.map(|(key, value)| (key.as_str().to_owned(), value.clone().into()));
            let scope = &span.instrumentation_scope;
            Self {
                name: span.name.into_owned(),
                kind: span.span_kind,
                trace_id: span.span_context.trace_id().to_string(),
                span_id: span.span_context.span_id().to_string(),
                parent_span_id: (span.parent_span_id != SpanId::INVALID)
                    .then(|| span.parent_span_id.to_string()),
                trace_state: span.span_context.trace_state().header(),
                start_unix_nanos: unix_nanos(span.start_time),
                end_unix_nanos: unix_nanos(span.end_time),
                attributes: own,
                status: span.status,
                events: span
                    .events
                    .iter()
                    .map(|event| SpanEvent {
                        name: event.name.to_string(),
                        unix_nanos: unix_nanos(event.timestamp),
                        attributes: attributes(pairs(&event.attributes)).0,
                    })
                    .collect(),
                links: span
                    .links
                    .iter()
                    .map(|link| SpanLink {
                        trace_id: link.span_context.trace_id().to_string(),
                        span_id: link.span_context.span_id().to_string(),
                        attributes: attributes(pairs(&link.attributes)).0,
                    })
                    .collect(),
                resource: attributes(resource_pairs).0,
                scope_name: scope.name().to_owned(),
                scope_version: scope.version().unwrap_or_default().to_owned(),
                schema_url: scope.schema_url().or(resource.schema_url()).unwrap_or_default().to_owned(),
                operation: None,
                duplicates,
            }
        }
    }

    fn pairs(attributes: &[KeyValue]) -> impl Iterator<Item = (String, super::AttributeValue)> + '_ {
        attributes.iter().map(|pair| (pair.key.as_str().to_owned(), pair.value.clone().into()))
    }

    fn unix_nanos(time: SystemTime) -> u64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}
