//! The time as services write it.

pub(super) use crate::rfc3339::rfc3339;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, now.
pub(super) fn now_unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
