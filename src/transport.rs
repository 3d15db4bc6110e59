//! What every client that sends with `reqwest` has in common: failures of the transport in words, and waits
//! before another try.

use crate::record::{ErrorInfo, ErrorKind};
use std::{
    error::Error as StdError,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// The first wait, which doubles.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of our own choice.
const LONGEST: Duration = Duration::from_secs(8);
/// The longest wait that a server may ask for; beyond it the caller decides.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// What failed; `status` is the answer's, if its head had come. The address is left out: it may hold a key in
/// its query.
pub(crate) fn failure(error: &reqwest::Error, status: Option<u16>) -> ErrorInfo {
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "no answer in time")
    } else if error.is_connect() {
        (ErrorKind::Connection, "the provider cannot be reached")
    } else if status.is_some() {
        (ErrorKind::Connection, "the connection broke in the middle of the answer")
    } else if error.is_builder() {
        (ErrorKind::Configuration, "the request cannot be built")
    } else {
        (ErrorKind::Connection, "the connection broke before an answer came")
    };
    let mut info = ErrorInfo::new(kind, with_cause(what, error));
    info.http_status = status;
    info
}

/// These words, and the deepest cause.
pub(crate) fn with_cause(what: &str, error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(StdError::source) {
        cause = Some(deeper);
    }
    match cause {
        Some(cause) => format!("{what}: {cause}"),
        // The error's own words would have the address.
        None => what.to_owned(),
    }
}

/// The wait after this many attempts; `jitter`, of 0 to 1, takes up to a quarter of it away.
pub(crate) fn back_off(attempts: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    doubled.min(LONGEST).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

/// A number of 0 to 1 that differs from client to client, so that they do not come back all at once.
pub(crate) fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    bits as f64 / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_vary_by_a_quarter() {
        let waits: Vec<_> = (1..=7).map(|attempts| back_off(attempts, 0.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(back_off(2, 1.0), Duration::from_millis(750));
        assert!((0.0..=1.0).contains(&random()));
    }
}
