use crate::{
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
};
use std::{cell::RefCell, error::Error as StdError, fmt};

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
    #[cfg(feature = "client")]
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
        let is_told = tell(info);
        formatter.write_str(&info.message)?;
        // It is content, which a span has by its policy.
        if let Some(body) = info.body.as_ref().filter(|_| !is_told) {
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

thread_local! {
    /// Where the first error of ours to be shown leaves what is known of it, while somebody asks.
    static TOLD: RefCell<Option<Option<ErrorInfo>>> = const { RefCell::new(None) };
}

/// The text of an error and, where that shows an error of ours, what is known of it. What hides one need
/// not be `'static`, nor any type that we know of, so there is nothing to downcast.
pub(crate) fn told_by(render: impl FnOnce() -> String) -> (String, Option<ErrorInfo>) {
    /// Takes the question back, from a `Display` that panics too.
    struct Asked;
    impl Drop for Asked {
        fn drop(&mut self) {
            let _ = TOLD.try_with(RefCell::take);
        }
    }
    let asked = TOLD.try_with(|told| told.replace(Some(None)));
    let _asked = asked.is_ok().then_some(Asked);
    let text = render();
    (text, TOLD.try_with(|told| told.take().flatten()).ok().flatten())
}

/// Whether somebody asks, and is told.
fn tell(info: &ErrorInfo) -> bool {
    let tell = |told: &RefCell<Option<Option<ErrorInfo>>>| match &mut *told.borrow_mut() {
        Some(told) => {
            told.get_or_insert_with(|| info.clone());
            true
        }
        None => false,
    };
    TOLD.try_with(tell).unwrap_or(false)
}
