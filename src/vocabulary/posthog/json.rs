//! JSON as values of OTLP, so that a map stays a map, and back.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use serde_json::Value as Json;
use std::borrow::Cow;

/// Below so many levels of lists and maps there is text: readers of protobuf refuse a message of some hundred levels
/// whole, and a map takes three of these.
const DEPTH: usize = 16;

/// An attribute, unless it has no value.
pub(super) fn of_attribute(attribute: KeyValue) -> Option<(Cow<'static, str>, Json)> {
    Some((attribute.key.into(), of_value(attribute.value?.value?)?))
}

/// `None` of what a span's attribute cannot be.
fn of_value(value: Value) -> Option<Json> {
    Some(match value {
        Value::StringValue(text) => text.into(),
        Value::BoolValue(flag) => flag.into(),
        Value::IntValue(number) => number.into(),
        Value::DoubleValue(number) => number.into(),
        Value::ArrayValue(list) => {
            list.values.into_iter().map(|item| item.value.and_then(of_value).unwrap_or_default()).collect()
        }
        Value::KvlistValue(map) => {
            let entries = map.values.into_iter().filter_map(of_attribute);
            Json::Object(entries.map(|(key, value)| (key.into_owned(), value)).collect())
        }
        Value::BytesValue(_) | Value::StringValueStrindex(_) => return None,
    })
}

pub(super) fn into_attribute((key, value): (Cow<'static, str>, Json)) -> KeyValue {
    let value = Some(AnyValue { value: Some(of_json(value)) });
    KeyValue { key: key.into_owned(), value, ..KeyValue::default() }
}

/// The value of this JSON. What has no value inside a list is a text there, since a list cannot have a hole.
fn of_json(json: Json) -> Value {
    value(json, DEPTH).unwrap_or_else(null)
}

fn null() -> Value {
    Value::StringValue("null".to_owned())
}

fn value(json: Json, depth: usize) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => Value::BoolValue(flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::IntValue(number),
            None => Value::DoubleValue(number.as_f64()?),
        },
        Json::String(text) => Value::StringValue(text),
        Json::Array(_) | Json::Object(_) if depth == 0 => Value::StringValue(json.to_string()),
        Json::Array(items) => {
            let item = |item| AnyValue { value: Some(value(item, depth - 1).unwrap_or_else(null)) };
            Value::ArrayValue(ArrayValue { values: items.into_iter().map(item).collect() })
        }
        Json::Object(entries) => {
            let entry = |(key, json)| {
                let value = Some(AnyValue { value: Some(value(json, depth - 1)?) });
                Some(KeyValue { key, value, ..KeyValue::default() })
            };
            Value::KvlistValue(KeyValueList { values: entries.into_iter().filter_map(entry).collect() })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use serde_json::json;

    #[test]
    fn a_map_stays_a_map_there_and_back() {
        let json = json!({ "a": { "b": [1, 0.5, true, "text"] } });
        let Value::KvlistValue(map) = of_json(json.clone()) else { panic!("no map") };
        assert_eq!(map.values[0].key, "a");
        assert_eq!(of_value(Value::KvlistValue(map)), Some(json));
    }

    #[test]
    fn a_list_has_no_hole() {
        let Value::ArrayValue(list) = of_json(json!([null, 1])) else { panic!("no list") };
        assert!(list.values.iter().all(|item| item.value.is_some()));
    }

    #[test]
    fn what_is_nested_deeply_can_be_read_again() {
        let mut deep = json!(1);
        for _ in 0..90 {
            deep = json!({ "a": deep });
        }
        let encoded = AnyValue { value: Some(of_json(deep)) }.encode_to_vec();
        assert!(AnyValue::decode(encoded.as_slice()).is_ok());
    }
}
