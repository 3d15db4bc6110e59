//! Why an operation's span is not seen, or by some only.

use super::own_pipeline::current_span;
#[cfg(feature = "instrument")]
use super::own_pipeline::is_taken;
use crate::diagnosis::{self, Finding};
use opentelemetry::{Context, trace::TraceContextExt};
#[cfg(feature = "instrument")]
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Span, dispatcher, subscriber::NoSubscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Whether no subscriber of the process wants spans of our level, and no pipeline of our own: then nothing need
/// be made for one. Costs two loads; notes it.
#[cfg(feature = "instrument")]
pub(crate) fn is_ruled_out() -> bool {
    let level = LevelFilter::current();
    if level >= LevelFilter::INFO || is_taken() {
        return false;
    }
    let is_alone = level == LevelFilter::OFF && dispatcher::get_default(Dispatch::is::<NoSubscriber>);
    diagnosis::note(if is_alone { Finding::NoSubscriber } else { Finding::SpanFiltered });
    true
}

/// Notes what keeps `span` away, whose OpenTelemetry context is `context`; to be called where its parent is
/// current.
pub(super) fn note(span: &Span, context: Option<&Context>) {
    let finding = match context {
        Some(context) if context.span().is_recording() => return,
        Some(_) => {
            let parent = current_span(&Context::current());
            let is_unsampled = parent.is_valid() && !parent.is_sampled();
            if is_unsampled { Finding::ParentNotSampled } else { Finding::SpanNotSampled }
        }
        // Such a span is not disabled where another thread has a subscriber.
        None if dispatcher::get_default(Dispatch::is::<NoSubscriber>) => Finding::NoSubscriber,
        None if !span.is_disabled() => {
            // The span around has its OpenTelemetry span, so there is a layer.
            let is_layered = Span::current().context().span().span_context().is_valid();
            if is_layered { Finding::LayerFiltered } else { Finding::NoOpenTelemetrySpan }
        }
        None => Finding::SpanFiltered,
    };
    diagnosis::note(finding);
}
