//! Keys never leave in a message: an error of a provider may repeat the key it was given.

use crate::record::ErrorInfo;
use serde_json::Value;

/// Beginnings of secrets that providers and back ends issue, and the fewest characters that follow.
const PREFIXES: [(&str, usize); 15] = [
    ("sk-", 8),
    ("gsk_", 8),
    ("xai-", 8),
    ("pplx-", 8),
    ("nvapi-", 8),
    ("AIza", 16),
    ("AKIA", 12),
    ("ASIA", 12),
    ("ABSK", 16),
    ("ya29.", 8),
    ("pa-", 24),
    ("eyJ", 16),
    ("tr_", 8),
    ("phc_", 8),
    ("phx_", 8),
];

/// `text` with every key and bearer token replaced by its beginning and `[redacted]`.
pub(crate) fn scrub_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut at_word_start = true;
    let mut after_bearer = false;
    while let Some(first) = rest.chars().next() {
        let run = &rest[..rest.len() - rest.trim_start_matches(is_key_character).len()];
        // A full stop that ends a sentence is no part of a key.
        let word = run.trim_end_matches('.').len();
        if word == 0 && !run.is_empty() {
            // One by one a row of full stops would be looked through as often as it is long.
            out.push_str(run);
            at_word_start = false;
            rest = &rest[run.len()..];
            continue;
        }
        if word == 0 || !at_word_start {
            out.push(first);
            at_word_start = !is_key_character(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, tail) = rest.split_at(word);
        let secret = PREFIXES
            .iter()
            .find(|(prefix, least)| token.starts_with(prefix) && token.len() >= prefix.len() + least);
        match secret {
            Some((prefix, _)) => {
                out.push_str(prefix);
                out.push_str("[redacted]");
            }
            None if after_bearer && is_token(token) => out.push_str("[redacted]"),
            None => out.push_str(token),
        }
        after_bearer = token.eq_ignore_ascii_case("bearer");
        rest = tail;
    }
    out
}

/// `text` with the query taken off each address in it: some clients have a key there, and `reqwest` writes the
/// address into its errors.
#[cfg(feature = "instrument")]
pub(crate) fn without_queries(text: &str) -> String {
    let ends = |character: char| character.is_whitespace() || "()<>\"'`".contains(character);
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(ends) {
        match word.split_once('?') {
            Some((address, query)) if address.contains('/') => {
                out.push_str(address);
                out.extend(query.chars().next_back().filter(|last| ends(*last)));
            }
            _ => out.push_str(word),
        }
    }
    out
}

/// Whether a word after `bearer` is one of the credentials, and not of the sentence.
fn is_token(word: &str) -> bool {
    word.len() >= 16 || word.contains(|character: char| character.is_ascii_digit() || character == '.')
}

fn is_key_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '*' | '.')
}

/// Takes this secret out of what a provider said.
pub(crate) fn forget(secret: &str, info: &mut ErrorInfo) {
    let secret = secret.trim();
    // A shorter one is a word of the message as well.
    if secret.len() < 8 {
        return;
    }
    let words = [&mut info.body, &mut info.code, &mut info.provider_type, &mut info.param];
    let texts = words.into_iter().flatten().chain([&mut info.message]);
    for text in texts {
        if text.contains(secret) {
            *text = text.replace(secret, "[redacted]");
        }
        forget_cut(secret, text);
    }
    info.details.iter_mut().for_each(|detail| forget_in(secret, detail));
}

/// Takes out the beginning of the secret that a text ends with: of a long answer the first bytes are kept.
fn forget_cut(secret: &str, text: &mut String) {
    let longest = secret.len().min(text.len());
    let is_end = |length: &usize| secret.get(..*length).is_some_and(|beginning| text.ends_with(beginning));
    if let Some(length) = (8..longest).rev().find(is_end) {
        text.truncate(text.len() - length);
        text.push_str("[redacted]");
    }
}

fn forget_in(secret: &str, value: &mut Value) {
    match value {
        Value::String(text) if text.contains(secret) => *text = text.replace(secret, "[redacted]"),
        Value::Array(all) => all.iter_mut().for_each(|one| forget_in(secret, one)),
        Value::Object(all) => all.values_mut().for_each(|one| forget_in(secret, one)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "instrument")]
    use super::without_queries;
    use super::{ErrorInfo, forget, scrub_secrets};

    #[cfg(feature = "instrument")]
    #[test]
    fn an_address_loses_its_query_and_nothing_else() {
        for (text, expected) in [
            (
                "sending for url (https://a.test/v1/chat?token=0123&b=1): refused",
                "sending for url (https://a.test/v1/chat): refused",
            ),
            ("POST \"/v1/chat?key=abc\" failed", "POST \"/v1/chat\" failed"),
            ("at https://a.test/?k=v", "at https://a.test/"),
            ("what is wrong? and/or why", "what is wrong? and/or why"),
        ] {
            assert_eq!(without_queries(text), expected);
        }
    }

    #[test]
    fn keys_of_every_issuer_are_taken_out() {
        for key in [
            "sk-proj-abcdefgh1234",
            "sk-ant-api03-abcdefgh",
            "AIzaSyA-1234567890abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "tr_live_abcdefgh",
            "phc_abcdefgh12345",
        ] {
            let scrubbed = scrub_secrets(&format!("Incorrect API key provided: {key}. See the docs."));
            assert!(!scrubbed.contains(&key[key.len() - 8..]), "{scrubbed}");
            assert!(scrubbed.ends_with(" See the docs."), "{scrubbed}");
        }
    }

    #[test]
    fn a_bearer_token_is_taken_out() {
        assert_eq!(
            scrub_secrets("Authorization: Bearer abc.def, no"),
            "Authorization: Bearer [redacted], no"
        );
    }

    #[test]
    fn a_sentence_about_bearer_authentication_stays() {
        let text = "Missing bearer authentication in header";
        assert_eq!(scrub_secrets(text), text);
    }

    #[test]
    fn a_key_that_is_cut_off_at_the_end_is_taken_out_too() {
        let mut info = ErrorInfo::new(crate::record::ErrorKind::Other, "no such tenant: tenantkey-0123");
        info.body = Some("{\"key\": \"tenantkey-01234567".to_owned());
        forget("tenantkey-0123456789abcdef", &mut info);
        assert_eq!(info.message, "no such tenant: [redacted]");
        assert_eq!(info.body.as_deref(), Some("{\"key\": \"[redacted]"));
    }

    #[test]
    fn a_long_row_of_full_stops_is_looked_through_once() {
        let dots = ".".repeat(1 << 20);
        assert_eq!(scrub_secrets(&dots), dots);
        assert_eq!(scrub_secrets("so... sk-abcdefgh1234... well"), "so... sk-[redacted]... well");
    }

    #[test]
    fn other_words_stay() {
        let text = "The risk-based task_list of sk-1 is übrig.";
        assert_eq!(scrub_secrets(text), text);
    }
}
