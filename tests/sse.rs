//! The event stream parser: each behaviour of the format, and that chunk ends make no difference.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::{Path, PathBuf};

use tracing_genai::wire::sse::{SseEvent, SseParser};

type Event = (Option<String>, String);

fn owned(event: SseEvent<'_>) -> Event {
    (event.name.map(str::to_owned), String::from_utf8_lossy(event.data).into_owned())
}

fn run_with<'a>(mut parser: SseParser, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, u64) {
    let mut events = Vec::new();
    for chunk in chunks {
        parser.feed(chunk, &mut |event| events.push(owned(event)));
    }
    parser.finish(&mut |event| events.push(owned(event)));
    (events, parser.skipped())
}

/// The data of the events of a stream fed whole.
fn data(stream: &str) -> Vec<String> {
    run_with(SseParser::new(), [stream.as_bytes()]).0.into_iter().map(|(_, data)| data).collect()
}

fn names(stream: &str) -> Vec<Option<String>> {
    run_with(SseParser::new(), [stream.as_bytes()]).0.into_iter().map(|(name, _)| name).collect()
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn lines_end_in_lf_cr_or_crlf() {
    assert_eq!(data("data: a\n\ndata: b\n\n"), ["a", "b"]);
    assert_eq!(data("data: a\r\rdata: b\r\r"), ["a", "b"]);
    assert_eq!(data("data: a\r\n\r\ndata: b\r\n\r\n"), ["a", "b"]);
    assert_eq!(data("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"), ["a", "b", "c"]);
}

#[test]
fn an_event_is_handed_out_with_the_chunk_that_ends_it() {
    let (mut parser, mut seen) = (SseParser::new(), 0);
    parser.feed(b"data: a\r\n", &mut |_| seen += 1);
    assert_eq!(seen, 0);
    parser.feed(b"\r", &mut |_| seen += 1);
    assert_eq!(seen, 1, "no wait for the LF that may follow");
}

#[test]
fn a_crlf_split_between_two_chunks_is_one_line_end() {
    let stream: [&[u8]; 5] = [b"data: a\r", b"", b"\ndata: b\r", b"\n\r", b"\n"];
    assert_eq!(run_with(SseParser::new(), stream).0, [(None, "a\nb".to_owned())]);
}

#[test]
fn an_lf_that_does_not_follow_the_cr_at_once_is_a_line_end() {
    let stream: [&[u8]; 3] = [b"data: a\r", b"data: b\n", b"\ndata: c\n\n"];
    assert_eq!(run_with(SseParser::new(), stream).0, [(None, "a\nb".to_owned()), (None, "c".to_owned())]);
}

#[test]
fn comments_are_ignored() {
    assert_eq!(data(": hello\n\n:\ndata: a\n:data: b\n\n: OPENROUTER PROCESSING\n\n"), ["a"]);
}

#[test]
fn data_lines_are_joined_by_lf() {
    assert_eq!(data("data: a\ndata\ndata:\ndata: b\r\n\r\n"), ["a\n\n\nb"]);
}

#[test]
fn lines_before_and_between_data_do_not_end_it() {
    assert_eq!(data("id: 1\ndata: a\nid: 2\n: c\nevent: x\ndata: b\n\n"), ["a\nb"]);
}

#[test]
fn a_byte_order_mark_counts_only_at_the_start() {
    assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: \u{feff}c\n\n"), ["a", "\u{feff}c"]);
    assert_eq!(data("\u{feff}\u{feff}data: a\n\ndata: b\n\n"), ["b"]);
    assert_eq!(data("\u{feff}\ndata: a\n\n"), ["a"]);
}

#[test]
fn data_may_be_empty() {
    assert_eq!(data("data\n\ndata:\n\ndata: \n\n"), ["", "", ""]);
}

#[test]
fn exactly_one_leading_space_is_stripped() {
    assert_eq!(data("data:a\n\ndata: a\n\ndata:  a \n\ndata:\ta\n\n"), ["a", "a", " a ", "\ta"]);
}

#[test]
fn a_value_may_hold_colons() {
    assert_eq!(data("data:a: b:\n\ndata::\n\n"), ["a: b:", ":"]);
}

#[test]
fn unknown_fields_are_ignored() {
    assert_eq!(data("dat: a\ndatax: b\n data: c\nDATA: d\ndata : e\n{\"error\":{}}\n\ndata: f\n\n"), ["f"]);
}

#[test]
fn id_and_retry_are_ignored() {
    assert_eq!(data("id: 1\nretry: 10\n\nid\nretry:\ndata: a\n\n"), ["a"]);
}

#[test]
fn an_event_has_the_last_name_given() {
    assert_eq!(names("event: a\nevent:b\ndata\n\n"), [some("b")]);
    assert_eq!(names("data\nevent: a\n\n"), [some("a")]);
}

#[test]
fn a_name_is_for_one_event() {
    assert_eq!(names("event: a\ndata\n\ndata\n\nevent: lost\n\ndata\n\n"), [some("a"), None, None]);
}

#[test]
fn an_empty_name_is_none() {
    assert_eq!(names("event: a\nevent\ndata\n\nevent:\ndata\n\n"), [None, None]);
}

#[test]
fn a_name_that_is_not_utf8_is_none() {
    let (events, _) = run_with(SseParser::new(), [&b"event: a\xff\ndata: b\n\n"[..]]);
    assert_eq!(events, [(None, "b".to_owned())]);
}

#[test]
fn data_that_is_not_utf8_is_passed_on() {
    let mut seen = Vec::new();
    SseParser::new().feed(b"data: a\xff\0\n\n", &mut |event| seen.extend_from_slice(event.data));
    assert_eq!(seen, b"a\xff\0");
}

#[test]
fn an_event_without_data_is_not_handed_out() {
    assert_eq!(data("event: a\n\nid: 1\n\n\n\n"), [""; 0]);
}

#[test]
fn finish_hands_out_the_open_event() {
    assert_eq!(data("data: a\n\ndata: b\n"), ["a", "b"]);
    assert_eq!(data("data: a\n\ndata: b"), ["a", "b"]);
    assert_eq!(data("data: a\n\ndata: b\r"), ["a", "b"]);
    assert_eq!(data("data: a\ndata"), ["a\n"]);
    assert_eq!(names("data\nevent: a"), [some("a")]);
    assert_eq!(data(""), [""; 0]);
    assert_eq!(data("event: a"), [""; 0]);
}

#[test]
fn after_finish_a_new_stream_can_begin() {
    let (mut parser, mut seen) = (SseParser::new(), Vec::new());
    for _ in 0..2 {
        parser.feed("\u{feff}event: a\ndata: b\r".as_bytes(), &mut |event| seen.push(owned(event)));
        parser.finish(&mut |event| seen.push(owned(event)));
        parser.finish(&mut |event| seen.push(owned(event)));
        parser.feed(b"\n", &mut |event| seen.push(owned(event)));
        parser.finish(&mut |event| seen.push(owned(event)));
    }
    assert_eq!(seen, [(some("a"), "b".to_owned()), (some("a"), "b".to_owned())]);

    let (mut parser, mut seen) = (SseParser::new(), 0);
    parser.feed(b"\r", &mut |_| seen += 1);
    parser.finish(&mut |_| seen += 1);
    parser.feed("\n\u{feff}data: a\n\n".as_bytes(), &mut |_| seen += 1);
    assert_eq!(seen, 0, "the LF is the first line, so the mark is too late");
}

#[test]
fn one_line_of_data_is_borrowed_from_the_chunk() {
    let mut parser = SseParser::new();
    let chunk = b"da".as_slice();
    parser.feed(chunk, &mut |_| panic!("nothing has ended"));
    let chunk = b"ta: a\n\nevent: n\ndata: b\nid: 1\n\ndata: c\ndata: d\n\ndata: e\n\n".as_slice();
    let mut borrowed = Vec::new();
    parser.feed(chunk, &mut |event| borrowed.push(chunk.as_ptr_range().contains(&event.data.as_ptr())));
    assert_eq!(borrowed, [false, true, false, true]);
}

#[test]
fn an_overlong_line_costs_its_event_only() {
    let parser = || SseParser::new().with_max_line(10);
    let streams = [
        "data: 1234\n\nevent: x\ndata: 12345\ndata: more\n\ndata: b\n\n",
        "data: 1234\n\ndata: first\ndata: 12345\n\ndata: b\n\n",
        "data: 1234\n\ndata: a\n:234567890\ndata: 12345678901234\nevent: 12345\n\ndata: b\n\n",
    ];
    for stream in streams {
        let expected = [(None, "1234".to_owned()), (None, "b".to_owned())];
        assert_eq!(run_with(parser(), [stream.as_bytes()]), (expected.to_vec(), 1), "{stream:?}");
    }
}

#[test]
fn lines_that_are_too_much_together_cost_their_event() {
    let stream = "data: 1234\ndata: 12345\n\ndata: 1234\ndata: 12345\ndata: 1\n\ndata: b";
    let (events, skipped) = run_with(SseParser::new().with_max_line(11), [stream.as_bytes()]);
    assert_eq!(events, [(None, "1234\n12345".to_owned()), (None, "b".to_owned())]);
    assert_eq!(skipped, 1);
}

#[test]
fn an_overlong_event_at_the_end_is_not_handed_out() {
    let (events, skipped) = run_with(SseParser::new().with_max_line(8), [&b"data: 12\ndata: 123"[..]]);
    assert_eq!((events, skipped), (vec![], 1));
}

#[test]
fn debug_shows_no_content() {
    let mut parser = SseParser::new();
    parser.feed(b"event: secret\ndata: secret\ndata: secret\ndata: sec", &mut |_| ());
    assert!(!format!("{parser:?}").contains("sec"));
}

/// Streams in which each way to get chunk ends wrong shows.
fn tricky_streams() -> Vec<Vec<u8>> {
    let text = [
        "",
        "\n",
        "\r\n\r\n",
        "data: a\n\ndata: b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d",
        "\u{feff}data: a\n\n\u{feff}data: b\n\n",
        "\u{feff}\r\ndata: a\r\n\r\n",
        "\u{feff}",
        "\u{feff}: comment\rdata",
        "event: x\ndata: a\ndata\ndata:\ndata:  b\nid: 1\nretry: 2\n\nevent: lost\n\ndata: [DONE]\n\n",
        ": ping\n\n:\n\ndata: {\"text\": \"h\u{e4}ll\u{f6} \u{1f600}\"}\r\n\r\ndata: \"\\n\\r\"\n\n",
        "data\n\ndata:\n\ndata: \n\nevent: y\rdata",
        "data: a\ndata: b\r\ndata: c\rdatax\n data: d\nevent\n\n\n\n\ndata: e\r\n",
        "event: long name over the limit\ndata: a\n\ndata: b\n\n: a comment over the limit, too\r\n\r\ndata: c",
        "data: 123456789012345\n\ndata: 1234567\ndata: 1234567\ndata: 8\n\r\ndata: b\r\n\r\ndata: 12345678901234",
    ];
    let mut streams = text.map(|stream| stream.as_bytes().to_vec()).to_vec();
    streams.push(b"data: \xff\xfe\n\nevent: \xc3\n\xef\xbb\ndata: \0\n\n".to_vec());
    streams.push(b"\xef\xbbdata: a\n\ndata: b\n\n".to_vec());
    streams
}

/// A small generator of numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Cuts the stream into chunks of 0 to `longest` bytes.
fn random_chunks<'a>(mut stream: &'a [u8], longest: usize, random: &mut Random) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !stream.is_empty() {
        let (chunk, rest) = stream.split_at(random.below(longest + 1).min(stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

#[test]
fn chunk_ends_make_no_difference() {
    let mut random = Random(0x5eed);
    for (stream, max_line) in tricky_streams().iter().flat_map(|s| [20, 1 << 20].map(|max| (s, max))) {
        let run = |chunks: Vec<&[u8]>| run_with(SseParser::new().with_max_line(max_line), chunks);
        let whole = run(vec![stream]);
        let shown = String::from_utf8_lossy(stream);
        assert_eq!(run(stream.chunks(1).collect()), whole, "byte by byte: {shown:?}");
        for at in 0..=stream.len() {
            let (head, tail) = stream.split_at(at);
            assert_eq!(run(vec![head, tail]), whole, "cut at {at}: {shown:?}");
        }
        for _ in 0..300 {
            let chunks = random_chunks(stream, 9, &mut random);
            assert_eq!(run(chunks.clone()), whole, "cut as {chunks:?}");
        }
    }
}

/// The line-by-line reading of the standard, of a whole text, as simple as can be.
fn reference(stream: &[u8]) -> Vec<Event> {
    let text = String::from_utf8(stream.to_vec()).unwrap().replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), String::new());
    for line in text.strip_prefix('\u{feff}').unwrap_or(&text).split('\n').chain([""]) {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                events.push((Some(name.clone()).filter(|name| !name.is_empty()), data.to_owned()));
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.extend([value, "\n"]),
            _ => {}
        }
    }
    events
}

#[test]
fn random_streams_are_read_as_the_standard_says() {
    let parts = [
        "data", "data: ", "event", "event:", ":", " ", "a", "\u{e4}", "id: 1", "\n", "\r", "\r\n", "\n\n",
        "\u{feff}",
    ];
    let mut random = Random(0xcafe);
    for _ in 0..20_000 {
        let stream: String = (0..random.below(24)).map(|_| parts[random.below(parts.len())]).collect();
        let chunks = random_chunks(stream.as_bytes(), 6, &mut random);
        let expected = reference(stream.as_bytes());
        assert_eq!(run_with(SseParser::new(), chunks.clone()).0, expected, "{stream:?} cut as {chunks:?}");
    }
}

/// The streams of the recorded exchanges with OpenAI, if they are at hand.
fn recorded_streams() -> Vec<(PathBuf, serde_json::Value)> {
    let dir = std::env::var_os("RECORDED_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recorded"), PathBuf::from);
    let mut streams = Vec::new();
    for api in ["chat", "responses"] {
        let Ok(files) = std::fs::read_dir(dir.join("openai").join(api)) else { continue };
        for path in files.map(|file| file.unwrap().path()) {
            let exchange: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if exchange["streaming"] == true {
                streams.push((path, exchange));
            }
        }
    }
    streams
}

#[test]
fn recorded_streams_are_read_however_they_are_cut() {
    let mut random = Random(0xfeed);
    for (path, exchange) in recorded_streams() {
        let body = exchange["response"]["body"].as_str().unwrap().as_bytes();
        let (whole, _) = run_with(SseParser::new(), [body]);
        assert_eq!(whole, reference(body), "{}", path.display());

        let done = whole.last().is_some_and(|(_, data)| data == "[DONE]");
        let parsed: Vec<serde_json::Value> = whole[..whole.len() - usize::from(done)]
            .iter()
            .map(|(_, data)| serde_json::from_str(data).expect("each event is JSON"))
            .collect();
        let expected = &exchange["expected"];
        assert_eq!(expected["stream_events"], whole.len(), "{}", path.display());
        assert_eq!(expected["stream_done_sentinel"].as_bool().unwrap_or(done), done, "{}", path.display());
        for ((name, _), event) in whole.iter().zip(&parsed) {
            assert!(name.is_none() || event["type"] == name.as_deref().unwrap(), "{}", path.display());
        }

        assert_eq!(run_with(SseParser::new(), body.chunks(1)).0, whole, "{}", path.display());
        for longest in [3, 100, 1400, 16 * 1024] {
            let chunks = random_chunks(body, longest, &mut random);
            assert_eq!(run_with(SseParser::new(), chunks).0, whole, "{}", path.display());
        }
    }
}
