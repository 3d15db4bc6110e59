//! The trace's ids to others and from them: HTTP headers, MCP's `_meta`.

use super::{baggage, current};
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use serde_json::{Map, Value};
use std::str::FromStr;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";
/// The longest `tracestate` that is read, in bytes: well above the 512 that W3C wants carried.
const STATE_BYTES: usize = 4096;

/// Puts the [W3C trace context] of the current span into the headers of a request: `traceparent`, and
/// `tracestate` where there is one, in place of what they have. Where no span is current, or no OpenTelemetry
/// layer, the headers stay as they are.
///
/// The current span is the innermost that OpenTelemetry knows of: one that a filter dropped is passed over.
///
/// ```
/// use tracing_genai::context::inject_traceparent;
///
/// let mut headers = http::HeaderMap::new();
/// inject_traceparent(&mut headers);
/// assert!(headers.is_empty(), "no span is current here");
/// ```
///
/// [W3C trace context]: https://www.w3.org/TR/trace-context/
pub fn inject_traceparent(headers: &mut HeaderMap) {
    let span = current_span();
    let Some(parent) = traceparent(&span).and_then(|parent| HeaderValue::try_from(parent).ok()) else {
        return;
    };
    headers.insert(HeaderName::from_static(TRACEPARENT), parent);
    headers.remove(TRACESTATE);
    if let Some(state) = tracestate(&span).and_then(|state| HeaderValue::try_from(state).ok()) {
        headers.insert(HeaderName::from_static(TRACESTATE), state);
    }
}

/// The caller's context, from the headers of a request that a server got: this thread's OpenTelemetry context
/// with the span that [W3C's](https://www.w3.org/TR/trace-context/) `traceparent` and `tracestate` name as the
/// remote one. What is absent, malformed or there twice changes nothing; a `tracestate` above 4,096 bytes is not
/// read. The baggage is not in it: that is for [`extract`](super::extract).
///
/// ```
/// use axum::http::HeaderMap;
/// use tracing::Instrument;
/// use tracing_genai::context::{parent_from_headers, scope};
/// use tracing_opentelemetry::OpenTelemetrySpanExt;
///
/// # async fn answer(question: String) -> String { question }
/// async fn ask(headers: HeaderMap, question: String) -> String {
///     let span = tracing::info_span!("POST /ask", otel.kind = "server");
///     let _ = span.set_parent(parent_from_headers(&headers)); // before the span is entered
///     scope().user("u-7").run(answer(question).instrument(span)).await
/// }
/// # let _: axum::Router = axum::Router::new().route("/ask", axum::routing::post(ask));
/// ```
pub fn parent_from_headers(headers: &HeaderMap) -> Context {
    let context = Context::current();
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return context };
    // A list, which may stand in several headers.
    let states: Vec<_> = headers.get_all(TRACESTATE).iter().filter_map(|state| state.to_str().ok()).collect();
    match parent.to_str().ok().and_then(|parent| parse(parent, Some(&states.join(",")))) {
        Some(span) => context.with_remote_span_context(span),
        None => context,
    }
}

/// What goes into `params._meta` of a request to an MCP server, so that its spans join the trace:
/// `traceparent`, `tracestate` where there is one, and in a scope with [baggage](super::Scope::baggage) the
/// scope's ids as `baggage`, the names without a prefix (MCP's SEP-414). Empty where there is none of these.
///
/// ```
/// use tracing_genai::context::{mcp_meta, scope};
///
/// let meta = scope().session("s-1").baggage(true).in_scope(mcp_meta);
/// let params = serde_json::json!({ "name": "get_weather", "arguments": {}, "_meta": meta });
/// assert_eq!(params["_meta"]["baggage"], "session.id=s-1");
/// ```
pub fn mcp_meta() -> Map<String, Value> {
    let span = current_span();
    let scope = current();
    let baggage = scope.marks().filter(|_| scope.has_baggage()).and_then(baggage::header);
    let state = tracestate(&span);
    let fields = [(TRACEPARENT, traceparent(&span)), (TRACESTATE, state), (BAGGAGE, baggage)];
    fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?)))).collect()
}

/// The caller's context, from `params._meta` of a request that an MCP server got: this thread's OpenTelemetry
/// context with the caller's span as the remote one, and with what its baggage says under
/// [`BAGGAGE_KEYS`](super::BAGGAGE_KEYS). What is absent or malformed changes nothing.
///
/// ```
/// use tracing_genai::context::{from_baggage, parent_from_mcp_meta};
/// use tracing_opentelemetry::OpenTelemetrySpanExt;
///
/// # async fn call_tool() {}
/// # async fn handle(params: serde_json::Value) {
/// let parent = parent_from_mcp_meta(&params["_meta"]);
/// let scope = from_baggage(&parent); // who it is for, if the caller says so and you believe it
/// let span = tracing::info_span!("tools/call");
/// let _ = span.set_parent(parent);
/// scope.run(tracing::Instrument::instrument(call_tool(), span)).await;
/// # }
/// ```
pub fn parent_from_mcp_meta(meta: &Value) -> Context {
    let text = |name: &str| meta.get(name).and_then(Value::as_str);
    let context = Context::current();
    let context = match text(TRACEPARENT).and_then(|parent| parse(parent, text(TRACESTATE))) {
        Some(span) => context.with_remote_span_context(span),
        None => context,
    };
    match text(BAGGAGE) {
        Some(members) => context.with_baggage(baggage::parse([members], super::BAGGAGE_KEYS)),
        None => context,
    }
}

/// The ids of the innermost span that OpenTelemetry has; invalid where it has none.
fn current_span() -> SpanContext {
    let of = |context: &Context| context.span().span_context().clone();
    let attached = Context::map_current(of);
    let span = tracing::Span::current();
    let twin = of(&span.context());
    if !twin.is_valid() || twin.span_id() == attached.span_id() {
        return attached;
    }
    if !attached.is_valid() {
        return twin;
    }
    // Two spans: either a span was attached by hand inside the `tracing` one, or the layer attaches none. A
    // layer that does would attach this one now.
    let entered = span.in_scope(|| Context::map_current(of));
    if entered.span_id() == twin.span_id() { attached } else { twin }
}

fn traceparent(span: &SpanContext) -> Option<String> {
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    span.is_valid().then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
}

fn tracestate(span: &SpanContext) -> Option<String> {
    Some(span.trace_state().header()).filter(|state| span.is_valid() && !state.is_empty())
}

/// The span that a `traceparent` names, if it is one: of version 00, or of a later one as far as that is
/// like it.
fn parse(parent: &str, state: Option<&str>) -> Option<SpanContext> {
    let parent = parent.trim();
    let (version, rest) = (parent.get(..2)?, parent.get(2..)?);
    let fields = rest.get(..53)?;
    let is_whole = match rest.get(53..)? {
        "" => true,
        more => version != "00" && more.starts_with('-'),
    };
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let [before, trace, span, flags] = fields.split('-').collect::<Vec<_>>().try_into().ok()?;
    let has_form = before.is_empty() && (trace.len(), span.len(), flags.len()) == (32, 16, 2);
    if !(is_whole && has_form && version != "ff" && [version, trace, span, flags].into_iter().all(is_hex)) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let state = state.filter(|state| state.len() <= STATE_BYTES);
    let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, state)).filter(SpanContext::is_valid)
}
