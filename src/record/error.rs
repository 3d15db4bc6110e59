use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What went wrong in an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorInfo {
    /// The kind, the same for every provider.
    pub kind: ErrorKind,
    /// What it says, with keys taken out.
    pub message: String,
    /// What mends it, where the provider's words do not say it.
    pub hint: Option<String>,
    /// The HTTP status, if an answer came; `None` for an error inside a stream.
    pub http_status: Option<u16>,
    /// The provider's code, such as `rate_limit_exceeded`.
    pub code: Option<String>,
    /// The provider's type, such as `invalid_request_error`.
    pub provider_type: Option<String>,
    /// The parameter that was wrong.
    pub param: Option<String>,
    /// What else the provider says of it, each as it was sent (Google `error.details`).
    pub details: Vec<serde_json::Value>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// The first bytes of an answer that could not be read. They may repeat what was asked, so they
    /// are content: the caller sees them, a span only as the content policy allows.
    pub body: Option<String>,
}

/// The kind of an error, the same for every provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key is missing, wrong or expired.
    Authentication,
    /// The key may not do this.
    Permission,
    /// No such model or address.
    NotFound,
    /// The provider refuses the request as it is.
    InvalidRequest,
    /// Too many requests or tokens, or the quota is used up.
    RateLimited,
    /// The provider is overloaded or down.
    Overloaded,
    /// The provider failed (any other 5xx).
    Server,
    /// A content filter refused.
    ContentRefused,
    /// The prompt is longer than the model takes.
    ContextTooLong,
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// The call was cancelled.
    Cancelled,
    /// The answer is not what the protocol promises.
    Protocol,
    /// A setting of ours is missing or wrong; nothing was sent.
    Configuration,
    /// Anything else.
    Other,
}

impl ErrorInfo {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            http_status: None,
            code: None,
            provider_type: None,
            param: None,
            details: Vec::new(),
            retry_after: None,
            request_id: None,
            body: None,
        }
    }

    /// The value of `error.type`: the provider's code, else its type, else the HTTP status, else
    /// the name of the [kind](ErrorKind::name).
    ///
    /// A code that is only a number repeats the status, and a word longer than 64 bytes or with
    /// blanks is no identifier; both are passed over, so that the value stays of low cardinality.
    pub fn error_type(&self) -> String {
        let word = |text: &Option<String>| {
            text.clone().filter(|word| {
                !word.is_empty()
                    && word.len() <= 64
                    && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
                    && !word.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        word(&self.code)
            .or_else(|| word(&self.provider_type))
            .or_else(|| self.http_status.filter(|status| *status >= 400).map(|status| status.to_string()))
            .unwrap_or_else(|| self.kind.name().to_owned())
    }
}

impl ErrorKind {
    /// A short name: the last resort of `error.type`, `_OTHER` for [`ErrorKind::Other`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::InvalidRequest => "invalid_request",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server_error",
            Self::ContentRefused => "content_refused",
            Self::ContextTooLong => "context_too_long",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Cancelled => "cancelled",
            Self::Protocol => "protocol",
            Self::Configuration => "configuration",
            Self::Other => "_OTHER",
        }
    }

    /// The kind that an HTTP status means when the body says nothing better.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::InvalidRequest,
            500..=599 => Self::Server,
            _ => Self::Protocol,
        }
    }
}
