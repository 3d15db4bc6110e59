//! Taking values out of JSON that may hold anything, and putting a body together.

use crate::record::{ErrorInfo, ErrorKind};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

/// Whether this JSON text is an object: `serde` reads a struct from a list too.
pub(super) fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

/// A number that counts something: an integer, or a float that is one (`28.0`).
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().and_then(whole_float))
}

/// A float that counts something.
pub(super) fn whole_float(number: f64) -> Option<u64> {
    // Below 2^53, where every float that is whole is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..=EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// A whole number that fits into 32 bits.
pub(super) fn small_number(value: &Value) -> Option<u32> {
    whole_number(value).and_then(|number| u32::try_from(number).ok())
}

/// A text that is not empty.
pub(super) fn some_text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The text under this name; an empty one is no text.
pub(super) fn text(of: &Map<String, Value>, name: &str) -> Option<String> {
    of.get(name).and_then(some_text)
}

/// A raw value as a text; an empty one is no text.
pub(super) fn raw_text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok().filter(|text: &String| !text.is_empty())
}

/// Takes the value under this name out, if `read` understands it; what it does not understand
/// stays where it is, save a `null`, which says nothing.
pub(super) fn take<T>(
    from: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    let found = from.get(name).and_then(read);
    if found.is_some() || from.get(name).is_some_and(Value::is_null) {
        from.remove(name);
    }
    found
}

/// Takes the text under this name out, if it is one.
pub(super) fn take_text(from: &mut Map<String, Value>, name: &str) -> Option<String> {
    take(from, name, some_text)
}

/// The bytes of a request's body.
pub(super) fn to_body(body: &impl Serialize) -> Result<Vec<u8>, ErrorInfo> {
    serde_json::to_vec(body).map_err(|error| {
        ErrorInfo::new(ErrorKind::InvalidRequest, format!("the request is no JSON: {error}"))
    })
}
