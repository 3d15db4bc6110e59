//! A text in the forms that it may have inside a request.

use base64::{
    Engine,
    engine::{
        GeneralPurpose,
        general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    },
};

/// The text as it is, as JSON has it once, twice or in ASCII, in base64 at each of three offsets, and as addresses
/// have it.
pub(crate) fn forms(text: &str) -> Vec<String> {
    let once = escaped(text);
    let mut forms =
        vec![text.to_owned(), escaped(&once), ascii(&once), percent(text, |byte| format!("%{byte:02X}"))];
    forms.push(percent(text, |byte| format!("%{byte:02x}")));
    forms.push(percent(text, |byte| if byte == b' ' { "+".to_owned() } else { format!("%{byte:02X}") }));
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.extend((0..3).map(|offset| base64(engine, text, offset)));
    }
    forms.push(once);
    forms.sort();
    forms.dedup();
    forms
}

/// Between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    json[1..json.len() - 1].to_owned()
}

fn ascii(text: &str) -> String {
    let mut units = [0; 2];
    let mut ascii = String::new();
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            ascii.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}

fn percent(text: &str, write: impl Fn(u8) -> String) -> String {
    let byte = |byte: u8| match byte {
        plain if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => char::from(plain).to_string(),
        other => write(other),
    };
    text.bytes().map(byte).collect()
}

/// What stands in base64 of anything that has the text at this offset modulo three, whatever is around it.
fn base64(engine: &GeneralPurpose, text: &str, offset: usize) -> String {
    let padded = [&[0_u8; 2][..offset], text.as_bytes()].concat();
    let whole = engine.encode(&padded[..padded.len() / 3 * 3]);
    whole[if offset == 0 { 0 } else { 4 }..].to_owned()
}

#[test]
fn a_text_is_found_whatever_form_it_has() {
    let text = "Zoë's \"blue\" boat, no. 7/a";
    let json = serde_json::json!({ "said": text }).to_string();
    let twice = serde_json::json!({ "body": json }).to_string();
    for around in 0..5 {
        let inside = STANDARD_NO_PAD.encode(format!("{}{text} and more", "x".repeat(around)));
        assert!(forms(text).iter().any(|form| inside.contains(form)), "{around}");
    }
    let in_ascii = json.replace('ë', "\\u00eb");
    let in_address = "said=Zo%C3%AB%27s+%22blue%22+boat%2C+no.+7%2Fa".to_owned();
    for written in [json, twice, in_ascii, in_address] {
        assert!(forms(text).iter().any(|form| written.contains(form)), "{written}");
    }
}
