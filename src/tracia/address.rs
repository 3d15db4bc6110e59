//! Addresses: the base, and paths and queries whose every part may hold any text.

use crate::Error;
use reqwest::Url;
use std::fmt::Write as _;

/// The address of the API below this base.
pub(super) fn base(text: &str, origin: &str) -> Result<Url, Error> {
    // It is not repeated: it may hold a password.
    let refuse = |why: &str| Err(Error::configuration(format!("{origin} {why}")));
    let Ok(mut url) = Url::parse(text.trim()) else {
        return refuse("is no address like https://app.tracia.io");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refuse("is no address like https://app.tracia.io");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user name or password: the key is all that Tracia takes");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query or a fragment, which no base address has");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    // What the destination's address may end in, so that one variable serves both.
    let there = ["/api/v1/spans", "/api/v1", "/api"].into_iter().find_map(|end| path.strip_suffix(end));
    url.set_path(&format!("{}/api/v1", there.unwrap_or(&path)));
    Ok(url)
}

/// A part of a path that a user gave.
///
/// # Errors
/// One that is blank, or that would name another place.
pub(super) fn segment(text: &str, what: &str) -> Result<String, Error> {
    if text.trim().is_empty() {
        return Err(Error::configuration(format!("the {what} is empty or blank")));
    }
    // Encoded or not, these lead to the place above.
    if matches!(text, "." | "..") {
        return Err(Error::configuration(format!(
            "{text:?} is no {what}: it leaves its place in the address"
        )));
    }
    Ok(encoded(text))
}

/// Percent-encoded but for what never needs it: letters, digits, `-`, `.`, `_` and `~`.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The path with a query of these; none for no pairs.
pub(super) fn with_query(path: &str, pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
