//! The marks on spans that are not this crate's.

use super::scope;
use crate::{semconv::gen_ai::GEN_AI_OPERATION_NAME, vocabulary::gen_ai};
use opentelemetry::{Context, trace::Span as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use std::time::Duration;

/// Marks every span of an OpenTelemetry provider that starts in a [scope](super::scope), whatever made it.
///
/// It is for a provider without [`Telemetry`](crate::Telemetry), whose layer and processors do the same; both
/// together mark a span once. An attribute that a span starts with stays. Spans of this crate carry their
/// marks anyway.
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use tracing_genai::context::{MarkSpans, scope};
///
/// let exporter = InMemorySpanExporter::default();
/// let provider = SdkTracerProvider::builder()
///     .with_span_processor(MarkSpans::new())
///     .with_simple_exporter(exporter.clone())
///     .build();
///
/// scope().user("u-7").in_scope(|| provider.tracer("shop").in_span("checkout", |_| ()));
///
/// let spans = exporter.get_finished_spans().unwrap_or_default();
/// assert_eq!(spans[0].attributes, [opentelemetry::KeyValue::new("user.id", "u-7")]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MarkSpans(());

impl MarkSpans {
    /// The processor, for `SdkTracerProvider::builder().with_span_processor(..)`. Its place among others is
    /// of no matter.
    pub fn new() -> Self {
        Self(())
    }
}

impl SpanProcessor for MarkSpans {
    fn on_start(&self, span: &mut Span, _context: &Context) {
        mark(span);
    }

    fn on_end(&self, _span: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Marks a span that starts on this thread, unless it is this crate's own.
pub(crate) fn mark(span: &mut Span) {
    if scope::is_own() {
        return;
    }
    let Some(marks) = scope::marks() else { return };
    // The one way to see what it has, of its own or from another processor like this: no key may come twice.
    let Some(data) = span.exported_data() else { return };
    let value_of = |key: &str| data.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    let operation = value_of(GEN_AI_OPERATION_NAME).map(|attribute| attribute.value.as_str());
    let is_generation =
        operation.is_some_and(|name| ["chat", "generate_content", "text_completion"].contains(&&*name));
    span.set_attributes(gen_ai::marks(&marks, is_generation, |key| value_of(key).is_some()));
}

#[cfg(all(test, feature = "instrument"))]
mod tests;
