//! AWS's frames: raw, damaged, and with headers and lengths of any kind under right checksums.

use crate::Input;
use tracing_genai::wire::event_stream::{FrameParser, encode};

/// The headers that Bedrock sends.
const KNOWN: [&str; 7] = [
    ":message-type",
    ":event-type",
    ":content-type",
    ":exception-type",
    ":error-code",
    ":error-message",
    "a",
];

/// What is known of a frame: its headers by these names, and its payload.
type Seen = (Vec<Option<String>>, Vec<u8>);

/// Frames: at once and in pieces the same, and nothing after an error. 0 takes the bytes as they are, 1 puts
/// them into frames of which one may be damaged, 2 makes headers of them, and 3 lengths.
pub fn event_stream(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    match input.what % 4 {
        0 => raw(&input),
        1 => framed(&input),
        2 => any_headers(&input),
        _ => any_lengths(&input),
    }
}

/// Reads at once and in pieces, and gives the frames and why there are no more.
fn read(input: &Input<'_>, names: &[&str]) -> (Vec<Seen>, Option<String>) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut parser = FrameParser::new();
        let (mut seen, mut error) = (Vec::new(), None);
        for piece in pieces {
            let before = seen.len();
            parser.feed(piece, &mut |frame| {
                let headers = names.iter().map(|name| frame.header(name).map(str::to_owned));
                seen.push((headers.collect(), frame.payload.to_vec()));
            });
            assert!(error.is_none() || seen.len() == before, "a frame after an error");
            assert!(error.is_none() || error.as_ref() == parser.error(), "another error after the first");
            error = parser.error().cloned();
        }
        parser.finish();
        assert!(error.is_none() || error.as_ref() == parser.error(), "another error after the first");
        let error = parser.error().cloned();
        // Neither the end nor more bytes change an error.
        parser.feed(&encode(&[], b"{}"), &mut |_| assert!(error.is_none(), "a frame after an error"));
        parser.finish();
        assert_eq!(parser.error(), error.as_ref());
        (seen, error.map(|error| error.to_string()))
    };
    let at_once = read(&mut [input.body].into_iter());
    assert_eq!(at_once, read(&mut input.pieces()));
    let least: usize = at_once.0.iter().map(|(_, payload)| payload.len() + 16).sum();
    assert!(least <= input.body.len(), "more than came");
    at_once
}

fn raw(input: &Input<'_>) {
    let (seen, error) = read(input, &KNOWN);
    assert!(error.is_some() || input.body.is_empty() == seen.is_empty());
    // What is known of the frames, written again, is read again as it was.
    let mut again = Vec::new();
    for (headers, payload) in &seen {
        let texts = KNOWN.iter().zip(headers).filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        again.extend(encode(&texts.collect::<Vec<_>>(), payload));
    }
    assert_eq!(read(&Input { body: &again, ..*input }, &KNOWN), (seen, None));
}

/// Bytes that are taken from the front, as many as are there.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(count.min(rest.len()));
    *rest = after;
    taken
}

fn number(rest: &mut &[u8]) -> usize {
    take(rest, 1).first().copied().unwrap_or_default().into()
}

/// Some text; one number stands for a long one.
fn text(rest: &mut &[u8]) -> String {
    let length = number(rest);
    let text = String::from_utf8_lossy(take(rest, length % 32)).into_owned();
    if length == 255 { text.repeat(2200) } else { text }
}

/// The text as far as a frame can hold it.
fn held(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.expect("0 is one")]
}

fn framed(input: &Input<'_>) {
    let mut rest = input.body;
    let damage = (number(&mut rest), number(&mut rest), number(&mut rest));
    let (mut bytes, mut ends, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    while !rest.is_empty() {
        let count = number(&mut rest) % 4;
        let headers: Vec<_> = (0..count).map(|_| (text(&mut rest), text(&mut rest))).collect();
        // No frame has more, and the one that is written is refused.
        let length: usize =
            headers.iter().map(|(name, value)| name.len().min(255) + value.len().min(65_535) + 4).sum();
        if length > 128 << 10 {
            continue;
        }
        let payload = number(&mut rest);
        let payload = take(&mut rest, payload);
        let borrowed: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        bytes.extend(encode(&borrowed, payload));
        ends.push(bytes.len());
        sent.push((headers, payload));
    }
    let names: Vec<_> =
        sent.iter().flat_map(|(headers, _)| headers).map(|(name, _)| held(name, 255)).collect();
    let expected = |count: usize| -> Vec<Seen> {
        let value = |headers: &[(String, String)], wanted: &str| {
            let found = headers.iter().find(|(name, _)| held(name, 255) == wanted)?;
            Some(held(&found.1, 65_535).to_owned())
        };
        let frames = sent[..count].iter();
        frames
            .map(|(headers, payload)| {
                (names.iter().map(|name| value(headers, name)).collect(), payload.to_vec())
            })
            .collect()
    };
    let place = (damage.1 << 8 | damage.2) % bytes.len().max(1);
    // The frames that are whole before this place.
    let whole = ends.iter().filter(|end| **end <= place).count();
    match damage.0 % 3 {
        1 if !bytes.is_empty() => {
            bytes[place] ^= u8::try_from(damage.0 % 255 + 1).expect("it is below 256");
            let (seen, error) = read(&Input { body: &bytes, ..*input }, &names);
            assert_eq!(seen, expected(whole));
            assert!(error.is_some(), "a wrong byte at {place} goes unnoticed");
        }
        2 => {
            bytes.truncate(place);
            let (seen, error) = read(&Input { body: &bytes, ..*input }, &names);
            assert_eq!(seen, expected(whole));
            let at_end = place == 0 || ends.contains(&place);
            assert_eq!(error.is_none(), at_end, "{error:?}");
        }
        _ => assert_eq!(read(&Input { body: &bytes, ..*input }, &names), (expected(sent.len()), None)),
    }
}

/// A frame with these lengths in its prelude, all checksums right.
fn frame(total: u32, headers: u32, rest: &[u8]) -> Vec<u8> {
    let mut frame = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(rest);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// Headers that need not be text, nor headers at all; what follows them is the payload.
fn any_headers(input: &Input<'_>) {
    let length = |bytes: usize| u32::try_from(bytes).expect("inputs are short");
    let most = usize::from(input.what >> 2) * 8;
    let (headers, payload) =
        input.body.split_at(input.body.len().min(if most == 0 { usize::MAX } else { most }));
    let bytes = frame(length(input.body.len() + 16), length(headers.len()), input.body);
    let listed = by_the_specification(headers);
    let mut names: Vec<_> = listed.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok()).collect();
    names.extend(KNOWN);
    let expected = names.iter().map(|wanted| {
        let (_, value) = listed.iter().find(|(name, _)| *name == wanted.as_bytes())?;
        String::from_utf8(value.as_ref()?.to_vec()).ok()
    });
    let expected = (expected.collect(), payload.to_vec());
    let seen = read(&Input { body: &bytes, ..*input }, &names);
    assert_eq!(seen, (if headers.len() > 128 << 10 { vec![] } else { vec![expected] }, seen.1.clone()));
    assert_eq!(seen.1.is_some(), headers.len() > 128 << 10);
}

/// Names, and values where they are text, up to what is no header.
fn by_the_specification(mut rest: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = number(&mut rest);
        let name = take(&mut rest, length);
        let Some(kind) = take(&mut rest, 1).first().filter(|_| name.len() == length) else { break };
        let length = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | 7 if rest.len() >= 2 => number(&mut rest) << 8 | number(&mut rest),
            9 => 16,
            _ => break,
        };
        let value = take(&mut rest, length);
        if value.len() < length {
            break;
        }
        found.push((name, (*kind == 7).then_some(value)));
    }
    found
}

/// Lengths of any size: what no frame has is an error as soon as it is told, and the rest is awaited.
fn any_lengths(input: &Input<'_>) {
    let mut rest = input.body;
    let mut length = || take(&mut rest, 4).iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    let (total, headers) = (length(), length());
    let bytes = frame(total, headers, rest);
    let payload = i64::from(total) - 16 - i64::from(headers);
    let is_possible = headers <= 128 << 10 && (0..=24 << 20).contains(&payload);
    let mut parser = FrameParser::new();
    parser.feed(&bytes[..12], &mut |_| panic!("no frame is so short"));
    assert_eq!(parser.error().is_none(), is_possible);
    let (seen, error) = read(&Input { body: &bytes, ..*input }, &KNOWN);
    let fits = is_possible && total as usize == bytes.len();
    assert!(!fits || (seen.len() == 1 && error.is_none()));
    assert!(is_possible || (seen.is_empty() && error.is_some()));
}
