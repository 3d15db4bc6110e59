//! What the status of a failed operation says.

use super::said::each_text;
use crate::{
    capture::ContentCapture,
    record::{ErrorInfo, Operation},
};
use std::borrow::Cow;

/// The most bytes of a provider's words that a status has where content is off.
const MOST_BYTES: usize = 512;

/// So many bytes in a row that were said before are no chance. A text that is shorter is found as a whole.
const RUN: usize = 24;

/// A shorter text is a word of the message as well.
const SHORTEST: usize = 8;

/// What the status of `operation` may say under `content`; `None` unless it failed.
///
/// Providers repeat in their messages what they were sent, so without content there is the beginning of one, and
/// not even that if it has anything of what was said in the operation.
pub(crate) fn status_words<'a>(operation: &'a Operation, content: &ContentCapture) -> Option<Cow<'a, str>> {
    let error = operation.outcome.error()?;
    if content.is_on() {
        return Some(match &error.body {
            Some(body) => Cow::Owned(format!("{}: {body}", error.message)),
            None => Cow::Borrowed(&error.message),
        });
    }
    let words = beginning(&error.message);
    Some(if repeats(words, operation) { left_out(error) } else { Cow::Borrowed(words) })
}

fn left_out(error: &ErrorInfo) -> Cow<'static, str> {
    Cow::Owned(format!("{} (its words repeat the request and are left out)", error.error_type()))
}

fn beginning(message: &str) -> &str {
    let mut end = message.len().min(MOST_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default()
}

/// Whether `words` have any of the operation's texts.
fn repeats(words: &str, operation: &Operation) -> bool {
    let mut found = false;
    each_text(operation, &mut |text| found = found || shares(words.as_bytes(), text.trim().as_bytes()));
    found
}

/// Whether the two have [`RUN`] bytes in a row in common, or the first has the whole of a shorter second.
fn shares(words: &[u8], text: &[u8]) -> bool {
    if text.len() < RUN {
        return text.len() >= SHORTEST && memchr::memmem::find(words, text).is_some();
    }
    // Any run of that length has one of these blocks whole, wherever it begins.
    let block = RUN / 2;
    (0..words.len() / block).any(|place| {
        let start = place * block;
        let Some(wanted) = words.get(start..start + block) else { return false };
        memchr::memmem::find_iter(text, wanted).any(|found| is_run(words, start, text, found, block))
    })
}

/// Whether what is the same from `start` in the one and from `found` in the other is a long run, both ways.
fn is_run(words: &[u8], start: usize, text: &[u8], found: usize, block: usize) -> bool {
    let same = |(one, other): &(&u8, &u8)| one == other;
    let before = words[..start].iter().rev().zip(text[..found].iter().rev()).take(RUN).take_while(same);
    let after = words[start + block..].iter().zip(&text[found + block..]).take(RUN).take_while(same);
    before.count() + block + after.count() >= RUN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Call, ErrorKind, Message, OperationKind, Outcome, Request, Role};
    use std::sync::Arc;

    const PROMPT: &str = "My name is Jane Roe and I live at 12 Long Street in Lund.";

    fn refused(message: &str) -> Operation {
        let mut request = Request::default();
        request.messages.push(Message::text(Role::User, PROMPT));
        let call = Call::Inference { request: Box::new(request), response: Arc::default() };
        let mut operation = Operation::new(OperationKind::Chat, call);
        let error = ErrorInfo::new(ErrorKind::InvalidRequest, message);
        operation.outcome = Outcome::Failed(Box::new(error));
        operation
    }

    fn words(message: &str, content: &ContentCapture) -> String {
        status_words(&refused(message), content).map(Cow::into_owned).unwrap_or_default()
    }

    #[test]
    fn a_message_of_its_own_stays() {
        let message = "Unsupported value: 'temperature' does not support 0.5 with this model.";
        assert_eq!(words(message, &ContentCapture::off()), message);
    }

    #[test]
    fn a_message_that_repeats_the_prompt_is_left_out() {
        for message in [
            format!("cannot parse input: {PROMPT}"),
            "[{'loc': 'messages', 'input': 'Jane Roe and I live at 12 Long'}]".to_owned(),
        ] {
            let words = words(&message, &ContentCapture::off());
            assert_eq!(words, "invalid_request (its words repeat the request and are left out)");
        }
    }

    #[test]
    fn any_run_of_24_bytes_is_found_and_none_of_23() {
        let text = PROMPT.as_bytes();
        for pad in 0..24 {
            for start in 0..=text.len() - RUN {
                let mut words = vec![b'#'; pad];
                words.extend_from_slice(&text[start..start + RUN]);
                words.extend_from_slice(b"####");
                assert!(shares(&words, text), "{pad} {start}");
                words[pad] = b'#';
                assert!(!shares(&words, text), "{pad} {start}");
            }
        }
    }

    #[test]
    fn a_short_prompt_is_found_as_a_whole() {
        assert!(shares(b"bad input: Jane Roe, 12", b"Jane Roe"));
        assert!(!shares(b"this is invalid", b"Hi"));
    }

    #[test]
    fn without_content_there_are_512_bytes_cut_between_characters() {
        let long = "é".repeat(1000);
        assert_eq!(words(&long, &ContentCapture::off()), "é".repeat(256));
        let odd = format!("x{long}");
        assert_eq!(words(&odd, &ContentCapture::off()).len(), 511);
    }

    #[test]
    fn with_content_the_message_is_whole() {
        let message = format!("cannot parse {}", PROMPT.repeat(20));
        assert_eq!(words(&message, &ContentCapture::on()), message);
    }

    #[test]
    fn what_did_not_fail_has_no_words() {
        let mut operation = refused("x");
        operation.outcome = Outcome::Done;
        assert_eq!(status_words(&operation, &ContentCapture::on()), None);
    }
}
