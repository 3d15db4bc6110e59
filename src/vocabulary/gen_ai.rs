//! The GenAI conventions' attributes.

use crate::{capture::ContentCapture, record::Operation};
use opentelemetry::KeyValue;

/// The content of `operation` that `content` allows, as the conventions' attributes: messages and
/// the like as JSON strings.
pub(crate) fn content_attributes(operation: &Operation, content: &ContentCapture) -> Vec<KeyValue> {
    let _ = (operation, content);
    Vec::new()
}

/// The names of the attributes that hold content.
pub(crate) const CONTENT_ATTRIBUTES: [&str; 8] = {
    use crate::semconv::gen_ai as names;
    [
        names::GEN_AI_SYSTEM_INSTRUCTIONS,
        names::GEN_AI_INPUT_MESSAGES,
        names::GEN_AI_OUTPUT_MESSAGES,
        names::GEN_AI_TOOL_DEFINITIONS,
        names::GEN_AI_TOOL_CALL_ARGUMENTS,
        names::GEN_AI_TOOL_CALL_RESULT,
        names::GEN_AI_RETRIEVAL_QUERY_TEXT,
        names::GEN_AI_RETRIEVAL_DOCUMENTS,
    ]
};
