//! Which attributes hold what people, models and tools said, whoever wrote them.

use super::{gen_ai::CONTENT_ATTRIBUTES, posthog};
use crate::semconv::{gen_ai::GEN_AI_EVALUATION_EXPLANATION, tracia::TRACIA_VARIABLES};

/// Names of other conventions: OpenInference's, OpenLLMetry's, Vercel's, Pydantic's, Langfuse's, the former ones of
/// OpenTelemetry.
const OTHERS: [&str; 23] = [
    "ai.prompt",
    "ai.response.object",
    "ai.response.reasoning",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.result",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.value",
    "ai.values",
    "all_messages_events",
    "embedding.text",
    "events",
    "final_result",
    "gen_ai.completion",
    "gen_ai.prompt",
    "input.value",
    "output.value",
    "reranker.query",
    "tool.description",
    "tool.parameters",
    "tool_arguments",
    "tool_response",
];

/// What the names of such attributes begin with where they are many.
const PREFIXES: [&str; 22] = [
    "ai.prompt.",
    "embedding.embeddings.",
    "gen_ai.completion.",
    "gen_ai.prompt.",
    "input.value.",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "llm.completions.",
    "llm.function_call",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt_template.",
    "llm.prompts",
    "llm.request.functions",
    "llm.tools",
    "output.value.",
    "pydantic_ai.all_messages",
    "reranker.input_documents",
    "reranker.output_documents",
    "retrieval.documents",
];

/// Whether an attribute of this name holds what was said.
pub(crate) fn is_content(key: &str) -> bool {
    CONTENT_ATTRIBUTES.contains(&key)
        || posthog::is_of_content(key)
        || [GEN_AI_EVALUATION_EXPLANATION, TRACIA_VARIABLES].contains(&key)
        || OTHERS.contains(&key)
        || key.starts_with("traceloop.entity.input")
        || key.starts_with("traceloop.entity.output")
        // The prompt's name and version are no content.
        || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            && !["gen_ai.prompt.name", "gen_ai.prompt.version"].contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::gen_ai as names;

    #[test]
    fn what_was_said_is_content_under_every_librarys_name() {
        for key in [
            "gen_ai.input.messages",
            "gen_ai.prompt.0.content",
            "gen_ai.completion",
            "llm.input_messages.0.message.content",
            "input.value",
            "traceloop.entity.output",
            "ai.prompt.messages",
            "$ai_output_choices",
            "$ai_input_state",
            "tracia.variables",
            "gen_ai.evaluation.explanation",
        ] {
            assert!(is_content(key), "{key}");
        }
    }

    #[test]
    fn facts_about_a_call_are_none() {
        for key in [
            names::GEN_AI_REQUEST_MODEL,
            names::GEN_AI_PROMPT_NAME,
            names::GEN_AI_PROMPT_VERSION,
            names::GEN_AI_USAGE_INPUT_TOKENS,
            "input.mime_type",
            "llm.token_count.prompt",
            "openinference.span.kind",
            "$ai_input_tokens",
            "$ai_tools_called",
            "tracia.span_id",
        ] {
            assert!(!is_content(key), "{key}");
        }
    }
}
