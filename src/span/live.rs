//! An operation's span while it lives.

#[cfg(feature = "instrument")]
use super::theirs;
use super::{
    deferred, joined,
    own_pipeline::{self, OwnSpan},
    unseen,
};
use crate::{
    capture::Recording,
    context::as_own,
    record::{ErrorInfo, Operation, Side},
    semconv::gen_ai as names,
    vocabulary::{
        gen_ai::{self, to_i64},
        posthog,
    },
};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, Status, TraceContextExt},
};
use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tracing::{Dispatch, Metadata, Span, dispatcher, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of one operation: opened by [`start`](Self::start), entered while the operation runs,
/// ended by [`finish`](Self::finish).
///
/// Whoever holds it finishes it on every way out; a holder that is dropped does so with
/// [`Outcome::Abandoned`](crate::record::Outcome::Abandoned).
#[derive(Debug)]
pub(crate) struct LiveSpan {
    span: Span,
    /// The OpenTelemetry context of this span and of no other; `None` where it has no such twin.
    context: Option<Context>,
    /// The subscriber it was made under. The registry closes a parent through the thread's current
    /// one, which is another when a stream ends on a thread of its own.
    dispatch: Option<Dispatch>,
    started: Instant,
    /// Whether the model was known when it began.
    has_model: bool,
    /// Providers of our own get it, and nobody else.
    is_own: bool,
    /// Set where another library made the span for the same call, and ends it: which attempt it stands for.
    adopted: Option<u32>,
    /// The span in the pipeline of our own, if there is one.
    own: Option<OwnSpan>,
}

impl LiveSpan {
    /// Opens the span of `operation`, which holds what is known before the call. What a sampler
    /// may look at is given at creation; the rest is read at the end.
    ///
    /// It is a child of the span that is current, or of the span of `parent`, wherever that one is.
    pub(crate) fn start(operation: &Operation, parent: Option<Context>) -> Self {
        // What is attached every layer finds, one behind a reload layer too; a layer without context
        // activation does not look there and is told below.
        let given = parent.as_ref().map(|parent| parent.span().span_context().clone());
        let _attached = parent.clone().map(Context::attach);
        let span = tracing::info_span!(
            target: TARGET,
            "gen_ai",
            otel.name = operation.span_name(),
            otel.kind = kind(operation),
            gen_ai.operation.name = gen_ai::operation_name(operation),
            gen_ai.provider.name = operation.provider.as_deref(),
            gen_ai.request.model = operation.request_model(),
            gen_ai.tool.name = operation.tool().map(|tool| tool.name.as_str()),
            gen_ai.tool.type = operation.tool().and_then(|tool| tool.kind.as_deref()),
            gen_ai.agent.name = operation.agent_name(),
            gen_ai.workflow.name = operation.workflow_name(),
            server.address = operation.server.as_ref().map(|server| server.address.as_str()),
            server.port = operation.server.as_ref().map(|server| i64::from(server.port)),
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            error.type = Empty,
            tracing_genai.outcome = Empty,
        );
        if let Some(parent) = parent {
            // Where it fails the layer went by what is attached, or there is no layer.
            let _ = span.set_parent(parent);
        }
        let started = Instant::now();
        let dispatch = span.with_subscriber(|(_, dispatch)| dispatch.clone());
        let context = as_own(|| own_context(&span));
        // Before another span starts on this thread.
        let has_own_twin =
            context.as_ref().is_some_and(|context| deferred::is_own(context.span().span_context().span_id()));
        let own = own_pipeline::start(operation, context.as_ref(), given);
        if own.is_none() {
            unseen::note(&span, context.as_ref());
        }
        let is_elsewhere = match &context {
            Some(context) => context.span().is_recording(),
            // Perhaps for OpenTelemetry of another version.
            None => !span.is_disabled(),
        };
        let is_own = has_own_twin || (own.is_some() && !is_elsewhere);
        let has_model = operation.request_model().is_some();
        Self { span, context, dispatch, started, has_model, is_own, adopted: None, own }
    }

    /// In place of a span, where there is to be none.
    #[cfg(feature = "client")]
    pub(crate) fn none() -> Self {
        Self {
            span: Span::none(),
            context: None,
            dispatch: None,
            started: Instant::now(),
            has_model: false,
            is_own: false,
            adopted: None,
            own: None,
        }
    }

    /// Links the span to another.
    #[cfg(feature = "client")]
    pub(crate) fn add_link(&self, to: &SpanContext) {
        for context in [self.context.as_ref(), self.own.as_ref().map(OwnSpan::context)].into_iter().flatten()
        {
            context.span().add_link(to.clone(), Vec::new());
        }
    }

    /// The current span, if another library made it for the very call that is about to be seen, which is
    /// `operation`. Not one that a filter keeps from the OpenTelemetry layer: nobody would see the call there.
    #[cfg(feature = "instrument")]
    pub(crate) fn adopt(operation: &Operation) -> Option<Self> {
        let span = Span::current();
        if !span.metadata().is_some_and(|metadata| theirs::is_of_call(metadata, operation.kind)) {
            return None;
        }
        let started = Instant::now();
        let context = theirs::context_of_current(&span);
        if context.is_none() && theirs::is_kept_from_layer(&span) {
            return None;
        }
        // One span is of one call: another call inside it gets a span of its own.
        let attempt = match &context {
            Some(context) => theirs::take(context.span().span_context())?,
            None => 0,
        };
        let own = own_pipeline::start_within(operation, context.as_ref());
        if own.is_none() {
            unseen::note(&span, context.as_ref());
        }
        let dispatch = span.with_subscriber(|(_, dispatch)| dispatch.clone());
        Some(Self {
            span,
            context,
            dispatch,
            started,
            has_model: true,
            is_own: false,
            adopted: Some(attempt),
            own,
        })
    }

    /// Whether a provider of our own gets it, and nobody else.
    #[cfg(feature = "instrument")]
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// The call was refused, and may be tried again.
    #[cfg(feature = "instrument")]
    pub(crate) fn note_refusal(&self) {
        if let Some(context) = self.context.as_ref().filter(|_| self.adopted.is_some()) {
            theirs::release(context.span().span_context());
        }
    }

    /// Runs `work` inside the span: events in it, and spans made in it, belong to the operation.
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let work = || own_pipeline::within(self.own.as_ref(), work);
        // Whoever made an adopted span is in it already.
        if self.adopted.is_some() { work() } else { self.span.in_scope(work) }
    }

    /// Whether anybody sees this span; if not, nothing need be read for it.
    pub(crate) fn is_seen(&self) -> bool {
        self.own.is_some() || !self.span.is_disabled()
    }

    /// Whether an OpenTelemetry span of ours takes attributes.
    pub(crate) fn is_recording(&self) -> bool {
        self.own.is_some() || self.context.as_ref().is_some_and(|context| context.span().is_recording())
    }

    /// Whether somebody is told of the span under the ids of its own context.
    #[cfg(feature = "client")]
    pub(crate) fn is_sampled(&self) -> bool {
        let told = |context: &Context| context.span().span_context().clone();
        match (self.context.as_ref().map(told), self.own.as_ref().map(|own| told(own.context()))) {
            (Some(programs), Some(own)) => programs.span_id() == own.span_id(),
            (Some(programs), None) => programs.is_sampled(),
            (None, own) => own.is_some(),
        }
    }

    /// The OpenTelemetry span's own context.
    pub(crate) fn span_context(&self) -> Option<SpanContext> {
        let context = self.context.as_ref().or(self.own.as_ref().map(OwnSpan::context));
        context.map(|context| context.span().span_context().clone())
    }

    /// Since the span was opened.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Writes what became of `operation` and ends the span, as of then or now; to be called for one that
    /// [is seen](Self::is_seen).
    pub(crate) fn finish(
        mut self,
        operation: &Arc<Operation>,
        recording: &Recording,
        ended: Option<SystemTime>,
    ) {
        let own = self.own.take();
        if self.adopted.is_some() {
            self.enrich(operation, recording);
            self.release();
        } else {
            own_pipeline::beside(own.as_ref(), || self.close(operation, recording, ended));
        }
        if let Some(own) = own {
            own.context().span().update_name(operation.span_name());
            write(own.context(), operation, recording, gen_ai::fields(operation));
            own.end(ended);
        }
    }

    /// [`finish`](Self::finish) for the program's span.
    fn close(self, operation: &Arc<Operation>, recording: &Recording, ended: Option<SystemTime>) {
        let usage = operation.usage();
        let error = operation.outcome.error();
        tracing::record_all!(
            self.span,
            gen_ai.usage.input_tokens = usage.and_then(|usage| usage.input_tokens).map(to_i64),
            gen_ai.usage.output_tokens = usage.and_then(|usage| usage.output_tokens).map(to_i64),
            error.type = error.map(ErrorInfo::error_type),
            tracing_genai.outcome = operation.outcome.name()
        );
        if let Some(context) = &self.context {
            // What was asked may have been learnt only after the span began.
            let late = operation.request_model().filter(|_| !self.has_model);
            if late.is_some() {
                context.span().update_name(operation.span_name());
            }
            let late = late.map(|model| KeyValue::new(names::GEN_AI_REQUEST_MODEL, model.to_owned()));
            write(context, operation, recording, late.into_iter().collect());
        }
        // A layer takes the last exit for the end, and closes a span only after its children. This one
        // ends now.
        self.span.in_scope(|| ());
        if let Some(context) = &self.context {
            own_pipeline::end(context, ended);
        }
        self.release();
    }

    /// Lets go of the span, which closes unless another holds it.
    fn release(self) {
        match self.dispatch {
            Some(dispatch) => dispatcher::with_default(&dispatch, || drop(self.span)),
            None => drop(self.span),
        }
    }

    /// Gives a span that another library made what that library does not record itself, and leaves the
    /// record for who repairs such spans.
    fn enrich(&self, operation: &Arc<Operation>, recording: &Recording) {
        // Its end is its last exit, and the call went on until now: its maker may be in it no more where a
        // stream is dropped half-way.
        self.span.in_scope(|| ());
        let Some(context) = &self.context else { return };
        let span = context.span();
        if !span.is_recording() {
            return;
        }
        let fields = self.span.metadata().map(Metadata::fields);
        let is_theirs = |name: &str| fields.is_some_and(|fields| fields.field(name).is_some());
        let mut attributes = gen_ai::unmarked_attributes(operation);
        if let Some(server) = &operation.server {
            attributes.push(KeyValue::new(names::SERVER_ADDRESS, server.address.clone()));
            attributes.push(KeyValue::new(names::SERVER_PORT, i64::from(server.port)));
        }
        if recording.posthog {
            attributes.append(&mut posthog::attributes_of_theirs(operation));
        }
        attributes.retain(|attribute| !is_theirs(attribute.key.as_str()));
        #[cfg(feature = "instrument")]
        if let Some(attempt) = self.adopted {
            if !theirs::write_once(span.span_context(), attempt, &operation.outcome, &mut attributes) {
                return;
            }
        }
        span.set_attributes(attributes);
        joined::put(span.span_context(), operation);
    }
}

/// The target of every span of ours.
pub(crate) const TARGET: &str = "tracing_genai";

/// Attributes, status and record of a finished operation onto its OpenTelemetry span; `given` is what the
/// span was to be given when it began, and was not.
fn write(context: &Context, operation: &Arc<Operation>, recording: &Recording, mut given: Vec<KeyValue>) {
    let content = &recording.content;
    let span = context.span();
    if !span.is_recording() {
        return;
    }
    let told = content.redacted(operation);
    let mut attributes = gen_ai::attributes(&told);
    attributes.append(&mut given);
    attributes.append(&mut gen_ai::content_attributes(&told, content));
    if recording.posthog {
        attributes.append(&mut posthog::attributes(&told, content));
    }
    span.set_attributes(attributes);
    if let Some((name, attributes)) = gen_ai::evaluation_event(&told, content) {
        span.add_event(name, attributes);
    }
    if let Some(words) = gen_ai::status_words(&told, content) {
        span.set_status(Status::error(words.into_owned()));
    }
    // Destinations have policies of their own, but an error's words stay as the span tells them.
    let record = match &told {
        Cow::Owned(told) if told.outcome != operation.outcome => {
            Arc::new(Operation { outcome: told.outcome.clone(), ..Operation::clone(operation) })
        }
        _ => Arc::clone(operation),
    };
    joined::put(span.span_context(), &record);
}

fn kind(operation: &Operation) -> &'static str {
    match operation.side {
        Side::Client => "client",
        Side::Internal => "internal",
    }
}

/// The OpenTelemetry context that belongs to `span`.
///
/// Entering a span that has no OpenTelemetry twin leaves the application's own span current, and
/// writing there would rename and fail a span that is not ours. So a context is accepted only if
/// its span id is another than the one that was active before.
fn own_context(span: &Span) -> Option<Context> {
    if span.is_disabled() {
        return None;
    }
    let before = Context::map_current(|context| context.span().span_context().span_id());
    let is_own = |context: &Context| {
        let found = context.span().span_context().clone();
        found.is_valid() && found.span_id() != before
    };
    let entered = span.in_scope(Context::current);
    if is_own(&entered) {
        return Some(entered);
    }
    // Context activation may be switched off in the layer; then the extension finds it.
    Some(span.context()).filter(is_own)
}
