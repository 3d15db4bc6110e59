use std::fmt;

/// What went wrong, in the words of Tracia's SDKs: see [`Error::tracia_code`](crate::Error::tracia_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `UNAUTHORIZED`: Tracia does not take the API key.
    Unauthorized,
    /// `NOT_FOUND`: Tracia has no such prompt or span.
    NotFound,
    /// `CONFLICT`: there is one of that name already.
    Conflict,
    /// `MISSING_VARIABLES`: a prompt was run without all of its variables.
    MissingVariables,
    /// `MISSING_PROVIDER_KEY`: Tracia's dashboard has no key of the provider that a prompt is to run at.
    MissingProviderKey,
    /// `INVALID_REQUEST`: the request is wrong, as Tracia says or as is seen before it is sent.
    InvalidRequest,
    /// `PROVIDER_ERROR`: the provider of the model refused or failed.
    ProviderError,
    /// `NETWORK_ERROR`: no connection, or a broken one.
    NetworkError,
    /// `TIMEOUT`: no answer in time.
    Timeout,
    /// `ABORTED`: the call was given up.
    Aborted,
    /// `MISSING_PROVIDER_API_KEY`: the calling client has no key of the provider.
    MissingProviderApiKey,
    /// `UNSUPPORTED_MODEL`: the calling client cannot call the model.
    UnsupportedModel,
    /// `UNKNOWN`: anything else.
    Unknown,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::Unauthorized,
        Self::NotFound,
        Self::Conflict,
        Self::MissingVariables,
        Self::MissingProviderKey,
        Self::InvalidRequest,
        Self::ProviderError,
        Self::NetworkError,
        Self::Timeout,
        Self::Aborted,
        Self::MissingProviderApiKey,
        Self::UnsupportedModel,
        Self::Unknown,
    ];

    /// The word of Tracia's SDKs, such as `NOT_FOUND`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::MissingVariables => "MISSING_VARIABLES",
            Self::MissingProviderKey => "MISSING_PROVIDER_KEY",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::ProviderError => "PROVIDER_ERROR",
            Self::NetworkError => "NETWORK_ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Aborted => "ABORTED",
            Self::MissingProviderApiKey => "MISSING_PROVIDER_API_KEY",
            Self::UnsupportedModel => "UNSUPPORTED_MODEL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The code that Tracia's server writes so; the others are never its own.
    pub(crate) fn of_server(word: &str) -> Option<Self> {
        let of_server = Self::ALL.iter().take_while(|code| **code != Self::NetworkError);
        of_server.copied().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn the_words_of_the_server_stand_for_themselves_and_no_others() {
        for word in [
            "UNAUTHORIZED",
            "NOT_FOUND",
            "CONFLICT",
            "MISSING_VARIABLES",
            "MISSING_PROVIDER_KEY",
            "INVALID_REQUEST",
            "PROVIDER_ERROR",
        ] {
            assert_eq!(ErrorCode::of_server(word).map(ErrorCode::as_str), Some(word));
        }
        for word in ["", "not_found", "TIMEOUT", "NETWORK_ERROR", "UNKNOWN", "TEAPOT"] {
            assert_eq!(ErrorCode::of_server(word), None, "{word}");
        }
    }

    #[test]
    fn each_code_has_a_word_of_its_own() {
        let words: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }
}
