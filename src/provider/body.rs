//! The body of a request, written field by field.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// The fields of a body, of which the options override the others.
pub(super) struct Fields<'a, M> {
    out: M,
    options: &'a Map<String, Value>,
}

impl<'a, M: SerializeMap> Fields<'a, M> {
    /// The fields of the body that `to` writes.
    pub(super) fn new<S: Serializer<SerializeMap = M, Error = M::Error>>(
        to: S,
        options: &'a Map<String, Value>,
    ) -> Result<Self, M::Error> {
        Ok(Self { out: to.serialize_map(None)?, options })
    }

    /// This field, if it has a value.
    pub(super) fn put(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        match value {
            Some(value) if !self.options.contains_key(name) => self.out.serialize_entry(name, &value),
            _ => Ok(()),
        }
    }

    /// The options, and the end.
    pub(super) fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in self.options {
            self.out.serialize_entry(name, value)?;
        }
        self.out.end()
    }
}

/// What `from` has takes the place of what `into` has; objects of the same name become one.
pub(super) fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}
