//! Ids that the program gives a call.

use crate::{
    Error,
    context::Scope,
    semconv::{own, tracia as names},
    span::place::Place,
    vocabulary::{posthog::is_session_id, tracia},
};
use opentelemetry::trace::{SpanContext, SpanId, TraceId};

/// The longest id, in bytes.
const MOST_BYTES: usize = 200;

/// The ids that were given, as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) span: Option<String>,
    pub(super) trace: Option<String>,
    pub(super) parent: Option<String>,
    /// What the call's session says, if it is of one.
    pub(super) turn: Option<Turn>,
}

/// The place of a call in its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The trace in Tracia.
    pub(super) trace: String,
    /// The id in Tracia of the call before it.
    pub(super) parent: Option<String>,
    /// The span of the call before it.
    pub(super) previous: Option<SpanContext>,
}

impl Ids {
    /// Whether each of them may be one.
    ///
    /// # Errors
    /// One that may not, in words that say what it must be.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.check_as(["span_id", "trace_id", "parent_span_id"])
    }

    /// As [`check`](Self::check), of ids that these methods gave.
    ///
    /// # Errors
    /// As there.
    pub(super) fn check_as(&self, [span, trace, parent]: [&str; 3]) -> Result<(), Error> {
        // Errors show nothing that looks like a key of Tracia's, which begins as its traces do.
        let example = " (e.g., sp_1234567890abcdef)";
        for (what, method, prefix, example, id) in [
            ("span ID", span, "sp_", example, &self.span),
            ("trace ID", trace, "tr_", "", &self.trace),
            ("parent span ID", parent, "sp_", example, &self.parent),
        ] {
            let Some(id) = id else { continue };
            if let Err(why) = check(id, prefix) {
                return Err(Error::configuration(format!(
                    "Invalid {what} format: {why}. `.{method}(..)` takes {prefix} + 16 hex characters{example}, W3C hex that is not all zeros, a UUID, or any letters, digits and \
                     -_~.@()!':| up to {MOST_BYTES} bytes"
                )));
            }
        }
        if self.span.is_some() && same(self.span.as_deref(), self.parent.as_deref()) {
            return Err(Error::configuration(
                "the span ID and the parent span ID are the same: a call cannot come before itself",
            ));
        }
        Ok(())
    }

    /// Where the call's span is to be by these.
    pub(super) fn place(&self) -> Place {
        let mut place = match self.trace.as_deref().and_then(w3c_trace) {
            Some(trace) => Place::of(trace, self.parent.as_deref().and_then(w3c_span)),
            None => Place::default(),
        };
        place.links.extend(self.turn.as_ref().and_then(|turn| turn.previous.clone()));
        place
    }

    /// The attributes that tell them: as they were given, and in Tracia's form.
    pub(super) fn mark(&self, scope: Scope) -> Scope {
        let scope = [
            (&self.span, own::TRACING_GENAI_SPAN_ID, names::TRACIA_SPAN_ID, "sp_"),
            (&self.trace, own::TRACING_GENAI_TRACE_ID, names::TRACIA_TRACE_ID, "tr_"),
            (&self.parent, own::TRACING_GENAI_PARENT_SPAN_ID, names::TRACIA_PARENT_SPAN_ID, "sp_"),
        ]
        .into_iter()
        .fold(scope, |scope, (id, own, tracias, prefix)| {
            let Some(id) = id.as_deref() else { return scope };
            let scope = scope.attribute(own, id);
            match tracia::folded(prefix, id) {
                Some(folded) => scope.attribute(tracias, folded),
                None => scope,
            }
        });
        let Some(turn) = &self.turn else { return scope };
        let scope = scope.attribute(names::TRACIA_TRACE_ID, turn.trace.as_str());
        match turn.parent.as_deref() {
            Some(parent) => scope.attribute(names::TRACIA_PARENT_SPAN_ID, parent),
            None => scope,
        }
    }
}

fn check(id: &str, prefix: &str) -> Result<(), String> {
    if id.len() > MOST_BYTES {
        return Err(format!("it has {} bytes", id.len()));
    }
    if id.starts_with("sp_") || id.starts_with("tr_") {
        // Spans were `tr_` too before Tracia's version 0.3; a trace never was `sp_`.
        let may_be = tracia::valid(id).is_some() && (prefix == "sp_" || id.starts_with(prefix));
        return if may_be { Ok(()) } else { Err(format!("{id:?}")) };
    }
    let is_hex = matches!(id.len(), 16 | 32) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && id.bytes().all(|byte| byte == b'0') {
        return Err("it is all zeros, which means none".to_owned());
    }
    if is_session_id(id) { Ok(()) } else { Err(format!("{id:?}")) }
}

/// Whether two are the same, to Tracia as well.
pub(super) fn same(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let last = |id: String| id.get(id.len().saturating_sub(16)..).map(str::to_ascii_lowercase);
    let digits = |id| tracia::folded("", id).and_then(last);
    one == other || (digits(one).is_some() && digits(one) == digits(other))
}

/// A trace's id of W3C: 32 hex digits, a UUID's too.
fn w3c_trace(id: &str) -> Option<TraceId> {
    let digits = tracia::uuid_digits(id).unwrap_or_else(|| id.to_owned());
    let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = TraceId::from_hex(&digits).ok().filter(|_| is_hex)?;
    (id != TraceId::INVALID).then_some(id)
}

/// A span's id of W3C: 16 hex digits.
fn w3c_span(id: &str) -> Option<SpanId> {
    let is_hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = SpanId::from_hex(id).ok().filter(|_| is_hex)?;
    (id != SpanId::INVALID).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str) -> Result<(), String> {
        Ids { span: Some(id.to_owned()), ..Ids::default() }.check().map_err(|error| error.to_string())
    }

    fn trace(id: &str) -> Result<(), String> {
        Ids { trace: Some(id.to_owned()), ..Ids::default() }.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_is_tracias_or_hex_or_a_uuid_or_of_posthogs_alphabet() {
        for id in [
            "sp_1234567890abcdef",
            "tr_1234567890abcdef",
            "sp_1234567890ABCDEF",
            "00f067aa0ba902b7",
            "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
            "order-42~a.b@c(d)!':|",
            "banana",
        ] {
            assert_eq!(span(id), Ok(()), "{id}");
        }
        assert_eq!(trace("4bf92f3577b34da6a3ce929d0e0e4736"), Ok(()));
        assert_eq!(trace(&"x".repeat(200)), Ok(()));
    }

    #[test]
    fn another_is_refused_with_what_mends_it() {
        let long = "x".repeat(201);
        for id in [
            "",
            " ",
            "sp_",
            "sp_1234567890abcde",
            "sp_1234567890abcdef0",
            "sp_1234567890abcdeg",
            "tr_banana",
            "user/42",
            "ö",
            "0000000000000000",
            "00000000000000000000000000000000",
            &long,
        ] {
            let error = span(id).unwrap_err();
            assert!(
                error.contains("Invalid span ID format") && error.contains("sp_1234567890abcdef"),
                "{error}"
            );
        }
        assert!(trace("sp_1234567890abcdef").unwrap_err().contains("tr_ + 16 hex characters"));
    }

    #[test]
    fn a_call_is_not_its_own_parent() {
        for (span, parent) in [
            ("sp_1234567890abcdef", "sp_1234567890abcdef"),
            ("sp_1234567890abcdef", "1234567890ABCDEF"),
            ("banana", "banana"),
        ] {
            let ids = Ids { span: Some(span.to_owned()), parent: Some(parent.to_owned()), ..Ids::default() };
            assert!(ids.check().is_err(), "{span} {parent}");
        }
        let ids = Ids { span: Some("a".to_owned()), parent: Some("b".to_owned()), ..Ids::default() };
        assert!(ids.check().is_ok());
    }

    #[test]
    fn a_uuid_is_a_trace_of_w3c_and_tracias_id_is_none() {
        let id = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128);
        assert_eq!(w3c_trace("4BF92F35-77b3-4da6-a3ce-929d0e0e4736"), Some(id));
        assert_eq!(w3c_trace("4bf92f3577b34da6a3ce929d0e0e4736"), Some(id));
        assert_eq!(w3c_trace("00000000-0000-0000-0000-000000000000"), None);
        for id in ["tr_a3ce929d0e0e4736", "a3ce929d0e0e4736", "+bf92f3577b34da6a3ce929d0e0e4736"] {
            assert_eq!(w3c_trace(id), None, "{id}");
        }
        assert_eq!(w3c_span("sp_00f067aa0ba902b7"), None);
    }
}
