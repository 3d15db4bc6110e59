//! JSON as values of OTLP, so that a map stays a map.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use serde_json::Value as Json;

/// Below so many levels of lists and maps there is text: readers of protobuf refuse a message of some hundred levels
/// whole, and a map takes three of these.
const DEPTH: usize = 16;

/// The value of a JSON text, or the text itself where it is none.
pub(super) fn of_text(text: &str) -> Value {
    match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => of_json(&json),
        _ => Value::StringValue(text.to_owned()),
    }
}

/// The value of this JSON. What has no value inside a list is a text there, since a list cannot have a hole.
pub(super) fn of_json(json: &Json) -> Value {
    value(json, DEPTH).unwrap_or_else(|| Value::StringValue("null".to_owned()))
}

fn value(json: &Json, depth: usize) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => Value::BoolValue(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::IntValue(number),
            None => Value::DoubleValue(number.as_f64()?),
        },
        Json::String(text) => Value::StringValue(text.clone()),
        Json::Array(_) | Json::Object(_) if depth == 0 => Value::StringValue(json.to_string()),
        Json::Array(items) => {
            let null = || Value::StringValue("null".to_owned());
            let item = |item| AnyValue { value: Some(value(item, depth - 1).unwrap_or_else(null)) };
            Value::ArrayValue(ArrayValue { values: items.iter().map(item).collect() })
        }
        Json::Object(entries) => {
            let entries =
                entries.iter().filter_map(|(key, json)| Some((key.as_str(), value(json, depth - 1)?)));
            map(entries)
        }
    })
}

/// A value of OTLP as JSON; bytes are told in hexadecimal digits, as PostHog has them.
pub(super) fn to_json(value: &AnyValue) -> Json {
    let list = |values: &[AnyValue]| values.iter().map(to_json).collect();
    match &value.value {
        Some(Value::StringValue(text)) => text.as_str().into(),
        Some(Value::BoolValue(flag)) => (*flag).into(),
        Some(Value::IntValue(number)) => (*number).into(),
        // What is no number in JSON is null.
        Some(Value::DoubleValue(number)) => (*number).into(),
        Some(Value::ArrayValue(values)) => list(&values.values),
        Some(Value::KvlistValue(map)) => {
            let entry = |one: &KeyValue| Some((one.key.clone(), to_json(one.value.as_ref()?)));
            Json::Object(map.values.iter().filter_map(entry).collect())
        }
        Some(Value::BytesValue(bytes)) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        _ => Json::Null,
    }
}

/// A map of these entries.
pub(super) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entry = |(key, value): (&str, Value)| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    Value::KvlistValue(KeyValueList { values: entries.into_iter().map(entry).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use serde_json::json;

    #[test]
    fn a_map_stays_a_map_and_what_is_no_json_a_text() {
        let Value::KvlistValue(map) = of_text(r#"{"a":{"b":[1,0.5,true]}}"#) else { panic!("no map") };
        assert_eq!(map.values[0].key, "a");
        assert_eq!(of_text("18 degrees"), Value::StringValue("18 degrees".into()));
        assert_eq!(of_text("18"), Value::StringValue("18".into()));
    }

    #[test]
    fn a_list_has_no_hole() {
        let Value::ArrayValue(list) = of_json(&json!([null, 1])) else { panic!("no list") };
        assert!(list.values.iter().all(|item| item.value.is_some()));
    }

    #[test]
    fn what_is_nested_deeply_can_be_read_again() {
        let mut deep = json!(1);
        for _ in 0..90 {
            deep = json!({ "a": deep });
        }
        let encoded = AnyValue { value: Some(of_json(&deep)) }.encode_to_vec();
        assert!(AnyValue::decode(encoded.as_slice()).is_ok());
    }
}
