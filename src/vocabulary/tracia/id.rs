//! Ids as Tracia has them: a prefix and 16 hex digits.

use opentelemetry::trace::{SpanId, TraceId};
#[cfg(feature = "export")]
use {
    super::attributes::Attributes,
    crate::semconv::tracia::{TRACIA_PARENT_SPAN_ID, TRACIA_SPAN_ID, TRACIA_TRACE_ID},
    opentelemetry_sdk::trace::SpanData,
};

/// A span's id, which fits whole.
pub(crate) fn of_span(id: SpanId) -> String {
    format!("sp_{id}")
}

/// The low half of a trace's id, which is random with every generator: the high one of X-Ray's holds a time.
pub(crate) fn of_trace(id: TraceId) -> String {
    let digits = id.to_string();
    format!("tr_{}", &digits[digits.len() - 16..])
}

/// The text, if it may stand for a span: `tr_` is what spans had before Tracia's version 0.3.
pub(crate) fn valid(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sp_").or_else(|| text.strip_prefix("tr_"))?;
    (digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// An id that a program has for a span or for a trace in Tracia's form: one that is in that form as it is, and hex of 16
/// or 32 digits and a UUID by their last 16 digits, a UUID by time by its first. `None` for others.
#[cfg(feature = "client")]
pub(crate) fn folded(prefix: &str, id: &str) -> Option<String> {
    if let Some(id) = valid(id) {
        return Some(id.to_owned());
    }
    let digits = match id.len() {
        36 => uuid_digits(id)?,
        16 | 32 => id.to_ascii_lowercase(),
        _ => return None,
    };
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The end of a UUID by time is that of its host.
    let by_time = id.len() == 36 && digits.get(12..13).is_some_and(|version| "126".contains(version));
    let start = if by_time { 0 } else { digits.len() - 16 };
    digits.get(start..start + 16).filter(|_| is_hex).map(|last| format!("{prefix}{last}"))
}

/// The 32 digits of a UUID, in small letters.
#[cfg(feature = "client")]
pub(crate) fn uuid_digits(id: &str) -> Option<String> {
    let parts: Vec<&str> = id.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_form = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(is_hex);
    has_form.then(|| parts.concat().to_ascii_lowercase())
}

/// The id that the program gave the span for Tracia.
#[cfg(feature = "export")]
pub(crate) fn own_span_id(span: &SpanData) -> Option<&str> {
    Attributes(&span.attributes).text(TRACIA_SPAN_ID).and_then(valid)
}

/// The id of a span that is sent.
#[cfg(feature = "export")]
pub(crate) fn span_id(span: &SpanData) -> String {
    own_span_id(span).map_or_else(|| of_span(span.span_context.span_id()), str::to_owned)
}

#[cfg(feature = "export")]
pub(super) fn trace_id(span: &SpanData) -> String {
    let own = Attributes(&span.attributes).text(TRACIA_TRACE_ID).and_then(valid);
    let own = own.filter(|id| id.starts_with("tr_"));
    own.map_or_else(|| of_trace(span.span_context.trace_id()), str::to_owned)
}

/// The call that the program says was before this one.
#[cfg(feature = "export")]
pub(super) fn own_parent_id(span: &SpanData) -> Option<&str> {
    Attributes(&span.attributes).text(TRACIA_PARENT_SPAN_ID).and_then(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spans_id_is_kept_and_a_traces_is_its_low_half() {
        assert_eq!(of_span(SpanId::from(0x00f0_67aa_0ba9_02b7)), "sp_00f067aa0ba902b7");
        let trace = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128);
        assert_eq!(of_trace(trace), "tr_a3ce929d0e0e4736");
    }

    #[test]
    fn an_id_is_a_prefix_and_16_hex_digits() {
        for id in ["sp_1234567890abcdef", "tr_1234567890abcdef", "sp_1234567890ABCDEF"] {
            assert_eq!(valid(id), Some(id));
        }
        for id in ["", "sp_", "banana", "sp_1234567890abcde", "sp_1234567890abcdef0", "sp_1234567890abcdeg"] {
            assert_eq!(valid(id), None, "{id}");
        }
        assert_eq!(valid("SP_1234567890abcdef"), None);
        assert_eq!(valid("sp_1234567890abcde\n"), None);
    }

    #[cfg(feature = "client")]
    #[test]
    fn hex_and_uuids_are_folded_and_other_texts_have_no_form() {
        for (id, folded_id) in [
            ("sp_1234567890ABCDEF", Some("sp_1234567890ABCDEF")),
            ("00f067aa0ba902b7", Some("sp_00f067aa0ba902b7")),
            ("00F067AA0BA902B7", Some("sp_00f067aa0ba902b7")),
            ("4bf92f3577b34da6a3ce929d0e0e4736", Some("sp_a3ce929d0e0e4736")),
            ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", Some("sp_a3ce929d0e0e4736")),
            ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some("sp_6ba7b8109dad11d1")),
            ("4bf92f35-77b3-4da6-a3ce-929d0e0e473g", None),
            ("4bf92f3577-b3-4da6-a3ce-929d0e0e4736", None),
            ("banana", None),
            ("bananabananabana", None),
            ("", None),
        ] {
            assert_eq!(folded("sp_", id).as_deref(), folded_id, "{id}");
        }
    }
}
