//! The providers that Tracia knows.

/// Every word that Tracia has for a provider.
const WORDS: [&str; 5] = ["openai", "anthropic", "google", "amazon_bedrock", "voyage"];

/// Tracia's own spelling of one of its words.
pub(crate) fn word(text: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|word| *word == text)
}

/// Tracia's word for the provider that a span names; else that which Tracia takes its model to be of.
pub(super) fn of(provider: Option<&str>, model: &str) -> Option<&'static str> {
    provider.and_then(of_name).or_else(|| of_model(model))
}

/// Whether Tracia takes a call of this provider's model.
#[cfg(feature = "client")]
pub(crate) fn knows(provider: &str, model: &str) -> bool {
    of(Some(provider), model).is_some()
}

fn of_name(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "openai" | "azure.ai.openai" => "openai",
        "anthropic" => "anthropic",
        "gcp.gemini" | "gcp.gen_ai" | "gcp.vertex_ai" => "google",
        "aws.bedrock" => "amazon_bedrock",
        "voyage" | "voyage_ai" => "voyage",
        _ => return None,
    })
}

/// Models of Tracia's own list whose names do not begin like others of their provider.
const LISTED: [(&str, &str); 5] = [
    ("chatgpt-4o-latest", "openai"),
    ("text-embedding-3-large", "openai"),
    ("text-embedding-3-small", "openai"),
    ("text-embedding-ada-002", "openai"),
    ("text-embedding-004", "google"),
];

/// How names of models begin, by provider.
const PREFIXES: [(&str, &str); 7] = [
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "google"),
    ("voyage-", "voyage"),
];

/// Whose models Bedrock has, and the regions that may stand before these.
const VENDORS: [&str; 6] = ["anthropic.", "amazon.", "meta.", "mistral.", "cohere.", "deepseek."];
const REGIONS: [&str; 7] = ["us.", "eu.", "ap.", "sa.", "ca.", "me.", "af."];

/// As both of Tracia's SDKs find the provider.
fn of_model(model: &str) -> Option<&'static str> {
    if let Some((_, provider)) = LISTED.into_iter().find(|(name, _)| *name == model) {
        return Some(provider);
    }
    let bare = REGIONS.into_iter().find_map(|region| model.strip_prefix(region)).unwrap_or(model);
    if VENDORS.into_iter().any(|vendor| bare.starts_with(vendor)) {
        return Some("amazon_bedrock");
    }
    PREFIXES.into_iter().find(|(prefix, _)| model.starts_with(prefix)).map(|(_, provider)| provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_tracia_has_is_taken_by_its_name() {
        for (name, word) in [
            ("openai", "openai"),
            ("azure.ai.openai", "openai"),
            ("anthropic", "anthropic"),
            ("gcp.gemini", "google"),
            ("gcp.gen_ai", "google"),
            ("gcp.vertex_ai", "google"),
            ("aws.bedrock", "amazon_bedrock"),
            ("voyage_ai", "voyage"),
        ] {
            assert_eq!(of(Some(name), "my-model"), Some(word), "{name}");
        }
    }

    #[test]
    fn the_provider_goes_before_the_model() {
        assert_eq!(of(Some("aws.bedrock"), "claude-x"), Some("amazon_bedrock"));
    }

    #[test]
    fn another_provider_is_known_by_its_model_as_in_tracias_sdks() {
        for (model, word) in [
            ("gpt-999", Some("openai")),
            ("o1anything", Some("openai")),
            ("claude-3", Some("anthropic")),
            ("gemini-embedding-001", Some("google")),
            ("voyage-3", Some("voyage")),
            ("us.anthropic.claude-x", Some("amazon_bedrock")),
            ("amazon.nova-lite-v1:0", Some("amazon_bedrock")),
            ("text-embedding-3-small", Some("openai")),
            ("text-embedding-004", Some("google")),
            ("chatgpt-4o-latest", Some("openai")),
            ("apac.anthropic.x", None),
            ("global.anthropic.x", None),
            ("openai/gpt-4o", None),
            ("GPT-4o", None),
            ("text-embedding-005", None),
            ("codex-mini", None),
            ("", None),
        ] {
            assert_eq!(of(Some("groq"), model), word, "{model}");
            assert_eq!(of(None, model), word, "{model}");
        }
    }
}
