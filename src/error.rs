use crate::{
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
};
use std::{error::Error as StdError, fmt};

/// What went wrong, in a person's words, with what a program needs to act on it.
///
/// The message never holds the client's key, nor what looks like one. [`kind`](Self::kind) is the same for every provider;
/// [`info`](Self::info) has the provider's own code, the HTTP status, the request id and the rest.
pub struct Error(Box<Inner>);

struct Inner {
    info: ErrorInfo,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        ErrorInfo::new(kind, scrub_secrets(message.as_ref())).into()
    }

    /// A missing or wrong setting: nothing was sent.
    pub(crate) fn configuration(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error for another who has it, without its source.
    #[cfg(feature = "bedrock")]
    pub(crate) fn again(&self) -> Self {
        self.info().clone().into()
    }

    pub(crate) fn info_mut(&mut self) -> &mut ErrorInfo {
        &mut self.0.info
    }

    /// The kind, the same for every provider.
    pub fn kind(&self) -> ErrorKind {
        self.0.info.kind
    }

    /// Everything that is known of it.
    pub fn info(&self) -> &ErrorInfo {
        &self.0.info
    }

    /// The HTTP status, if an answer came.
    pub fn http_status(&self) -> Option<u16> {
        self.0.info.http_status
    }
}

impl From<ErrorInfo> for Error {
    fn from(info: ErrorInfo) -> Self {
        Self(Box::new(Inner { info, source: None }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        formatter.write_str(&info.message)?;
        if let Some(body) = &info.body {
            write!(formatter, ": {body}")?;
        }
        if let Some(status) = info.http_status {
            write!(formatter, " (HTTP {status}")?;
            // A code that is a number repeats the status.
            let is_word = |word: &&String| !word.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(word) = [&info.code, &info.provider_type].into_iter().flatten().find(is_word) {
                write!(formatter, ", {word}")?;
            }
            formatter.write_str(")")?;
        }
        if let Some(hint) = &info.hint {
            write!(formatter, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// What it says, which is what a `main` that returns it prints; `{:#?}` has every part.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if formatter.alternate() {
            return formatter
                .debug_struct("Error")
                .field("info", self.info())
                .field("source", &self.0.source)
                .finish();
        }
        write!(formatter, "{self} [{}]", self.kind().name())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
