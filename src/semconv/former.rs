//! Names and values that other instrumentations still write, and the conventions' of today.

use super::gen_ai as names;

/// What other libraries mark their spans with, and tell by names that the conventions never had.
pub(crate) mod others {
    /// OpenInference: what the span stands for, `LLM`, `EMBEDDING`, `TOOL` and so on.
    pub(crate) const OPENINFERENCE_SPAN_KIND: &str = "openinference.span.kind";
    /// OpenLLMetry: `chat`, `completion`, `embedding`, `rerank`.
    pub(crate) const LLM_REQUEST_TYPE: &str = "llm.request.type";
    /// OpenLLMetry: `workflow`, `task`, `agent`, `tool`.
    pub(crate) const TRACELOOP_SPAN_KIND: &str = "traceloop.span.kind";
}

/// Former names, and rig's, of attributes that the conventions have under another name today.
const RENAMED: [(&str, &str); 12] = [
    ("gen_ai.system", names::GEN_AI_PROVIDER_NAME),
    ("gen_ai.usage.prompt_tokens", names::GEN_AI_USAGE_INPUT_TOKENS),
    ("gen_ai.usage.completion_tokens", names::GEN_AI_USAGE_OUTPUT_TOKENS),
    ("gen_ai.usage.cache_creation.input_tokens", names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
    ("gen_ai.usage.cache_creation_input_tokens", names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
    ("gen_ai.usage.cache_read_input_tokens", names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
    ("gen_ai.usage.reasoning_tokens", names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
    ("gen_ai.openai.request.seed", names::GEN_AI_REQUEST_SEED),
    ("gen_ai.openai.request.service_tier", names::OPENAI_REQUEST_SERVICE_TIER),
    ("gen_ai.openai.response.service_tier", names::OPENAI_RESPONSE_SERVICE_TIER),
    ("gen_ai.openai.response.system_fingerprint", names::OPENAI_RESPONSE_SYSTEM_FINGERPRINT),
    ("gen_ai.request.reasoning_effort", names::GEN_AI_REQUEST_REASONING_LEVEL),
];

/// The name that the attribute with this former name has today.
pub(crate) fn todays_name(former: &str) -> Option<&'static str> {
    RENAMED.into_iter().find(|(name, _)| *name == former).map(|(_, today)| today)
}

/// Attributes of OpenInference, and those of the conventions that say the same.
pub(crate) const OPENINFERENCE: [(&str, &str); 9] = [
    ("llm.model_name", names::GEN_AI_REQUEST_MODEL),
    ("embedding.model_name", names::GEN_AI_REQUEST_MODEL),
    ("llm.provider", names::GEN_AI_PROVIDER_NAME),
    ("llm.system", names::GEN_AI_PROVIDER_NAME),
    ("llm.token_count.prompt", names::GEN_AI_USAGE_INPUT_TOKENS),
    ("llm.token_count.completion", names::GEN_AI_USAGE_OUTPUT_TOKENS),
    ("llm.token_count.prompt_details.cache_read", names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
    ("llm.token_count.prompt_details.cache_write", names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
    ("llm.token_count.completion_details.reasoning", names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
];

/// The conventions' words for providers, which some write in capitals.
const PROVIDERS: [&str; 16] = [
    "openai",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "gcp.gemini",
    "anthropic",
    "cohere",
    "azure.ai.inference",
    "azure.ai.openai",
    "ibm.watsonx.ai",
    "aws.bedrock",
    "perplexity",
    "x_ai",
    "deepseek",
    "groq",
    "mistral_ai",
    "moonshot_ai",
];

/// Other words for providers, in small letters: `gen_ai.system`'s of old, and those of rig, genai,
/// OpenLLMetry and OpenInference.
const PROVIDER_WORDS: [(&str, &str); 23] = [
    ("az.ai.openai", "azure.ai.openai"),
    ("azure.openai", "azure.ai.openai"),
    ("azure_openai", "azure.ai.openai"),
    ("azure", "azure.ai.openai"),
    ("az.ai.inference", "azure.ai.inference"),
    ("vertex_ai", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("gemini", "gcp.gemini"),
    // Of Google it is not known which of the two it is.
    ("google", "gcp.gen_ai"),
    ("aws_bedrock", "aws.bedrock"),
    ("amazon_bedrock", "aws.bedrock"),
    ("bedrock", "aws.bedrock"),
    ("aws", "aws.bedrock"),
    ("watsonx", "ibm.watsonx.ai"),
    ("xai", "x_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    // The conventions have no word for these; they are the ones that this crate's own spans use.
    ("voyageai", "voyage_ai"),
    ("voyage", "voyage_ai"),
    ("together", "together_ai"),
    ("togetherai", "together_ai"),
];

/// The conventions' word for a provider that is called `word`; `None` where it is that already, or
/// nobody's that we know.
pub(crate) fn provider_word(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let other = PROVIDER_WORDS.into_iter().find(|(name, _)| *name == lower).map(|(_, today)| today);
    other.or_else(|| PROVIDERS.into_iter().find(|name| *name == lower)).filter(|today| *today != word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{provider::Provider, semconv::types::value_type};

    #[test]
    fn no_former_name_is_one_of_today() {
        let documented = include_str!("gen_ai.rs");
        for (former, today) in RENAMED {
            assert!(!documented.contains(&format!("\"{former}\"")), "{former}");
            assert!(documented.contains(&format!("\"{today}\"")), "{today}");
            assert_eq!(todays_name(today), None, "{today}");
            assert_eq!(value_type(former), None, "{former}");
        }
    }

    #[test]
    fn what_openinference_tells_has_a_name_of_today() {
        let documented = include_str!("gen_ai.rs");
        for (_, today) in OPENINFERENCE {
            assert!(documented.contains(&format!("\"{today}\"")), "{today}");
        }
    }

    #[test]
    fn former_words_for_providers_become_those_of_today() {
        for (word, today) in [
            ("aws_bedrock", "aws.bedrock"),
            ("gemini", "gcp.gemini"),
            ("vertex_ai", "gcp.vertex_ai"),
            ("az.ai.openai", "azure.ai.openai"),
            ("xai", "x_ai"),
            ("OpenAI", "openai"),
            ("MistralAI", "mistral_ai"),
        ] {
            assert_eq!(provider_word(word), Some(today), "{word}");
        }
    }

    #[test]
    fn a_word_of_today_and_one_that_nobody_knows_stay() {
        for word in PROVIDERS.into_iter().chain(["ollama", "my-gateway", "", "_OTHER"]) {
            assert_eq!(provider_word(word), None, "{word}");
        }
        for (_, today) in PROVIDER_WORDS {
            assert_eq!(provider_word(today), None, "{today}");
        }
    }

    #[test]
    fn our_own_words_for_providers_stay() {
        let ours = [
            Provider::OpenAi,
            Provider::AzureOpenAi,
            Provider::Anthropic,
            Provider::Google,
            Provider::VertexAi,
            Provider::Bedrock,
            Provider::Voyage,
            Provider::Mistral,
            Provider::Cohere,
            Provider::Groq,
            Provider::XAi,
            Provider::DeepSeek,
            Provider::OpenRouter,
        ];
        for provider in ours {
            assert_eq!(provider_word(provider.name()), None, "{provider}");
        }
    }
}
