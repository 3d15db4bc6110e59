//! Failures of the transport in words, the same for every client that sends with `reqwest`.

use crate::record::{ErrorInfo, ErrorKind};
use std::error::Error as StdError;

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
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(StdError::source) {
        cause = Some(deeper);
    }
    let message = match cause {
        Some(cause) => format!("{what}: {cause}"),
        // The error's own words would have the address.
        None => what.to_owned(),
    };
    let mut info = ErrorInfo::new(kind, message);
    info.http_status = status;
    info
}
