//! What the spool knows each destination by.

use super::{Signal, posthog::CAPTURE_NAME};
use crate::Error;

/// What one destination takes of one signal.
pub(in crate::export) struct Shelved<'a> {
    /// The name that it was given.
    pub(in crate::export) name: Option<&'a str>,
    /// The address without its query.
    pub(in crate::export) address: &'a str,
    pub(in crate::export) signal: Signal,
}

/// The keys in the spool, which have to mean the same destinations in the next run: the order does not tell.
pub(in crate::export) fn keys(all: &[Shelved<'_>]) -> Result<Vec<String>, Error> {
    for (index, one) in all.iter().enumerate() {
        if one.name.is_some_and(|name| name.trim().is_empty()) {
            return Err(Error::configuration("Destination::name is empty: give a name, or leave it out"));
        }
        for other in &all[index + 1..] {
            let is_same = other.signal == one.signal && other.address == one.address;
            if is_same && (one.name.is_none() || other.name.is_none()) {
                return Err(Error::configuration(format!(
                    "two destinations have the address {}: name them with Destination::name, so that the spool can \
                     tell them apart",
                    one.address
                )));
            }
        }
    }
    let keys: Vec<String> = all.iter().map(key).collect();
    let twin = keys.iter().enumerate().find(|(index, key)| keys[..*index].contains(key));
    match twin {
        Some((_, key)) => {
            let why = match key.strip_suffix(CAPTURE_NAME) {
                Some(name) => format!(", which is where PostHog's capture API has what is of {name:?}"),
                None => String::new(),
            };
            Err(Error::configuration(format!(
                "two destinations have the name {key:?} in the spool{why}: give each one of its own with \
                 Destination::name"
            )))
        }
        None => Ok(keys),
    }
}

/// A destination's signals may share a name, and over gRPC an address.
fn key(one: &Shelved<'_>) -> String {
    let name = one.name.unwrap_or(one.address);
    match one.signal {
        Signal::Traces => name.to_owned(),
        other => format!("{name} ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://a/v1/traces";
    const B: &str = "http://b/v1/traces";

    fn traces(name: Option<&'static str>, address: &'static str) -> Shelved<'static> {
        Shelved { name, address, signal: Signal::Traces }
    }

    fn refused(all: &[Shelved<'_>]) -> String {
        keys(all).unwrap_err().to_string()
    }

    #[test]
    fn the_key_is_the_name_or_the_address() {
        let all = [traces(None, A), traces(Some("acme"), B), traces(Some("umbrella"), B)];
        assert_eq!(keys(&all).unwrap(), [A, "acme", "umbrella"]);
    }

    #[test]
    fn signals_of_one_destination_have_keys_of_their_own() {
        let of = |signal| Shelved { name: None, address: "http://a:4317/", signal };
        assert_eq!(
            keys(&Signal::ALL.map(of)).unwrap(),
            ["http://a:4317/", "http://a:4317/ (metrics)", "http://a:4317/ (logs)"]
        );
    }

    #[test]
    fn two_at_one_address_have_to_be_named_both() {
        for (one, other) in [(None, None), (Some("acme"), None), (None, Some("acme"))] {
            let error = refused(&[traces(one, A), traces(None, B), traces(other, A)]);
            assert!(error.contains("Destination::name") && error.contains(A), "{error}");
        }
    }

    #[test]
    fn a_name_is_that_of_one_destination() {
        for (one, other) in [
            (traces(Some("acme"), A), traces(Some("acme"), A)),
            (traces(Some("acme"), A), traces(Some("acme"), B)),
            (traces(Some(B), A), traces(None, B)),
        ] {
            assert!(refused(&[one, other]).contains("Destination::name"));
        }
    }

    #[test]
    fn a_name_that_is_the_capture_apis_place_of_another_says_so() {
        let error = refused(&[traces(Some("a (capture)"), A), traces(Some("a (capture)"), B)]);
        assert!(error.contains("capture API") && error.contains("\"a\""), "{error}");
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert!(refused(&[traces(Some(" "), A)]).contains("Destination::name"));
    }
}
