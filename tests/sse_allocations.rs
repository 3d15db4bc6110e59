//! The event stream parser does not allocate per event once its buffers have grown, and holds no more than
//! it says. Alone in its file, since the counter is the allocator of the whole test program.

use tracing_genai::wire::sse::SseParser;

const EVENT: &str = "event: response.output_text.delta\r\ndata: {\"delta\":\"some text\"}\r\n\r\n\
                     : comment\n\ndata: first\ndata: second\n\n";

fn feed(parser: &mut SseParser, stream: &[u8], chunk: usize) -> usize {
    let mut seen = 0;
    for chunk in stream.chunks(chunk) {
        parser.feed(chunk, &mut |event| seen += usize::from(!event.data.is_empty()));
    }
    seen
}

#[test]
fn a_warm_parser_does_not_allocate() {
    let stream = EVENT.repeat(1000);
    for chunk in [1, 7, EVENT.len(), 1400, stream.len()] {
        let mut parser = SseParser::new();
        feed(&mut parser, stream.as_bytes(), chunk);
        let mut seen = 0;
        let counted = allocation_counter::measure(|| seen = feed(&mut parser, stream.as_bytes(), chunk));
        assert_eq!(seen, 2000);
        assert_eq!(counted.count_total, 0, "chunks of {chunk}");
    }
}

#[test]
fn events_in_one_line_are_borrowed_without_a_first_allocation() {
    let stream = "data: {\"delta\":\"some text\"}\n\n".repeat(1000);
    let mut parser = SseParser::new();
    let counted =
        allocation_counter::measure(|| assert_eq!(feed(&mut parser, stream.as_bytes(), stream.len()), 1000));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn memory_stays_bounded_however_long_the_line_or_the_event() {
    const MAX: usize = 4096;
    let line = [b"data: ".to_vec(), vec![b'x'; 1 << 20], b"\n\n".to_vec()].concat();
    let lines = [b"data: y\n".repeat(1 << 17), b"\n".to_vec()].concat();
    let names = [b"event: ".to_vec(), vec![b'z'; MAX - 7], b"\n".to_vec()].concat().repeat(100);
    for (stream, skipped) in [(line, 1), (lines, 1), (names, 0)] {
        for chunk in [1, 1000, stream.len()] {
            let mut parser = SseParser::new().with_max_line(MAX);
            let counted = allocation_counter::measure(|| {
                feed(&mut parser, &stream, chunk);
            });
            assert!(counted.bytes_max <= 4 * MAX as u64, "{} bytes in chunks of {chunk}", counted.bytes_max);
            assert_eq!(parser.skipped(), skipped);
            let mut seen = None;
            parser.feed(b"data: next\n\n", &mut |event| seen = Some(event.data.to_vec()));
            assert_eq!(seen.as_deref(), Some(&b"next"[..]));
        }
    }
}
