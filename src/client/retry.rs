//! When a call is tried again, and after how long.

use crate::{
    record::{ErrorInfo, ErrorKind},
    transport::{LONGEST_ASKED, back_off, random},
};
use std::time::Duration;

/// How often a call is tried again unless told otherwise, as in OpenAI's and Anthropic's own clients.
pub(super) const MAX_RETRIES: u32 = 2;

/// How often a call is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) max_retries: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_retries: MAX_RETRIES }
    }
}

/// An attempt that failed.
pub(super) struct Attempt<'a> {
    /// From 1.
    pub(super) number: u32,
    pub(super) error: &'a ErrorInfo,
    /// What the provider says of another attempt, if it does.
    pub(super) should_retry: Option<bool>,
}

impl Retry {
    /// How long to wait before the next attempt; `None` if there is to be none.
    pub(super) fn wait(self, attempt: &Attempt<'_>) -> Option<Duration> {
        if attempt.number > self.max_retries || !attempt.is_worth_another() {
            return None;
        }
        match attempt.error.retry_after {
            Some(asked) => (asked <= LONGEST_ASKED).then_some(asked),
            None => Some(back_off(attempt.number, random())),
        }
    }
}

impl Attempt<'_> {
    fn is_worth_another(&self) -> bool {
        let error = self.error;
        // A used-up quota comes as 429 too, and no wait mends it.
        let is_hopeless =
            matches!(error.code.as_deref(), Some("insufficient_quota" | "billing_hard_limit_reached"));
        let by_error = match error.http_status {
            None | Some(200..=299) => matches!(error.kind, ErrorKind::Connection | ErrorKind::Timeout),
            Some(status) => matches!(status, 408 | 409 | 429 | 500..=599),
        };
        self.should_retry.unwrap_or(by_error && !is_hopeless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: ErrorKind, status: impl Into<Option<u16>>) -> ErrorInfo {
        let mut error = ErrorInfo::new(kind, "");
        error.http_status = status.into();
        error
    }

    fn wait(number: u32, error: &ErrorInfo) -> Option<Duration> {
        Retry::default().wait(&Attempt { number, error, should_retry: None })
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        for (error, again) in [
            (failed(ErrorKind::Connection, None), true),
            (failed(ErrorKind::Timeout, None), true),
            (failed(ErrorKind::Timeout, 408), true),
            (failed(ErrorKind::RateLimited, 429), true),
            (failed(ErrorKind::Server, 500), true),
            (failed(ErrorKind::Overloaded, 529), true),
            (failed(ErrorKind::InvalidRequest, 400), false),
            (failed(ErrorKind::Authentication, 401), false),
            (failed(ErrorKind::Configuration, None), false),
            (failed(ErrorKind::Protocol, 200), false),
        ] {
            assert_eq!(wait(1, &error).is_some(), again, "{error:?}");
        }
    }

    #[test]
    fn a_used_up_quota_is_not_tried_again() {
        let mut error = failed(ErrorKind::RateLimited, 429);
        error.code = Some("insufficient_quota".to_owned());
        assert_eq!(wait(1, &error), None);
    }

    #[test]
    fn a_wait_that_the_provider_asks_for_is_kept_unless_it_is_too_long() {
        let mut error = failed(ErrorKind::RateLimited, 429);
        error.retry_after = Some(Duration::from_secs(7));
        assert_eq!(wait(1, &error), Some(Duration::from_secs(7)));
        error.retry_after = Some(Duration::from_secs(61));
        assert_eq!(wait(1, &error), None);
    }

    #[test]
    fn what_the_provider_says_of_another_attempt_goes_first() {
        let error = failed(ErrorKind::Server, 500);
        let attempt = |should_retry| Attempt { number: 1, error: &error, should_retry };
        assert_eq!(Retry::default().wait(&attempt(Some(false))), None);
        let error = failed(ErrorKind::InvalidRequest, 400);
        let attempt = Attempt { number: 1, error: &error, should_retry: Some(true) };
        assert!(Retry::default().wait(&attempt).is_some());
    }

    #[test]
    fn there_is_an_end() {
        let error = failed(ErrorKind::Connection, None);
        assert!(wait(MAX_RETRIES, &error).is_some());
        assert_eq!(wait(MAX_RETRIES + 1, &error), None);
        assert_eq!(
            Retry { max_retries: 0 }.wait(&Attempt { number: 1, error: &error, should_retry: None }),
            None
        );
    }
}
