use crate::{
    capture::redact::scrub_secrets,
    record::{ErrorInfo, ErrorKind},
    vocabulary::tracia::ErrorCode,
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
    /// Where the kind does not tell it.
    tracia_code: Option<ErrorCode>,
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

    pub(crate) fn with_tracia_code(mut self, code: ErrorCode) -> Self {
        self.0.tracia_code = Some(code);
        self
    }

    /// The same error for another who has it, without its source.
    #[cfg(feature = "client")]
    pub(crate) fn again(&self) -> Self {
        let mut again = Self::from(self.info().clone());
        again.0.tracia_code = self.0.tracia_code;
        again
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

    /// The code that Tracia's SDKs have for it, whoever it comes from: for a program that knows these.
    /// [`info().code`](ErrorInfo::code) is another thing, the word that the server itself wrote.
    ///
    /// | code | [kind](Self::kind) | of |
    /// |---|---|---|
    /// | `UNAUTHORIZED`, `NOT_FOUND`, `CONFLICT`, `MISSING_VARIABLES`, `MISSING_PROVIDER_KEY` | by the HTTP status | Tracia's API, where the body says so |
    /// | `INVALID_REQUEST` | [`Configuration`](ErrorKind::Configuration); [`InvalidRequest`](ErrorKind::InvalidRequest) without an answer | what is wrong before anything is sent; Tracia's API, where the body says so |
    /// | `PROVIDER_ERROR` | every one not named here | a provider's refusal or failure; Tracia's API, where the body says so |
    /// | `NETWORK_ERROR` | [`Connection`](ErrorKind::Connection) | any |
    /// | `TIMEOUT` | [`Timeout`](ErrorKind::Timeout) | any, but not an answer of Tracia's API |
    /// | `ABORTED` | [`Cancelled`](ErrorKind::Cancelled) | any |
    /// | `MISSING_PROVIDER_API_KEY` | [`Configuration`](ErrorKind::Configuration) | a call of `Client` without what the provider asks for: its key, its address, its region |
    /// | `UNSUPPORTED_MODEL` | [`Configuration`](ErrorKind::Configuration) | a call of a model whose provider is not known, or that has no such models |
    /// | `UNKNOWN` | any | an answer of Tracia's API without one of its codes, or one that cannot be read; [`Other`](ErrorKind::Other) |
    ///
    /// Tracia's SDKs call a provider that was not reached, or not in time, `PROVIDER_ERROR`; here it is
    /// `NETWORK_ERROR` and `TIMEOUT`, as at Tracia itself. What they lack is beside it:
    /// [`http_status`](Self::http_status), [`retry_after`](ErrorInfo::retry_after) and the
    /// [kind](Self::kind). As with them, the status of an answer of Tracia's API alone gives no code: a page of
    /// a proxy with a `404` is `UNKNOWN`, and no prompt is missing.
    pub fn tracia_code(&self) -> ErrorCode {
        self.0.tracia_code.unwrap_or_else(|| code_of(self.info()))
    }
}

/// What the kind tells.
fn code_of(info: &ErrorInfo) -> ErrorCode {
    // A parameter that the API lacks is found before it is asked; an error in a stream has words of the provider.
    let is_answered = info.http_status.is_some() || info.code.is_some() || info.provider_type.is_some();
    match info.kind {
        ErrorKind::Configuration => ErrorCode::InvalidRequest,
        ErrorKind::InvalidRequest if !is_answered => ErrorCode::InvalidRequest,
        ErrorKind::Connection => ErrorCode::NetworkError,
        ErrorKind::Timeout => ErrorCode::Timeout,
        ErrorKind::Cancelled => ErrorCode::Aborted,
        ErrorKind::Other => ErrorCode::Unknown,
        ErrorKind::Authentication
        | ErrorKind::Permission
        | ErrorKind::NotFound
        | ErrorKind::InvalidRequest
        | ErrorKind::RateLimited
        | ErrorKind::Overloaded
        | ErrorKind::Server
        | ErrorKind::ContentRefused
        | ErrorKind::ContextTooLong
        | ErrorKind::Protocol => ErrorCode::ProviderError,
    }
}

impl From<ErrorInfo> for Error {
    fn from(info: ErrorInfo) -> Self {
        Self(Box::new(Inner { info, source: None, tracia_code: None }))
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
