//! The few names of our own.

/// `tracing_genai.outcome`, string: `done`, `failed` or `abandoned`. The conventions have no name
/// for a call whose caller went away, which is neither a success nor an error.
pub const TRACING_GENAI_OUTCOME: &str = "tracing_genai.outcome";

/// `tracing_genai.attempts`, integer: how often a call was tried, the first time included; absent for
/// one. The conventions count resends on the HTTP client's own spans alone.
pub const TRACING_GENAI_ATTEMPTS: &str = "tracing_genai.attempts";

/// `tracing_genai.tags`, array of strings: the tags of the scope that a span is in. The conventions have no
/// name for tags.
pub const TRACING_GENAI_TAGS: &str = "tracing_genai.tags";
