//! Which family a model is of.

/// What stands before the vendor's name, and what the family is called.
const FAMILIES: [(&str, &str); 18] = [
    ("amazon.nova", "nova"),
    ("amazon.titan", "titan"),
    ("amazon.", "amazon"),
    ("anthropic.", "anthropic"),
    ("meta.", "llama"),
    ("mistral.", "mistral"),
    ("cohere.", "cohere"),
    ("ai21.", "ai21"),
    ("deepseek.", "deepseek"),
    ("openai.", "openai"),
    ("qwen.", "qwen"),
    ("google.", "google"),
    ("writer.", "writer"),
    ("moonshot", "moonshot"),
    ("minimax.", "minimax"),
    ("nvidia.", "nvidia"),
    ("stability.", "stability"),
    ("twelvelabs.", "twelvelabs"),
];

/// The family of a model, by its id, that of an inference profile, or the ARN of either: the vendor, or
/// the vendor's line of models where that is what people name. `None` for one that does not show it, such as
/// the ARN of an application's own profile or of an endpoint.
///
/// ```
/// use tracing_genai::provider::bedrock::model_family;
///
/// assert_eq!(model_family("us.anthropic.claude-sonnet-4-20250514-v1:0"), Some("anthropic"));
/// assert_eq!(model_family("amazon.nova-micro-v1:0"), Some("nova"));
/// assert_eq!(model_family("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-70b-instruct-v1:0"), Some("llama"));
/// assert_eq!(model_family("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"), None);
/// ```
pub fn model_family(model: &str) -> Option<&'static str> {
    let id = model.rsplit('/').next().unwrap_or(model);
    // An inference profile is named by where it runs, and then by the model.
    let profile = id.split_once('.').map(|(_, rest)| rest);
    let of =
        |id: &str| FAMILIES.into_iter().find(|(start, _)| id.starts_with(start)).map(|(_, family)| family);
    of(id).or_else(|| profile.and_then(of))
}
