//! How Tracia is reached: its address, the variables that give another, and its key.

use crate::Error;
use secrecy::{ExposeSecret, SecretString};

pub(crate) const BASE: &str = "https://app.tracia.io";
pub(crate) const KEY_VARIABLE: &str = "TRACIA_API_KEY";
pub(crate) const BASE_VARIABLE: &str = "TRACIA_BASE_URL";

/// The value of `authorization` with this key.
///
/// # Errors
/// A key that cannot be one, without showing it; `origin` is where it comes from.
pub(crate) fn bearer(key: &SecretString, origin: &str) -> Result<SecretString, Error> {
    let key = key.expose_secret();
    let why = if key.is_empty() {
        "is empty"
    } else if key.contains(char::is_whitespace) {
        "has blanks in it"
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        "has characters that no key has"
    } else if ["phc_", "phx_", "sk-", "gsk_", "AIza"].iter().any(|beginning| key.starts_with(beginning)) {
        "begins as the key of another service"
    } else {
        return Ok(SecretString::from(format!("Bearer {key}")));
    };
    Err(Error::configuration(format!(
        "{origin} {why}: Tracia's dashboard has the key, which begins with tr_"
    )))
}
