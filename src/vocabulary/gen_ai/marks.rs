use super::to_i64;
use crate::{
    record::Marks,
    semconv::{gen_ai as names, own},
};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::Value as Json;

/// The attributes of a span with these marks, but for those that it `has`. The name of a prompt is for spans
/// of generations alone, as in the conventions.
pub(crate) fn marks(marks: &Marks, is_generation: bool, has: impl Fn(&str) -> bool) -> Vec<KeyValue> {
    let mut list: Vec<KeyValue> = Vec::with_capacity(6 + marks.attributes.len());
    let mut text = |name: &'static str, value: &Option<String>| {
        if let Some(value) = value.as_ref().filter(|_| !has(name)) {
            list.push(KeyValue::new(name, value.clone()));
        }
    };
    text(names::USER_ID, &marks.user);
    text(names::SESSION_ID, &marks.session);
    text(names::GEN_AI_CONVERSATION_ID, &marks.conversation);
    // A span that names its prompt knows the version, or that there is none.
    if is_generation && !has(names::GEN_AI_PROMPT_NAME) {
        text(names::GEN_AI_PROMPT_NAME, &marks.prompt_name);
        text(names::GEN_AI_PROMPT_VERSION, &marks.prompt_version);
    }
    if !marks.tags.is_empty() && !has(own::TRACING_GENAI_TAGS) {
        let tags: Vec<StringValue> = marks.tags.iter().cloned().map(StringValue::from).collect();
        list.push(KeyValue::new(own::TRACING_GENAI_TAGS, Value::Array(Array::String(tags))));
    }
    for (key, value) in &marks.attributes {
        let is_there = has(key) || list.iter().any(|attribute| attribute.key.as_str() == key);
        if let Some(value) = value_of(value).filter(|_| !is_there) {
            list.push(KeyValue::new(key.clone(), value));
        }
    }
    list
}

fn value_of(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => (*flag).into(),
        Json::String(text) => text.clone().into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => to_i64(number).into(),
            (None, None) => number.as_f64()?.into(),
        },
        Json::Array(_) | Json::Object(_) => json.to_string().into(),
    })
}
