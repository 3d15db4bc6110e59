//! Names of Tracia: attributes that a program may set, and the keys of what is sent there. What becomes of them:
//! [`vocabulary::tracia`](crate::vocabulary::tracia).

/// `tracia.span_id`, string: the id that a call is to have in Tracia, `sp_` (or `tr_`) and 16 hex digits, in
/// place of the span's own.
pub const TRACIA_SPAN_ID: &str = "tracia.span_id";

/// `tracia.trace_id`, string: the id that the trace is to have in Tracia, `tr_` and 16 hex digits, in place of the
/// last 16 digits of its own.
pub const TRACIA_TRACE_ID: &str = "tracia.trace_id";

/// `tracia.parent_span_id`, string: the id in Tracia of the call before this one, for a call that has no other
/// above it.
pub const TRACIA_PARENT_SPAN_ID: &str = "tracia.parent_span_id";

/// `tracia.variables`, string: a JSON object of the variables that a prompt was made with. It is content, and
/// no destination without content gets it.
pub const TRACIA_VARIABLES: &str = "tracia.variables";

/// `tracia.tags`, array of strings: tags besides those of the scope.
pub const TRACIA_TAGS: &str = "tracia.tags";

/// Keys of the object that is posted for a call, and for an evaluation.
#[cfg(feature = "export")]
pub(crate) mod keys {
    pub(crate) const SPAN_ID: &str = "spanId";
    pub(crate) const TRACE_ID: &str = "traceId";
    pub(crate) const PARENT_SPAN_ID: &str = "parentSpanId";
    pub(crate) const SPAN_KIND: &str = "spanKind";
    pub(crate) const MODEL: &str = "model";
    pub(crate) const PROVIDER: &str = "provider";
    pub(crate) const INPUT: &str = "input";
    pub(crate) const VARIABLES: &str = "variables";
    pub(crate) const OUTPUT: &str = "output";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const ERROR: &str = "error";
    pub(crate) const LATENCY_MS: &str = "latencyMs";
    pub(crate) const INPUT_TOKENS: &str = "inputTokens";
    pub(crate) const OUTPUT_TOKENS: &str = "outputTokens";
    pub(crate) const TOTAL_TOKENS: &str = "totalTokens";
    pub(crate) const TAGS: &str = "tags";
    pub(crate) const USER_ID: &str = "userId";
    pub(crate) const SESSION_ID: &str = "sessionId";
    pub(crate) const TEMPERATURE: &str = "temperature";
    pub(crate) const MAX_OUTPUT_TOKENS: &str = "maxOutputTokens";
    pub(crate) const TOP_P: &str = "topP";
    pub(crate) const TOOLS: &str = "tools";
    pub(crate) const TOOL_CALLS: &str = "toolCalls";

    pub(crate) const EVALUATOR_KEY: &str = "evaluatorKey";
    pub(crate) const VALUE: &str = "value";
    pub(crate) const NOTE: &str = "note";
}
