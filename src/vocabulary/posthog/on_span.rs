//! What a span itself carries for PostHog, so that any exporter brings it there.

use super::{
    properties::Properties,
    rules::{self, Known},
};
use crate::{
    capture::ContentCapture,
    record::{Operation, OperationClass, Side},
    semconv::posthog as ph,
    vocabulary::gen_ai,
};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::Value as Json;

/// What may have been said, or repeat it.
#[cfg(feature = "export")]
const CONTENT: [&str; 8] = [
    ph::AI_ERROR,
    ph::AI_INPUT,
    ph::AI_INPUT_STATE,
    ph::AI_INSTRUCTIONS,
    "$ai_output",
    ph::AI_OUTPUT_CHOICES,
    ph::AI_OUTPUT_STATE,
    ph::AI_TOOLS,
];

/// Whether an attribute of this name may hold what was said.
#[cfg(feature = "export")]
pub(crate) fn is_of_content(key: &str) -> bool {
    CONTENT.contains(&key)
}

/// Whether a span carries [`attributes`].
#[cfg(feature = "export")]
pub(crate) fn is_marked(carried: &[KeyValue]) -> bool {
    carried.iter().any(|attribute| attribute.key.as_str() == ph::AI_SPAN_TYPE)
}

/// What PostHog does not derive from the conventions' attributes of `operation`, as far as an attribute can carry it.
pub(crate) fn attributes(operation: &Operation, content: &ContentCapture) -> Vec<KeyValue> {
    let mut carried = gen_ai::fields(operation);
    carried.append(&mut gen_ai::attributes(operation));
    // Of a generation PostHog reads the conventions' content, which is not copied for nothing.
    if !matches!(operation.kind.class(), OperationClass::Generation | OperationClass::Embedding) {
        carried.append(&mut gen_ai::content_attributes(operation, content));
    }
    let words = gen_ai::status_words(operation, content);
    let known = Known {
        operation: Some(operation),
        has_content: content.is_on(),
        failure: words.as_deref(),
        has_exception: false,
        is_client: operation.side == Side::Client,
        has_owner: false,
        has_maps: false,
    };
    let carried = carried.into_iter().map(|one| (one.key.as_str().to_owned().into(), json(&one.value)));
    let mut list = Properties::of(carried);
    rules::apply(&mut list, &known);
    let is_given =
        |key: &str| operation.marks.as_deref().is_some_and(|marks| marks.attributes.contains_key(key));
    let of_posthog = list
        .into_kept()
        .filter(|(key, _)| (key.starts_with('$') || *key == ph::POSTHOG_DISTINCT_ID) && !is_given(key));
    of_posthog.filter_map(|(key, value)| Some(KeyValue::new(key.into_owned(), flat(value)?))).collect()
}

/// [`attributes`] for a span that another library made. How the call ended is for its maker to tell: that may fail at an
/// answer that came whole, and try once more what failed. So is what content it has.
pub(crate) fn attributes_of_theirs(operation: &Operation) -> Vec<KeyValue> {
    let mut list = attributes(operation, &ContentCapture::off());
    let has_failed = operation.outcome.error().is_some();
    list.retain(|attribute| match attribute.key.as_str() {
        ph::AI_IS_ERROR | ph::AI_HTTP_STATUS | ph::AI_ERROR | ph::AI_ERROR_TYPE => false,
        ph::AI_STOP_REASON => !has_failed,
        _ => true,
    });
    list
}

fn json(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::I64(number) => (*number).into(),
        Value::F64(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(Array::Bool(flags)) => flags.as_slice().into(),
        Value::Array(Array::I64(numbers)) => numbers.as_slice().into(),
        Value::Array(Array::F64(numbers)) => numbers.as_slice().into(),
        Value::Array(Array::String(texts)) => texts.iter().map(StringValue::as_str).collect(),
        // A kind of a later version.
        _ => Json::Null,
    }
}

/// The value as an attribute: a list of texts or of whole numbers is one, another and a map are JSON.
fn flat(json: Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => flag.into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => {
            let texts: Option<Vec<StringValue>> =
                items.iter().map(|item| item.as_str().map(|text| text.to_owned().into())).collect();
            let numbers = || items.iter().map(Json::as_i64).collect::<Option<Vec<i64>>>();
            match (texts, numbers()) {
                (Some(texts), _) => Value::Array(Array::String(texts)),
                (None, Some(numbers)) => Value::Array(Array::I64(numbers)),
                (None, None) => Json::Array(items).to_string().into(),
            }
        }
        Json::Object(_) => json.to_string().into(),
    })
}

#[cfg(test)]
mod tests;
