//! Reading what may be absent, null or of another type.

use serde_json::{Map, Value};

/// The text under the first of these keys that has one.
pub(super) fn text_of(object: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| object[*key].as_str()).map(str::to_owned)
}

pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    text_of(object, &[key])
}

/// A count, which a server in a language without whole numbers may write as `5.0`.
pub(super) fn count(object: &Value, key: &str) -> Option<u64> {
    let value = &object[key];
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        // Above 2^53 it is no longer exact.
        let is_count = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
        is_count.then_some(number as u64)
    })
}

/// A number, which may come as text: amounts of money do.
pub(super) fn number(object: &Value, key: &str) -> Option<f64> {
    let value = &object[key];
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}

pub(super) fn texts(object: &Value, key: &str) -> Vec<String> {
    list(object, key).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

pub(super) fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().map_or(&[], Vec::as_slice)
}

/// What is under the key, unless that is nothing.
pub(super) fn any(object: &Value, key: &str) -> Option<Value> {
    object.get(key).filter(|value| !value.is_null()).cloned()
}

pub(super) fn pairs(object: &Value, key: &str) -> Map<String, Value> {
    object[key].as_object().cloned().unwrap_or_default()
}
