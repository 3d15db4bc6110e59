use super::{chunk, exception, read, stream};
use serde_json::json;
use tracing_genai::provider::Limits;
use tracing_genai::record::ErrorKind;
use tracing_genai::wire::event_stream::encode;

#[test]
fn an_exception_ends_a_stream_and_what_came_stays() {
    let said = json!({ "contentBlockDelta": { "delta": { "text": "Hel" }, "contentBlockIndex": 0 } });
    let broken = exception("modelStreamErrorException", &json!({ "message": "Try again." }));
    let (reader, _) = read(&[chunk(said.to_string().as_bytes()), broken], Limits::default());
    assert!(!reader.is_complete());
    let (response, error) = reader.finish();
    assert_eq!((response.text().as_str(), response.stream.unwrap().events), ("Hel", 2));
    let error = error.unwrap();
    assert_eq!((error.kind, error.http_status), (ErrorKind::Server, None));
    assert_eq!(error.provider_type.as_deref(), Some("modelStreamErrorException"));
    assert_eq!(error.message, "Try again.");
}

#[test]
fn the_type_of_an_exception_tells_its_kind() {
    let kinds = [
        ("throttlingException", ErrorKind::RateLimited),
        ("ThrottlingException", ErrorKind::RateLimited),
        ("modelTimeoutException", ErrorKind::Timeout),
        ("internalServerException", ErrorKind::Server),
        ("validationException", ErrorKind::InvalidRequest),
        ("serviceUnavailableException", ErrorKind::Overloaded),
        ("somethingNew", ErrorKind::Server),
    ];
    for (word, kind) in kinds {
        let (reader, _) = read(&[exception(word, &json!({ "message": "m" }))], Limits::default());
        assert_eq!(reader.error().unwrap().kind, kind, "{word}");
    }
}

#[test]
fn an_exception_amid_claudes_events_counts_as_one() {
    let start = json!({ "type": "message_start", "message": { "id": "m" } });
    let frames = [chunk(start.to_string().as_bytes()), exception("throttlingException", &json!({}))];
    let (response, error) = read(&frames, Limits::default()).0.finish();
    assert_eq!((response.id.as_deref(), response.stream.unwrap().events), (Some("m"), 2));
    assert!(!error.unwrap().message.is_empty());
}

#[test]
fn what_cannot_be_read_is_counted_and_passed_over() {
    let event = |payload: &[u8]| encode(&[(":event-type", "chunk"), (":message-type", "event")], payload);
    let good = chunk(br#"{"generation":"Hi","stop_reason":"stop"}"#);
    let frames = [
        event(b""),
        event(b"{}"),
        event(br#"{"bytes":"?"}"#),
        event(br#"{"bytes":7}"#),
        chunk(b"\xff"),
        chunk(b"[1]"),
        chunk(br#"{"something":"else"}"#),
        good,
    ];
    let (reader, _) = read(&frames, Limits::default());
    assert_eq!((reader.unreadable_events(), reader.response().text().as_str()), (7, "Hi"));
    assert_eq!(reader.response().stream.as_ref().unwrap().events, 8);
}

#[test]
fn values_of_the_wrong_type_lose_nothing_beside_them() {
    let (reader, _) = stream(&[
        json!({ "generation": "Hi", "prompt_token_count": "many", "generation_token_count": 2, "stop_reason": 7 }),
        json!({ "outputs": [null, 1, { "text": "!" }], "amazon-bedrock-invocationMetrics": [] }),
    ]);
    assert_eq!((reader.response().text().as_str(), reader.unreadable_events()), ("Hi!", 0));
    assert_eq!(reader.response().usage.output_tokens, Some(2));
}

#[test]
fn nothing_is_complete_before_it_came() {
    let (reader, deltas) = read(&[], Limits::default());
    assert!(!reader.is_complete() && deltas.is_empty());
    let (response, error) = reader.finish();
    assert_eq!((response.stream.unwrap().events, error), (0, None));
}
