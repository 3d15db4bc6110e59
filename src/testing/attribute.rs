use opentelemetry::{Array, Value};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use std::collections::BTreeMap;

/// The value of an attribute, with its type.
///
/// It compares with a Rust value of the same type: `12` is not `12.0`, and `"12"` is neither.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A string.
    Str(String),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array.
    Array(Vec<Self>),
    /// A map.
    Map(BTreeMap<String, Self>),
    /// No value.
    Empty,
}

impl AttributeValue {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The floating-point number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes, if it is some.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

impl PartialEq<str> for AttributeValue {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for AttributeValue {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<i64> for AttributeValue {
    fn eq(&self, other: &i64) -> bool {
        self.as_i64() == Some(*other)
    }
}

impl PartialEq<f64> for AttributeValue {
    fn eq(&self, other: &f64) -> bool {
        self.as_f64() == Some(*other)
    }
}

impl PartialEq<bool> for AttributeValue {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

/// Arrays of anything it compares with.
impl<T, const N: usize> PartialEq<[T; N]> for AttributeValue
where
    Self: PartialEq<T>,
{
    fn eq(&self, other: &[T; N]) -> bool {
        self.as_array().is_some_and(|values| values == other)
    }
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::I64(value) => Self::Int(value),
            Value::F64(value) => Self::Double(value),
            Value::String(value) => Self::Str(value.into()),
            Value::Array(Array::Bool(values)) => Self::Array(values.into_iter().map(Self::Bool).collect()),
            Value::Array(Array::I64(values)) => Self::Array(values.into_iter().map(Self::Int).collect()),
            Value::Array(Array::F64(values)) => Self::Array(values.into_iter().map(Self::Double).collect()),
            Value::Array(Array::String(values)) => {
                Self::Array(values.into_iter().map(|value| Self::Str(value.into())).collect())
            }
            // A kind that OpenTelemetry adds some day.
            other => Self::Str(other.to_string()),
        }
    }
}

impl From<Option<AnyValue>> for AttributeValue {
    fn from(value: Option<AnyValue>) -> Self {
        match value.and_then(|value| value.value) {
            Some(any_value::Value::StringValue(value)) => Self::Str(value),
            Some(any_value::Value::BoolValue(value)) => Self::Bool(value),
            Some(any_value::Value::IntValue(value)) => Self::Int(value),
            Some(any_value::Value::DoubleValue(value)) => Self::Double(value),
            Some(any_value::Value::BytesValue(value)) => Self::Bytes(value),
            Some(any_value::Value::ArrayValue(array)) => {
                Self::Array(array.values.into_iter().map(|value| Some(value).into()).collect())
            }
            Some(any_value::Value::KvlistValue(map)) => {
                Self::Map(map.values.into_iter().map(|entry| (entry.key, entry.value.into())).collect())
            }
            // Of profiles, which traces refer to nothing in.
            Some(any_value::Value::StringValueStrindex(_)) | None => Self::Empty,
        }
    }
}
