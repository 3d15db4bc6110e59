//! Which provider has a model.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI, and every server that speaks its format.
    #[serde(rename = "openai")]
    OpenAi,
    /// Azure OpenAI.
    #[serde(rename = "azure_openai")]
    AzureOpenAi,
    /// Anthropic.
    Anthropic,
    /// Google's Gemini API (AI Studio).
    Google,
    /// Google Vertex AI.
    VertexAi,
    /// Amazon Bedrock.
    Bedrock,
    /// Voyage, for embeddings.
    Voyage,
    /// Mistral.
    Mistral,
    /// Cohere, in OpenAI's format.
    Cohere,
    /// Groq.
    Groq,
    /// xAI.
    #[serde(rename = "xai")]
    XAi,
    /// DeepSeek.
    #[serde(rename = "deepseek")]
    DeepSeek,
    /// OpenRouter.
    #[serde(rename = "openrouter")]
    OpenRouter,
}

/// The provider's name as people write it.
impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::AzureOpenAi => "Azure OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Google => "Google's Gemini API",
            Self::VertexAi => "Vertex AI",
            Self::Bedrock => "Amazon Bedrock",
            Self::Voyage => "Voyage",
            Self::Mistral => "Mistral",
            Self::Cohere => "Cohere",
            Self::Groq => "Groq",
            Self::XAi => "xAI",
            Self::DeepSeek => "DeepSeek",
            Self::OpenRouter => "OpenRouter",
        })
    }
}

impl Provider {
    /// `gen_ai.provider.name`: the conventions' word, or one of the same form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::AzureOpenAi => "azure.ai.openai",
            Self::Anthropic => "anthropic",
            Self::Google => "gcp.gemini",
            Self::VertexAi => "gcp.vertex_ai",
            Self::Bedrock => "aws.bedrock",
            Self::Voyage => "voyage_ai",
            Self::Mistral => "mistral_ai",
            Self::Cohere => "cohere",
            Self::Groq => "groq",
            Self::XAi => "x_ai",
            Self::DeepSeek => "deepseek",
            Self::OpenRouter => "openrouter",
        }
    }

    /// The provider that a model's name tells, and the name without the provider's.
    ///
    /// `None` for a name that tells nothing. `GPT-4o` counts as `gpt-4o`; the name is given back as it
    /// was written.
    ///
    /// ```
    /// use tracing_genai::provider::Provider;
    ///
    /// assert_eq!(Provider::of_model("claude-sonnet-4-5"), Some((Provider::Anthropic, "claude-sonnet-4-5")));
    /// assert_eq!(Provider::of_model("openai/gpt-4o"), Some((Provider::OpenAi, "gpt-4o")));
    /// assert_eq!(Provider::of_model("llama-3"), None);
    /// ```
    pub fn of_model(model: &str) -> Option<(Self, &str)> {
        let model = model.trim();
        let name = model.to_ascii_lowercase();
        if let Some(provider) = by_name(&name) {
            return Some((provider, model));
        }
        let (prefix, _) = name.split_once('/')?;
        let (_, provider) = PREFIXES.into_iter().find(|(known, _)| *known == prefix)?;
        let rest = model.get(prefix.len() + 1..).filter(|rest| !rest.is_empty())?;
        Some((provider, rest))
    }
}

/// Names of providers before a slash, as routers and agents' frameworks write them.
const PREFIXES: [(&str, Provider); 19] = [
    ("openai", Provider::OpenAi),
    ("azure", Provider::AzureOpenAi),
    ("anthropic", Provider::Anthropic),
    ("google", Provider::Google),
    ("gemini", Provider::Google),
    ("vertex", Provider::VertexAi),
    ("vertex_ai", Provider::VertexAi),
    ("bedrock", Provider::Bedrock),
    ("amazon_bedrock", Provider::Bedrock),
    ("voyage", Provider::Voyage),
    ("voyageai", Provider::Voyage),
    ("mistral", Provider::Mistral),
    ("mistralai", Provider::Mistral),
    ("cohere", Provider::Cohere),
    ("groq", Provider::Groq),
    ("xai", Provider::XAi),
    ("x-ai", Provider::XAi),
    ("deepseek", Provider::DeepSeek),
    ("openrouter", Provider::OpenRouter),
];

/// How the names of a provider's models begin, apart from Bedrock's and OpenAI's `o` series.
const BEGINNINGS: [(&str, Provider); 39] = [
    ("gpt-", Provider::OpenAi),
    ("chatgpt-", Provider::OpenAi),
    ("text-embedding-3-", Provider::OpenAi),
    ("text-embedding-ada-", Provider::OpenAi),
    ("ft:", Provider::OpenAi),
    ("codex-", Provider::OpenAi),
    ("computer-use-", Provider::OpenAi),
    ("davinci-", Provider::OpenAi),
    ("babbage-", Provider::OpenAi),
    ("claude-", Provider::Anthropic),
    ("gemini-", Provider::Google),
    ("models/gemini-", Provider::Google),
    ("gemma-", Provider::Google),
    ("models/gemma-", Provider::Google),
    ("learnlm-", Provider::Google),
    ("tunedmodels/", Provider::Google),
    ("text-embedding-0", Provider::Google),
    ("models/text-embedding-0", Provider::Google),
    ("text-multilingual-embedding-", Provider::Google),
    ("embedding-001", Provider::Google),
    ("voyage-", Provider::Voyage),
    ("mistral-", Provider::Mistral),
    ("ministral-", Provider::Mistral),
    ("magistral-", Provider::Mistral),
    ("codestral-", Provider::Mistral),
    ("devstral-", Provider::Mistral),
    ("pixtral-", Provider::Mistral),
    ("voxtral-", Provider::Mistral),
    ("open-mistral-", Provider::Mistral),
    ("open-mixtral-", Provider::Mistral),
    ("command-", Provider::Cohere),
    ("embed-english-", Provider::Cohere),
    ("embed-multilingual-", Provider::Cohere),
    ("embed-v", Provider::Cohere),
    ("c4ai-", Provider::Cohere),
    ("grok-", Provider::XAi),
    ("deepseek-chat", Provider::DeepSeek),
    ("deepseek-reasoner", Provider::DeepSeek),
    ("deepseek-v", Provider::DeepSeek),
];

/// Whose models Amazon Bedrock has, before the first dot.
const BEDROCK_VENDORS: [&str; 20] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "zai",
    "xai",
];

/// Where an inference profile of Amazon Bedrock runs, before the vendor.
pub(super) const BEDROCK_REGIONS: [&str; 12] =
    ["us", "us-gov", "eu", "ap", "apac", "sa", "ca", "me", "af", "au", "jp", "global"];

/// In the order of Tracia's SDKs: Bedrock before the others, since its names hold theirs.
fn by_name(name: &str) -> Option<Provider> {
    if is_bedrock(name) {
        return Some(Provider::Bedrock);
    }
    if is_o_series(name) {
        return Some(Provider::OpenAi);
    }
    BEGINNINGS.into_iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, provider)| provider)
}

fn is_bedrock(name: &str) -> bool {
    if name.starts_with("arn:") {
        return name.contains(":bedrock:") || name.contains(":sagemaker:");
    }
    let Some((first, rest)) = name.split_once('.') else { return false };
    let vendor = if BEDROCK_REGIONS.contains(&first) { rest.split('.').next() } else { Some(first) };
    vendor.is_some_and(|vendor| BEDROCK_VENDORS.contains(&vendor))
}

/// `o1`, `o3-mini`, `o4-mini-2025-04-16`, and those to come.
fn is_o_series(name: &str) -> bool {
    let number = name.strip_prefix('o').unwrap_or_default();
    let after = number.trim_start_matches(|character: char| character.is_ascii_digit());
    after.len() < number.len() && (after.is_empty() || after.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(model: &str) -> Option<Provider> {
        Provider::of_model(model).map(|(provider, _)| provider)
    }

    #[test]
    fn the_name_of_a_model_tells_its_provider() {
        for (model, expected) in [
            ("gpt-4o", Provider::OpenAi),
            ("GPT-4o", Provider::OpenAi),
            ("o1", Provider::OpenAi),
            ("o4-mini-2025-04-16", Provider::OpenAi),
            ("chatgpt-4o-latest", Provider::OpenAi),
            ("codex-mini", Provider::OpenAi),
            ("text-embedding-3-small", Provider::OpenAi),
            ("text-embedding-004", Provider::Google),
            ("text-embedding-005", Provider::Google),
            ("gemini-embedding-001", Provider::Google),
            ("claude-3-haiku-20240307", Provider::Anthropic),
            ("voyage-code-3", Provider::Voyage),
            ("mistral-large-latest", Provider::Mistral),
            ("command-r-plus", Provider::Cohere),
        ] {
            assert_eq!(provider(model), Some(expected), "{model}");
        }
    }

    #[test]
    fn bedrock_has_vendors_regions_and_arns() {
        for model in [
            "anthropic.claude-3-haiku-20240307-v1:0",
            "us.amazon.nova-lite-v1:0",
            "apac.anthropic.claude-sonnet-4-20250514-v1:0",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us-gov.anthropic.claude-3-5-sonnet-20240620-v1:0",
            "jp.anthropic.claude-haiku-4-5-20251001-v1:0",
            "openai.gpt-oss-120b-1:0",
            "ai21.jamba-1-5-mini-v1:0",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
        ] {
            assert_eq!(provider(model), Some(Provider::Bedrock), "{model}");
        }
    }

    #[test]
    fn a_providers_name_before_a_slash_is_no_part_of_the_models() {
        assert_eq!(Provider::of_model("openai/gpt-4o"), Some((Provider::OpenAi, "gpt-4o")));
        assert_eq!(Provider::of_model("gemini/gemini-2.5-pro"), Some((Provider::Google, "gemini-2.5-pro")));
        assert_eq!(
            Provider::of_model("bedrock/us.amazon.nova-lite-v1:0"),
            Some((Provider::Bedrock, "us.amazon.nova-lite-v1:0"))
        );
        assert_eq!(
            Provider::of_model("groq/meta-llama/llama-4"),
            Some((Provider::Groq, "meta-llama/llama-4"))
        );
    }

    #[test]
    fn a_name_that_tells_nothing_is_nobodys() {
        for model in ["", "llama-3", "o", "opus", "o1x", "openai/", "meta-llama/llama-4", "qwen2.5:7b"] {
            assert_eq!(provider(model), None, "{model}");
        }
    }
}
