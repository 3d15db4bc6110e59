//! The types that the conventions give their attributes.

use super::gen_ai as names;

/// The type of an attribute that is not a plain string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueType {
    Int,
    Double,
    Boolean,
    /// An array of strings.
    Strings,
}

/// The type of the attribute with this name; `None` for a string, and for a name that the conventions of
/// generative AI do not have.
pub(crate) fn value_type(name: &str) -> Option<ValueType> {
    match name {
        names::GEN_AI_EMBEDDINGS_DIMENSION_COUNT
        | names::GEN_AI_MEMORY_RECORD_COUNT
        | names::GEN_AI_REQUEST_CHOICE_COUNT
        | names::GEN_AI_REQUEST_MAX_TOKENS
        | names::GEN_AI_REQUEST_SEED
        | names::GEN_AI_REQUEST_TOP_K
        | names::GEN_AI_RETRIEVAL_TOP_K
        | names::GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS
        | names::GEN_AI_USAGE_AUDIO_INPUT_TOKENS
        | names::GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS
        | names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS
        | names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS
        | names::GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS
        | names::GEN_AI_USAGE_IMAGE_INPUT_TOKENS
        | names::GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS
        | names::GEN_AI_USAGE_INPUT_TOKENS
        | names::GEN_AI_USAGE_OUTPUT_TOKENS
        | names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS
        | names::GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS
        | names::GEN_AI_USAGE_TEXT_INPUT_TOKENS
        | names::GEN_AI_USAGE_TEXT_OUTPUT_TOKENS
        | names::SERVER_PORT => Some(ValueType::Int),
        names::GEN_AI_EVALUATION_SCORE_VALUE
        | names::GEN_AI_REQUEST_FREQUENCY_PENALTY
        | names::GEN_AI_REQUEST_PRESENCE_PENALTY
        | names::GEN_AI_REQUEST_TEMPERATURE
        | names::GEN_AI_REQUEST_TOP_P
        | names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK => Some(ValueType::Double),
        names::GEN_AI_CONVERSATION_COMPACTED | names::GEN_AI_REQUEST_STREAM => Some(ValueType::Boolean),
        names::GEN_AI_REQUEST_ENCODING_FORMATS
        | names::GEN_AI_REQUEST_STOP_SEQUENCES
        | names::GEN_AI_RESPONSE_FINISH_REASONS => Some(ValueType::Strings),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each name and its type as `gen_ai.rs` documents them.
    fn documented() -> Vec<(&'static str, &'static str)> {
        let lines = include_str!("gen_ai.rs").lines().filter_map(|line| line.strip_prefix("/// `"));
        lines.filter_map(|line| line.strip_suffix('.')?.split_once("`, ")).collect()
    }

    #[test]
    fn every_name_has_the_type_that_its_documentation_tells() {
        let documented = documented();
        assert!(documented.len() > 80, "{}", documented.len());
        for (name, kind) in documented {
            let expected = match kind {
                "int" => Some(ValueType::Int),
                "double" => Some(ValueType::Double),
                "boolean" => Some(ValueType::Boolean),
                "array of strings" => Some(ValueType::Strings),
                _ => None,
            };
            assert_eq!(value_type(name), expected, "{name}");
        }
    }
}
