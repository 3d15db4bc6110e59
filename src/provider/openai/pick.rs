//! Taking values out of JSON that may hold anything.

use serde_json::{Map, Value};

/// A number that counts something: an integer, or a float that is one (`28.0`).
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    // Below 2^53, where every float that is whole is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        value
            .as_f64()
            .filter(|number| (0.0..=EXACT).contains(number) && number.fract() == 0.0)
            .map(|number| number as u64)
    })
}

/// The text under this name; an empty one is no text.
pub(super) fn text(of: &Map<String, Value>, name: &str) -> Option<String> {
    of.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Takes the value under this name out, if `read` understands it; what it does not understand
/// stays where it is.
pub(super) fn take<T>(
    from: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    let found = from.get(name).and_then(read);
    if found.is_some() {
        from.remove(name);
    }
    found
}
