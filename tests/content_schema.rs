//! Recorded content satisfies the conventions' JSON schemas, and each part its own rule, which the
//! schemas alone do not hold it to: a part that fails its type passes there as a generic one.

use serde_json::{Value, json};
use std::{io, path::Path};
use tracing_genai::{
    ContentCapture,
    record::{
        Choice, FinishReason, Media, MediaSource, Message, Modality, Part, Role, ToolCall, ToolDefinition,
        ToolResult,
    },
    span::{Retrieval, Tool},
    testing::{FinishedSpan, capture_async},
};

/// A schema of the conventions, without its one reference to another host.
fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(format!("{name}.json"));
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace(r##""$ref": "http://json-schema.org/draft-07/schema#""##, r#""type": "object""#);
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn content(span: &FinishedSpan, attribute: &str, schema_name: &str) -> Value {
    let text = span.attributes[attribute].as_str().expect("content is a JSON string on spans");
    let value: Value = serde_json::from_str(text).unwrap();
    if let Err(error) = schema(schema_name).validate(&value) {
        panic!("{attribute}: {error}: {value:#}");
    }
    value
}
