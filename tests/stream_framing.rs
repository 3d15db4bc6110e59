//! Events are found in an event stream and in JSON alike, however their bytes are cut.

use tracing_genai::wire::events::EventParser;

/// The names and the data of the events in these chunks, and how many were passed over.
fn events<'a>(
    mut parser: EventParser,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<(Option<String>, String)>, u64) {
    let mut seen = Vec::new();
    let mut on_event = |name: Option<&str>, data: &[u8]| {
        seen.push((name.map(str::to_owned), String::from_utf8_lossy(data).into_owned()));
    };
    for chunk in chunks {
        parser.feed(chunk, &mut |event| on_event(event.name, event.data));
    }
    parser.finish(&mut |event| on_event(event.name, event.data));
    (seen, parser.skipped())
}

/// The data of the events in this stream, the same for chunks of every size.
fn data(stream: &str) -> Vec<String> {
    let whole = events(EventParser::sse_or_json(), [stream.as_bytes()]);
    for size in 1..=stream.len().min(40) {
        let cut = events(EventParser::sse_or_json(), stream.as_bytes().chunks(size));
        assert_eq!(cut, whole, "chunks of {size}: {stream}");
    }
    whole.0.into_iter().map(|(_, data)| data).collect()
}

#[test]
fn the_elements_of_an_array_are_events() {
    assert_eq!(
        data("[{\"a\": 1}\n,\r\n{\"b\": {\"c\": [{}, {}]}}\n]\n"),
        ["{\"a\": 1}", "{\"b\": {\"c\": [{}, {}]}}"]
    );
    assert_eq!(data(" \n\t[{}]"), ["{}"]);
    assert_eq!(data("\u{feff}[{}]"), ["{}"]);
    assert!(data("[]").is_empty());
    assert!(data("").is_empty());
}

#[test]
fn objects_may_stand_one_after_the_other() {
    assert_eq!(data("{\"a\": 1}\n{\"b\": 2}{\"c\": 3}"), ["{\"a\": 1}", "{\"b\": 2}", "{\"c\": 3}"]);
}

#[test]
fn braces_and_quotes_in_a_string_are_no_structure() {
    let objects = [r#"{"a": "}"}"#, r#"{"b": "\"{"}"#, r#"{"c": "\\"}"#, r#"{"d": "\\\"}€{["}"#];
    assert_eq!(data(&format!("[{}]", objects.join(","))), objects);
}

#[test]
fn lines_of_an_event_stream_are_read_as_such() {
    let stream = "event: ping\r\ndata: {\"a\": 1}\r\n\r\ndata: {\ndata: }\n\n: {\nid: {\n\ndata: [DONE]";
    assert_eq!(data(stream), ["{\"a\": 1}", "{\n}", "[DONE]"]);
    let (with_json, _) = events(EventParser::sse_or_json(), [stream.as_bytes()]);
    let (without, _) = events(EventParser::sse(), [stream.as_bytes()]);
    assert_eq!(with_json, without);
    assert_eq!(without[0].0.as_deref(), Some("ping"));
}

#[test]
fn an_indented_first_line_has_no_field() {
    assert_eq!(data("\n  data: a\n\ndata: b\n\n"), ["b"]);
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
}

#[test]
fn bare_json_after_events_is_read() {
    let error = "{\n  \"error\": {\n    \"code\": 499\n  }\n}";
    assert_eq!(data(&format!("data: {{\"a\": 1}}\n\n{error}\n")), ["{\"a\": 1}", error]);
    assert_eq!(data(&format!("data: 1\r\n\r\n{error}{error}")), ["1", error, error]);
    // The blank line before it may be missing.
    assert_eq!(data(&format!("data: 1\r{error}")), ["1", error]);
}

#[test]
fn a_plain_parser_takes_no_json() {
    assert_eq!(events(EventParser::sse(), [&b"[{}]"[..], b"\n{}\n\n"]).0, []);
}

#[test]
fn what_was_cut_off_is_an_event() {
    assert_eq!(data("[{\"a\": 1}, {\"b\": \"x"), ["{\"a\": 1}", "{\"b\": \"x"]);
    assert_eq!(data("data: {\"a\""), ["{\"a\""]);
}

#[test]
fn a_parser_is_at_the_start_again_once_it_has_finished() {
    let mut parser = EventParser::sse_or_json();
    let mut seen = Vec::new();
    for stream in ["[{\"a\": \"", "data: b\n\n", "{}"] {
        parser.feed(stream.as_bytes(), &mut |event| seen.push(event.data.to_vec()));
        parser.finish(&mut |event| seen.push(event.data.to_vec()));
    }
    assert_eq!(seen, [b"{\"a\": \"".to_vec(), b"b".to_vec(), b"{}".to_vec()]);
}

#[test]
fn an_event_that_is_too_long_is_passed_over_and_counted() {
    let long = format!("{{\"a\": \"}}{}\"}}", "x".repeat(100));
    for (stream, kept) in [
        (format!("[{{}}, {long}, {{\"b\": 1}}]"), vec!["{}", "{\"b\": 1}"]),
        (format!("data: 1\n\ndata: {long}\n\ndata: 2\n\n"), vec!["1", "2"]),
        (format!("data: 1\n\n{long}{{\"b\": 1}}"), vec!["1", "{\"b\": 1}"]),
    ] {
        for size in [1, 7, 50, stream.len()] {
            let parser = EventParser::sse_or_json().with_max_event(40);
            let (seen, skipped) = events(parser, stream.as_bytes().chunks(size));
            let seen: Vec<_> = seen.iter().map(|(_, data)| data.as_str()).collect();
            assert_eq!((seen, skipped), (kept.clone(), 1), "chunks of {size}");
        }
    }
}

#[test]
fn memory_stays_bounded_however_long_the_object() {
    const MAX: usize = 4096;
    let endless = [b"[{\"a\": \"".to_vec(), vec![b'x'; 1 << 20]].concat();
    let deep = b"{".repeat(1 << 20);
    for stream in [endless, deep] {
        for chunk in [1000, stream.len()] {
            let mut parser = EventParser::sse_or_json().with_max_event(MAX);
            let counted = allocation_counter::measure(|| {
                for chunk in stream.chunks(chunk) {
                    parser.feed(chunk, &mut |_| {});
                }
            });
            assert!(counted.bytes_max <= 4 * MAX as u64, "{} bytes", counted.bytes_max);
            assert_eq!(parser.skipped(), 1);
        }
    }
}

#[test]
fn events_that_lie_in_a_chunk_are_borrowed() {
    let lines = "data: {\"text\": \"some\"}\n\n".repeat(1000);
    let array = format!("[{}]", vec!["{\"text\": \"some\"}"; 1000].join(",\n"));
    for (stream, new) in [
        (&lines, EventParser::sse as fn() -> EventParser),
        (&lines, EventParser::sse_or_json),
        (&array, EventParser::sse_or_json),
    ] {
        let mut parser = new();
        let mut seen = 0;
        let counted = allocation_counter::measure(|| parser.feed(stream.as_bytes(), &mut |_| seen += 1));
        assert_eq!((seen, counted.count_total), (1000, 0));
    }
}
