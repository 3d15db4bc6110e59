//! One span for each operation, ended once, at the true time.

pub(crate) mod joined;
pub(crate) mod live;
