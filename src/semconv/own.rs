//! The few names of our own.

/// `tracing_genai.outcome`, string: `done`, `failed` or `abandoned`. The conventions have no name
/// for a call whose caller went away, which is neither a success nor an error.
pub const TRACING_GENAI_OUTCOME: &str = "tracing_genai.outcome";
