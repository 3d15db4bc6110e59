//! One event of a stream.

use super::json;
use crate::provider::lenient::Count;
use crate::record::ErrorInfo;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::borrow::Cow;

/// An output item and, within it, a content part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) item: u64,
    /// A reasoning's summary stands before its content.
    pub(super) in_content: bool,
    pub(super) part: u64,
}

/// The fields of an event that we read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    output_index: Count,
    content_index: Count,
    summary_index: Count,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// The item that the event is about.
    pub(super) fn item_place(&self) -> Place {
        Place { item: self.output_index.0.unwrap_or(0), in_content: false, part: 0 }
    }

    /// The part of an item that the event is about.
    pub(super) fn part_place(&self) -> Place {
        let summary = self.summary_index.0;
        let part = summary.or(self.content_index.0).unwrap_or(0);
        Place { in_content: summary.is_none(), part, ..self.item_place() }
    }

    /// The event's type, which an SSE stream repeats as the event's name.
    pub(super) fn kind(&self) -> Option<Cow<'a, str>> {
        json::text(self.kind)
    }

    /// The error of an `error` event: nested, or with its fields in the event itself, which is
    /// `data`.
    pub(super) fn failure(&self, data: &[u8]) -> ErrorInfo {
        let error = json::read::<Map<String, Value>>(self.error).unwrap_or_else(|| {
            let mut flat: Map<String, Value> = serde_json::from_slice(data).unwrap_or_default();
            // The event's type, not the error's.
            flat.remove("type");
            flat
        });
        super::super::read_stream_error(&Value::Object(error))
    }
}
