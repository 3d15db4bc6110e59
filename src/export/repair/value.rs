//! One attribute's value, as the conventions type it.

use crate::semconv::{
    former::todays_name,
    types::{ValueType, value_type},
};
use opentelemetry::{Array, StringValue, Value};

/// Whole numbers up to here are the same as a double and as an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The type that an attribute of this name should have, where that is not a string: by the conventions,
/// under the name that it has today; and every other count of tokens is an integer.
pub(super) fn type_of(name: &str) -> Option<ValueType> {
    let by_name = value_type(todays_name(name).unwrap_or(name));
    let is_count = name.starts_with("llm.token_count.")
        || (name.ends_with("_tokens")
            && (name.starts_with("gen_ai.usage.") || name.starts_with("llm.usage.")));
    by_name.or(is_count.then_some(ValueType::Int))
}

/// Whether `value` is of this type; of a string where there is none.
pub(super) fn is_of(value: &Value, wanted: Option<ValueType>) -> bool {
    matches!(
        (wanted, value),
        (None, Value::String(_))
            | (Some(ValueType::Int), Value::I64(_))
            | (Some(ValueType::Double), Value::F64(_))
            | (Some(ValueType::Boolean), Value::Bool(_))
            | (Some(ValueType::Strings), Value::Array(Array::String(_)))
    )
}

/// `value` as one of this type; `None` where it is that already, or cannot be read as one.
pub(super) fn converted(value: &Value, wanted: ValueType) -> Option<Value> {
    match (wanted, value) {
        (ValueType::Int, Value::String(text)) => text.as_str().parse().ok().map(Value::I64),
        (ValueType::Int, Value::F64(number)) => whole(*number).map(Value::I64),
        (ValueType::Double, Value::String(text)) => {
            text.as_str().parse().ok().filter(|number: &f64| number.is_finite()).map(Value::F64)
        }
        (ValueType::Double, Value::I64(number)) => {
            let double = *number as f64;
            (double.abs() <= EXACT).then_some(Value::F64(double))
        }
        (ValueType::Boolean, Value::String(text)) => text.as_str().parse().ok().map(Value::Bool),
        (ValueType::Strings, Value::String(text)) => strings(text.as_str()),
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// The array that this JSON is; what holds anything but strings is none.
fn strings(json: &str) -> Option<Value> {
    let texts: Vec<String> = serde_json::from_str(json).ok()?;
    Some(Value::Array(Array::String(texts.into_iter().map(StringValue::from).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &'static str) -> Value {
        Value::String(value.into())
    }

    fn array(texts: &[&'static str]) -> Value {
        Value::Array(Array::String(texts.iter().map(|text| StringValue::from(*text)).collect()))
    }

    #[test]
    fn what_can_be_read_as_the_type_becomes_one() {
        for (value, wanted, expected) in [
            (text("12"), ValueType::Int, Value::I64(12)),
            (text("-1"), ValueType::Int, Value::I64(-1)),
            (Value::F64(40.0), ValueType::Int, Value::I64(40)),
            (text("0.5"), ValueType::Double, Value::F64(0.5)),
            (text("1e-3"), ValueType::Double, Value::F64(0.001)),
            (Value::I64(1), ValueType::Double, Value::F64(1.0)),
            (text("true"), ValueType::Boolean, Value::Bool(true)),
            (text(r#"["stop"]"#), ValueType::Strings, array(&["stop"])),
            (text("[]"), ValueType::Strings, array(&[])),
        ] {
            assert_eq!(converted(&value, wanted), Some(expected), "{value:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_as_the_type_stays() {
        for (value, wanted) in [
            (text(""), ValueType::Int),
            (text("twelve"), ValueType::Int),
            (text("12.5"), ValueType::Int),
            (text("18446744073709551615"), ValueType::Int),
            (Value::F64(0.5), ValueType::Int),
            (Value::F64(f64::NAN), ValueType::Int),
            (Value::F64(f64::INFINITY), ValueType::Int),
            (Value::F64(1e300), ValueType::Int),
            (Value::Bool(true), ValueType::Int),
            (text("NaN"), ValueType::Double),
            (text("inf"), ValueType::Double),
            (text("1e999"), ValueType::Double),
            (Value::I64(i64::MAX), ValueType::Double),
            (text("True"), ValueType::Boolean),
            (text("1"), ValueType::Boolean),
            (text("stop"), ValueType::Strings),
            (text(r#"["stop", 1]"#), ValueType::Strings),
            (text(r#"["stop""#), ValueType::Strings),
            (text(r#"{"0":"stop"}"#), ValueType::Strings),
        ] {
            assert_eq!(converted(&value, wanted), None, "{value:?}");
        }
    }

    #[test]
    fn what_is_of_the_type_is_not_touched() {
        for (value, wanted) in [
            (Value::I64(1), ValueType::Int),
            (Value::F64(1.0), ValueType::Double),
            (Value::Bool(false), ValueType::Boolean),
            (array(&["stop"]), ValueType::Strings),
        ] {
            assert!(is_of(&value, Some(wanted)));
            assert_eq!(converted(&value, wanted), None, "{value:?}");
        }
    }

    #[test]
    fn a_former_name_has_the_type_of_todays_and_a_count_of_tokens_is_an_integer() {
        for name in [
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.tool_use_prompt_tokens",
            "llm.token_count.prompt",
            "llm.usage.total_tokens",
        ] {
            assert_eq!(type_of(name), Some(ValueType::Int), "{name}");
        }
        for name in ["gen_ai.request.model", "max_tokens", "app.usage.input_tokens", "http.status_code"] {
            assert_eq!(type_of(name), None, "{name}");
        }
    }
}
