//! The ids of sessions that PostHog takes.

/// Whether PostHog takes this as `$ai_session_id`: letters, digits and `-_~.@()!':|`.
pub(crate) fn is_session_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(is_allowed)
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_~.@()!':|".contains(&byte)
}

/// The id in PostHog's alphabet: one that has other characters has `~` and two hexadecimal digits for each of their
/// bytes, and for each `~`, so that two ids stay two.
pub(super) fn session_id(id: &str) -> String {
    if is_session_id(id) {
        return id.to_owned();
    }
    let mut written = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        if is_allowed(byte) && byte != b'~' {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("~{byte:02X}"));
        }
    }
    written
}

#[cfg(all(test, feature = "export"))]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_alphabet_stays_as_it_is() {
        let id = "aZ09-_~.@()!':|";
        assert_eq!(session_id(id), id);
    }

    #[test]
    fn another_is_written_in_the_alphabet_and_stays_another() {
        assert_eq!(session_id("user/42 ~"), "user~2F42~20~7E");
        assert_ne!(session_id("ä"), session_id("ö"));
        assert!(is_session_id(&session_id("günther #1\u{1f600}")));
    }
}
