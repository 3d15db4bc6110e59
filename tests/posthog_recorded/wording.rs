//! Finish reasons as the conventions have them.

/// The conventions' word for a provider's; OpenAI's own stay as they are.
pub(crate) fn finish_reason(raw: &str) -> &str {
    match raw {
        "end_turn" | "STOP_SEQUENCE" | "stop_sequence" | "STOP" | "FINISH" | "COMPLETE" | "stop" | "1" => {
            "stop"
        }
        "max_tokens" | "MAX_TOKENS" | "LENGTH" | "length" | "2" => "length",
        "tool_use" | "tool_calls" | "UNEXPECTED_TOOL_CALL" => "tool_call",
        "guardrail_intervened" | "content_filtered" | "SAFETY" | "RECITATION" | "CONTENT_FILTERED" => {
            "content_filter"
        }
        other => other,
    }
}
