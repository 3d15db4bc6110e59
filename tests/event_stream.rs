//! AWS's event streams are read as AWS's own `aws-smithy-eventstream` reads them, and broken ones are told of.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use allocation_counter::{AllocationInfo, measure};
use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};
use tracing_genai::wire::{
    event_stream::{FrameParser, encode},
    events::EventParser,
};

/// The length of the two lengths and their checksum.
const PRELUDE: usize = 12;

/// What a frame says: the text of the headers that were asked for, and the payload.
type Said = (Vec<Option<String>>, Vec<u8>);

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The folder of AWS's vectors, which `aws-smithy-eventstream` ships.
fn vectors() -> PathBuf {
    // What other platforms need may never have been downloaded.
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = cargo(&["metadata", "--format-version", "1", "--offline", "--filter-platform", host]);
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "aws-smithy-eventstream").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("test_data")
}

/// AWS's vectors whose names begin so, in the order of their names.
fn vectors_of(sort: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(vectors()).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let mut found: Vec<_> = named
        .filter(|(name, _)| name.starts_with(sort))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// The frames in these bytes as AWS reads them; `None` if it says that they are wrong.
fn theirs(bytes: &[u8]) -> Option<Vec<Message>> {
    let (mut decoder, mut rest, mut messages) = (MessageFrameDecoder::new(), bytes, Vec::new());
    loop {
        match decoder.decode_frame(&mut rest).ok()? {
            DecodedFrame::Complete(message) => messages.push(message),
            DecodedFrame::Incomplete => return Some(messages),
        }
    }
}

/// What AWS says of these headers: a text, or that it is none.
fn said_by(message: &Message, names: &[String]) -> Said {
    let text = |name: &String| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(|text| text.as_str().to_owned())
    };
    (names.iter().map(text).collect(), message.payload().to_vec())
}

/// The frames in these pieces as we read them, with the words about an error.
fn ours<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, names: &[String]) -> (Vec<Said>, Option<String>) {
    let (mut parser, mut seen) = (FrameParser::new(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut |frame| {
            let headers = names.iter().map(|name| frame.header(name).map(str::to_owned)).collect();
            seen.push((headers, frame.payload.to_vec()));
        });
    }
    parser.finish();
    (seen, parser.error().map(ToString::to_string))
}

fn names_of(messages: &[Message]) -> Vec<String> {
    let headers = messages.iter().flat_map(Message::headers);
    headers.map(|header| header.name().as_str().to_owned()).collect()
}

/// Both readers say the same of these bytes, however ours gets them.
fn agree(bytes: &[u8]) {
    let messages = theirs(bytes).unwrap();
    let names = names_of(&messages);
    let expected: Vec<_> = messages.iter().map(|message| said_by(message, &names)).collect();
    assert_eq!(ours([bytes], &names), (expected.clone(), None), "all at once");
    for size in 1..=bytes.len().min(64) {
        assert_eq!(ours(bytes.chunks(size), &names), (expected.clone(), None), "pieces of {size}");
    }
    for at in 0..=bytes.len().min(512) {
        let (before, after) = bytes.split_at(at);
        assert_eq!(ours([before, after], &names), (expected.clone(), None), "cut at {at}");
    }
}

/// The error of these bytes, which is the same however they are cut.
fn error(bytes: &[u8]) -> String {
    let (seen, error) = ours([bytes], &[]);
    assert_eq!(seen, []);
    for size in 1..bytes.len() {
        assert_eq!(ours(bytes.chunks(size), &[]), (Vec::new(), error.clone()), "pieces of {size}");
    }
    error.unwrap()
}

/// A prelude whose checksum is right, whatever it says.
fn prelude(total: u32, headers: u32) -> Vec<u8> {
    let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// A frame with these bytes as its headers, whatever they are.
fn frame_with(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut frame = prelude(total, u32::try_from(headers.len()).unwrap());
    frame.extend(headers);
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn their_frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut message = Message::new(payload.to_vec());
    for (name, value) in headers {
        let value = HeaderValue::String((*value).to_owned().into());
        message = message.add_header(Header::new((*name).to_owned(), value));
    }
    let mut written = Vec::new();
    write_message_to(&message, &mut written).unwrap();
    written
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

/// The headers and the payload of a frame.
type Sample = (Vec<(String, String)>, Vec<u8>);

/// Headers and payloads that frames may have.
fn samples() -> Vec<Sample> {
    let texts = |headers: &[(&str, &str)]| {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    vec![
        (texts(&[]), Vec::new()),
        (texts(&[]), b"{}".to_vec()),
        (texts(&[(":event-type", "chunk"), (":message-type", "event")]), br#"{"bytes":"e30="}"#.to_vec()),
        (texts(&[("a", ""), ("b", "\u{e9}\u{1f600}")]), vec![0, 255, 0, 1]),
        (vec![(long(255), long(32_767))], long(70_000).into_bytes()),
    ]
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn valid_vectors_are_read_as_aws_reads_them() {
    let vectors = vectors_of("valid");
    assert_eq!(vectors.len(), 3);
    for (name, bytes) in vectors {
        assert_eq!(theirs(&bytes).unwrap().len(), 1, "{name}");
        agree(&bytes);
    }
}

#[test]
fn the_text_of_a_valid_vector_is_read_amid_headers_of_every_type() {
    let (_, bytes) = vectors_of("valid_with_all_headers_and_payload").remove(0);
    let message = theirs(&bytes).unwrap().remove(0);
    assert_eq!(message.headers().len(), 10);
    let names = names_of(&[message]);
    let (seen, error) = ours([bytes.as_slice()], &names);
    let texts: Vec<_> = seen[0].0.iter().flatten().map(String::as_str).collect();
    assert_eq!((texts, error), (vec!["some str"], None));
}

#[test]
fn invalid_vectors_are_errors() {
    // Where a header is broken, AWS's vectors have a wrong checksum too, which is found first.
    let broken = "the frame at byte 0 has a wrong checksum: 0x";
    let expected = [
        ("invalid_header_name_length", broken),
        ("invalid_header_name_length_too_long", broken),
        ("invalid_header_string_length_cut_off", broken),
        ("invalid_header_string_value_length", broken),
        ("invalid_header_value_type", broken),
        (
            "invalid_headers_length",
            "the frame at byte 0 says that it has 89 bytes, 77 of them headers, which no",
        ),
        (
            "invalid_message_checksum",
            "the frame at byte 0 has a wrong checksum: 0xdeadbeef, computed 0x01a05860",
        ),
        ("invalid_prelude_checksum", "the frame at byte 0 begins with a wrong checksum: 0xdeadbeef"),
    ];
    let vectors = vectors_of("invalid");
    assert_eq!(vectors.len(), expected.len());
    for ((name, bytes), (expected_name, words)) in vectors.iter().zip(expected) {
        assert_eq!(name, expected_name);
        assert!(theirs(bytes).is_none(), "{name}");
        let error = error(bytes);
        assert!(error.starts_with(words), "{name}: {error}");
    }
}

#[test]
fn valid_vectors_that_follow_one_another_are_read_however_they_are_cut() {
    let bytes: Vec<u8> = vectors_of("valid").into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(theirs(&bytes).unwrap().len(), 3);
    agree(&bytes);
}

#[test]
fn frames_that_aws_writes_are_read() {
    for (headers, payload) in samples() {
        agree(&their_frame(&borrowed(&headers), &payload));
    }
}

#[test]
fn frames_that_we_write_are_those_that_aws_writes() {
    for (headers, payload) in samples() {
        let headers = borrowed(&headers);
        let ours = encode(&headers, &payload);
        assert!(ours == their_frame(&headers, &payload), "{} headers", headers.len());
    }
}

#[test]
fn frames_that_we_write_are_read_by_aws() {
    for (headers, payload) in samples() {
        let messages = theirs(&encode(&borrowed(&headers), &payload)).unwrap();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.clone()).collect();
        let values = headers.into_iter().map(|(_, value)| Some(value)).collect();
        let said: Vec<_> = messages.iter().map(|message| said_by(message, &names)).collect();
        assert_eq!(said, [(values, payload)]);
    }
}

#[test]
fn many_frames_are_read_however_they_are_cut() {
    let frames = samples().into_iter().take(4).cycle().take(20);
    let bytes: Vec<u8> =
        frames.flat_map(|(headers, payload)| encode(&borrowed(&headers), &payload)).collect();
    assert_eq!(theirs(&bytes).unwrap().len(), 20);
    agree(&bytes);
}

#[test]
fn frames_before_a_broken_one_are_read() {
    let mut bytes = [encode(&[], b"one"), encode(&[], b"two"), encode(&[], b"three")].concat();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let expected = vec![(Vec::new(), b"one".to_vec()), (Vec::new(), b"two".to_vec())];
    for size in 1..=bytes.len() {
        let (seen, error) = ours(bytes.chunks(size), &[]);
        assert_eq!(seen, expected, "pieces of {size}");
        let error = error.unwrap();
        assert!(error.starts_with("the frame at byte 38 has a wrong checksum"), "{error}");
    }
}

#[test]
fn a_wrong_checksum_of_the_prelude_is_told() {
    let mut frame = encode(&[("a", "b")], b"{}");
    frame[8] ^= 1;
    let error = error(&frame);
    assert!(error.starts_with("the frame at byte 0 begins with a wrong checksum: 0x"), "{error}");
    assert!(error.ends_with("is this an AWS event stream?"), "{error}");
}

#[test]
fn a_wrong_checksum_of_the_message_is_told() {
    let mut frame = encode(&[("a", "b")], b"{}");
    let last = frame.len() - 1;
    frame[last] ^= 1;
    let error = error(&frame);
    assert!(error.starts_with("the frame at byte 0 has a wrong checksum: 0x"), "{error}");
}

#[test]
fn any_byte_that_is_changed_is_noticed() {
    let frame = encode(&[(":event-type", "chunk")], b"{}");
    for at in 0..frame.len() {
        let mut changed = frame.clone();
        changed[at] ^= 0x40;
        assert!(theirs(&changed).is_none_or(|messages| messages.is_empty()), "byte {at}");
        error(&changed);
    }
}

#[test]
fn what_is_no_event_stream_is_told() {
    assert!(error(b"data: {\"type\":\"ping\"}\n\n").ends_with("is this an AWS event stream?"));
}

#[test]
fn an_absurd_length_is_told_before_anything_of_it_is_kept() {
    for (total, headers) in
        [(u32::MAX, 0), ((24 << 20) + 17, 0), (15, 0), (0, 0), ((128 << 10) + 17, (128 << 10) + 1)]
    {
        let mut bytes = prelude(total, headers);
        bytes.extend([0; 100]);
        let expected = format!(
            "the frame at byte 0 says that it has {total} bytes, {headers} of them headers, which no frame has"
        );
        assert_eq!(error(&bytes), expected);
    }
}

#[test]
fn headers_longer_than_the_frame_are_told() {
    for headers in [9, 100, u32::MAX] {
        let expected = format!(
            "the frame at byte 0 says that it has 24 bytes, {headers} of them headers, which no frame has"
        );
        assert_eq!(error(&prelude(24, headers)), expected);
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_is_told() {
    let frame = encode(&[(":event-type", "chunk")], b"{}");
    for end in 1..frame.len() {
        let expected = format!("the stream ends within the frame at byte 0, {end} bytes into it");
        assert_eq!(error(&frame[..end]), expected);
    }
}

#[test]
fn the_place_of_a_frame_that_is_cut_off_counts_from_the_beginning() {
    let frame = encode(&[], b"{}");
    let bytes = [frame.as_slice(), &frame, &frame[..5]].concat();
    let (seen, error) = ours(bytes.chunks(7), &[]);
    assert_eq!(seen.len(), 2);
    assert_eq!(error.unwrap(), "the stream ends within the frame at byte 36, 5 bytes into it");
}

#[test]
fn a_stream_that_ends_after_a_frame_is_whole() {
    assert_eq!(ours([], &[]), (Vec::new(), None));
    assert_eq!(ours([encode(&[], b"").as_slice()], &[]), (vec![(Vec::new(), Vec::new())], None));
}

#[test]
fn nothing_is_read_after_an_error() {
    let mut parser = FrameParser::new();
    parser.feed(&[0; PRELUDE], &mut |_| panic!("a frame"));
    let error = parser.error().cloned();
    assert!(error.is_some());
    parser.feed(&encode(&[], b"{}"), &mut |_| panic!("a frame"));
    parser.finish();
    assert_eq!(parser.error().cloned(), error);
}

/// What a parser that gets this takes and keeps, beside the words about an error.
fn taken(pieces: &[&[u8]]) -> (AllocationInfo, Option<String>) {
    let mut parser = FrameParser::new();
    let taken = measure(|| pieces.iter().for_each(|piece| parser.feed(piece, &mut |_| {})));
    (taken, parser.error().map(ToString::to_string))
}

#[test]
fn a_frame_that_says_it_is_long_takes_no_more_than_what_came() {
    let (taken, error) = taken(&[&prelude((24 << 20) + 16, 0)]);
    assert_eq!(error, None);
    assert!(taken.bytes_max <= 64, "{taken:?}");
}

#[test]
fn a_frame_that_comes_in_pieces_takes_little_more_than_itself() {
    let frame = encode(&[], &vec![0; 1 << 20]);
    let pieces: Vec<_> = frame.chunks(1000).collect();
    let (taken, error) = taken(&pieces);
    assert_eq!(error, None);
    // It grows by doubling, and is in two places meanwhile.
    assert!(taken.bytes_max <= 4 << 20, "{taken:?}");
}

#[test]
fn a_frame_that_lies_within_a_piece_takes_nothing() {
    let bytes = encode(&[(":event-type", "chunk")], b"{}").repeat(10);
    let (taken, error) = taken(&[&bytes]);
    assert_eq!((taken.count_total, error), (0, None));
}

#[test]
fn nothing_is_kept_after_an_error_but_its_words() {
    let mut frame = encode(&[], &vec![0; 1 << 20]);
    let last = frame.len() - 1;
    frame[last] ^= 1;
    let pieces: Vec<_> = frame.chunks(1000).collect();
    let (taken, error) = taken(&pieces);
    assert!(error.is_some());
    assert!(taken.bytes_current <= 512, "{taken:?}");
}

#[test]
fn headers_behind_one_that_cannot_be_read_are_passed_over() {
    let good = b"\x01a\x07\x00\x01b";
    let bad: [&[u8]; 5] =
        [b"\x01c\x60\x00\x01b", b"\x01c\x07\x00\x09b", b"\x09c\x07\x00", b"\x01c", b"\x01c\x07\x00"];
    for bad in bad {
        let frame = frame_with(&[good, bad].concat(), b"{}");
        let names = ["a".to_owned(), "c".to_owned()];
        let said = (vec![Some("b".to_owned()), None], b"{}".to_vec());
        assert_eq!(ours([frame.as_slice()], &names), (vec![said], None), "{bad:?}");
    }
}

#[test]
fn a_header_that_is_no_utf_8_has_no_text() {
    let frame = frame_with(b"\x01a\x07\x00\x01\xff\x01b\x07\x00\x01c", b"");
    let said = (vec![None, Some("c".to_owned())], Vec::new());
    assert_eq!(ours([frame.as_slice()], &["a".to_owned(), "b".to_owned()]), (vec![said], None));
}

/// The names and the data of the events in these bytes, the same however they are cut.
fn events(bytes: &[u8]) -> Vec<(Option<String>, String)> {
    let read = |size: usize| {
        let (mut parser, mut seen) = (EventParser::aws(), Vec::new());
        let mut on_event = |name: Option<&str>, data: &[u8]| {
            seen.push((name.map(str::to_owned), String::from_utf8(data.to_vec()).unwrap()));
        };
        for piece in bytes.chunks(size) {
            parser.feed(piece, &mut |event| on_event(event.name, event.data));
        }
        parser.finish(&mut |event| on_event(event.name, event.data));
        assert_eq!(parser.broken(), None);
        seen
    };
    let whole = read(bytes.len());
    for size in 1..bytes.len() {
        assert_eq!(read(size), whole, "pieces of {size}");
    }
    whole
}

fn event(name: &str, data: &str) -> (Option<String>, String) {
    (Some(name.to_owned()), data.to_owned())
}

#[test]
fn events_are_named_by_their_type() {
    let bytes = [
        encode(&[(":event-type", "messageStart"), (":message-type", "event")], b"{}"),
        encode(&[(":message-type", "event"), (":event-type", "chunk")], br#"{"bytes":""}"#),
    ];
    let expected = [event("messageStart", "{}"), event("chunk", r#"{"bytes":""}"#)];
    assert_eq!(events(&bytes.concat()), expected);
}

#[test]
fn an_event_without_a_type_has_no_name() {
    assert_eq!(events(&encode(&[], b"{}")), [(None, "{}".to_owned())]);
}

#[test]
fn an_exception_is_named_as_one() {
    let headers = [(":exception-type", "throttlingException"), (":message-type", "exception")];
    let frame = encode(&headers, br#"{"message":"Slow."}"#);
    assert_eq!(events(&frame), [event("exception:throttlingException", r#"{"message":"Slow."}"#)]);
}

#[test]
fn an_exception_without_a_type_is_one_all_the_same() {
    assert_eq!(events(&encode(&[(":message-type", "exception")], b"{}")), [event("exception:", "{}")]);
}

#[test]
fn an_error_is_an_exception_with_the_message_of_its_header() {
    let headers =
        [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "It \"broke\".")];
    let frame = encode(&headers, b"");
    assert_eq!(events(&frame), [event("exception:InternalFailure", r#"{"message":"It \"broke\"."}"#)]);
}

#[test]
fn events_that_end_within_a_frame_are_broken() {
    let frame = encode(&[(":event-type", "chunk")], b"{}");
    let mut parser = EventParser::aws();
    let mut seen = 0;
    parser.feed(&frame, &mut |_| seen += 1);
    parser.feed(&frame[..20], &mut |_| seen += 1);
    assert_eq!(parser.broken(), None);
    parser.finish(&mut |_| panic!("an event"));
    let broken = parser.broken().unwrap().to_string();
    assert_eq!(seen, 1);
    assert!(broken.starts_with("the stream ends within the frame at byte "), "{broken}");
}
