//! What a destination was given in confidence, taken out of what it says.

use memchr::memmem;
use reqwest::{Url, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// A shorter one is a word of the message as well.
const SHORTEST: usize = 8;

/// The keys of one destination: values of its headers and of its address's query.
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    pub(super) fn of(headers: &HeaderMap, url: Option<&Url>) -> Self {
        let mut all = Vec::new();
        let mut add = |text: &str| {
            if text.len() >= SHORTEST {
                all.push(SecretString::from(text));
            }
        };
        for value in headers.values() {
            let value = String::from_utf8_lossy(value.as_bytes());
            add(value.trim());
            // Of `Bearer the-key` the key alone may be repeated.
            value.split_whitespace().for_each(&mut add);
        }
        if let Some(url) = url {
            url.query().unwrap_or_default().split(['&', '=']).for_each(&mut add);
            url.query_pairs().for_each(|(_, value)| add(&value));
        }
        // The longest first, lest a part of it is all that is found.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(all)
    }

    /// Puts asterisks for each. The length stays, and so does the form of a binary message.
    pub(super) fn mask(&self, said: &mut [u8]) {
        for secret in &self.0 {
            let secret = secret.expose_secret().as_bytes();
            let found: Vec<usize> = memmem::find_iter(said, secret).collect();
            for start in found {
                if let Some(part) = said.get_mut(start..start + secret.len()) {
                    part.fill(b'*');
                }
            }
        }
    }

    #[cfg(feature = "grpc")]
    pub(super) fn masked(&self, said: &str) -> String {
        let mut bytes = said.as_bytes().to_vec();
        self.mask(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn masked(headers: &[(&'static str, &str)], url: &str, said: &str) -> String {
        let headers = headers.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        let secrets = Secrets::of(&headers.collect(), Some(&Url::parse(url).unwrap()));
        let mut said = said.as_bytes().to_vec();
        secrets.mask(&mut said);
        String::from_utf8(said).unwrap()
    }

    #[test]
    fn a_header_is_masked_whole_and_by_its_words() {
        let headers = [("authorization", "Bearer hunter-2-hunter"), ("x-key", "correct horse battery")];
        let said = "no Bearer hunter-2-hunter, no hunter-2-hunter, no correct horse battery";
        let masked = masked(&headers, "https://x.io", said);
        assert_eq!(masked.len(), said.len());
        assert!(!masked.contains("hunter") && !masked.contains("correct"), "{masked}");
        assert!(masked.starts_with("no ") && masked.contains(", no "), "{masked}");
    }

    #[test]
    fn a_query_is_masked_as_it_is_sent_and_as_it_is_meant() {
        let masked = masked(&[], "https://x.io/?key=hunter%2Fhunter", "hunter%2Fhunter is hunter/hunter");
        assert_eq!(masked, "*************** is *************");
    }

    #[test]
    fn a_short_value_is_a_word_like_others() {
        assert_eq!(masked(&[("x-team", "ml")], "https://x.io", "html"), "html");
    }
}
