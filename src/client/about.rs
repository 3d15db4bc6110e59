//! What a call was, besides its answer.

use crate::{
    record::Marks,
    semconv::{own, tracia as names},
    span::SpanRef,
    vocabulary::tracia,
};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Of one call.
#[derive(Clone, Default)]
pub(super) struct About {
    /// `None` where nobody records it.
    pub(super) span: Option<SpanRef>,
    pub(super) is_told: bool,
    /// Its own and those of the scope around it, the ids that it was given among them.
    pub(super) marks: Option<Arc<Marks>>,
    pub(super) provider: Cow<'static, str>,
    pub(super) requested_model: Arc<str>,
    pub(super) latency: Duration,
    pub(super) request_id: Option<String>,
}

impl About {
    fn given(&self, key: &str) -> Option<&str> {
        self.marks.as_deref().filter(|_| self.is_told)?.attributes.get(key)?.as_str()
    }

    pub(super) fn span_id(&self) -> Option<String> {
        let given = self.given(own::TRACING_GENAI_SPAN_ID).map(str::to_owned);
        given.or_else(|| Some(self.span?.span_id()))
    }

    pub(super) fn trace_id(&self) -> Option<String> {
        let given = self.given(own::TRACING_GENAI_TRACE_ID).map(str::to_owned);
        given.or_else(|| Some(self.span?.trace_id()))
    }

    pub(super) fn tracia_span_id(&self) -> Option<String> {
        let given = self.given(names::TRACIA_SPAN_ID).and_then(tracia::valid).map(str::to_owned);
        given.or_else(|| Some(tracia::of_span(self.span?.ids().1)))
    }

    pub(super) fn tracia_trace_id(&self) -> Option<String> {
        let given = self.given(names::TRACIA_TRACE_ID).and_then(tracia::valid);
        let given = given.filter(|id| id.starts_with("tr_")).map(str::to_owned);
        given.or_else(|| Some(tracia::of_trace(self.span?.ids().0)))
    }
}

impl fmt::Debug for About {
    /// Without whose it is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("About")
            .field("span", &self.span)
            .field("provider", &self.provider)
            .field("requested_model", &self.requested_model)
            .field("latency", &self.latency)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
