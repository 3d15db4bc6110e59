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

/// `tracing_genai.span_id`, string: the id that the program gave a call, as it gave it. OpenTelemetry's own id of the
/// span is another.
pub const TRACING_GENAI_SPAN_ID: &str = "tracing_genai.span_id";

/// `tracing_genai.trace_id`, string: the id that the program gave the trace of a call, as it gave it.
pub const TRACING_GENAI_TRACE_ID: &str = "tracing_genai.trace_id";

/// `tracing_genai.parent_span_id`, string: the id of the call before a call, as the program gave it.
pub const TRACING_GENAI_PARENT_SPAN_ID: &str = "tracing_genai.parent_span_id";

/// `tracing_genai.operation.name`, string: the operation's own name, on a span for a back end that knows it only by
/// another (PostHog has every generation as `chat`).
pub const TRACING_GENAI_OPERATION_NAME: &str = "tracing_genai.operation.name";

/// `tracing_genai.truncated`, boolean: texts of the span were cut, since it was larger than its destination takes.
pub const TRACING_GENAI_TRUNCATED: &str = "tracing_genai.truncated";
