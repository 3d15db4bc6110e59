use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// A piece of JSON kept as the provider wrote it.
///
/// Parsed only when somebody asks, so that keeping a provider's own numbers costs one copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Keeps this text.
    pub fn new(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }

    /// Keeps this text; `None` if it is no JSON.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        RawValue::from_string(text.to_owned()).ok().map(Self)
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or(Value::Null)
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl From<&RawJson> for Value {
    fn from(json: &RawJson) -> Self {
        json.to_value()
    }
}

impl From<RawJson> for Value {
    fn from(json: RawJson) -> Self {
        json.to_value()
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        // A `Value` always serializes: its keys are strings.
        Self(serde_json::value::to_raw_value(&value).unwrap_or_default())
    }
}
