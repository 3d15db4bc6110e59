//! Embeddings of OpenAI. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use serde_json::{Value, json};
use tracing_genai::{
    provider::openai::{
        Dialect,
        embeddings::{read_request, read_response, write_request},
    },
    record::{EmbeddingInput, EmbeddingsRequest, ErrorKind},
};

fn body(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn request(value: &Value) -> EmbeddingsRequest {
    read_request(&body(value)).unwrap()
}

#[test]
fn an_input_is_a_text_or_tokens_or_several_of_them() {
    let text = |text: &str| EmbeddingInput::from(text);
    let tokens = |tokens: &[u32]| EmbeddingInput::from(tokens.to_vec());
    for (input, read) in [
        (json!("a"), vec![text("a")]),
        (json!(["a", "b"]), vec![text("a"), text("b")]),
        (json!([1, 2]), vec![tokens(&[1, 2])]),
        (json!([[1], [2, 3]]), vec![tokens(&[1]), tokens(&[2, 3])]),
        (json!([]), vec![]),
    ] {
        let request = request(&json!({ "model": "m", "input": input }));
        assert_eq!(request.input, read);
        let written: Value =
            serde_json::from_slice(&write_request(&request, Dialect::default()).unwrap()).unwrap();
        assert_eq!(written["input"], input);
    }
}

#[test]
fn a_request_is_written_as_it_was_read() {
    let sent = json!({
        "model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8,
        "encoding_format": "base64", "user": "u", "input_type": "query",
    });
    let read = request(&sent);
    assert_eq!(read.dimensions, Some(8));
    assert_eq!(read.encoding_formats, ["base64"]);
    assert_eq!(read.options["input_type"], "query");
    assert_eq!(
        serde_json::from_slice::<Value>(&write_request(&read, Dialect::default()).unwrap()).unwrap(),
        sent
    );
}

#[test]
fn a_parameter_of_the_wrong_type_loses_no_other() {
    let sent = json!({ "model": 7, "input": "a", "dimensions": -1 });
    let read = request(&sent);
    assert_eq!(read.input, [EmbeddingInput::from("a")]);
    assert_eq!(
        serde_json::from_slice::<Value>(&write_request(&read, Dialect::default()).unwrap()).unwrap(),
        sent
    );
}

#[test]
fn two_encodings_are_refused() {
    let mut request = EmbeddingsRequest::default();
    request.encoding_formats = vec!["float".to_owned(), "base64".to_owned()];
    let error = write_request(&request, Dialect::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
    assert!(error.message.contains("encoding_format"));
}

#[test]
fn vectors_come_in_the_order_of_the_input() {
    let sent = json!({
        "data": [{ "index": 1, "embedding": [3.0, 4.0] }, { "index": 0, "embedding": [1, 2.5] }],
        "model": "m", "usage": { "prompt_tokens": 5, "total_tokens": 5 },
    });
    let read = read_response(&body(&sent), true).unwrap();
    assert_eq!(read.vectors, [[1.0, 2.5], [3.0, 4.0]]);
    assert_eq!((read.count, read.dimensions, read.encoding.as_deref()), (2, Some(2), Some("float")));
    assert_eq!(read.usage.input_tokens, Some(5));
    assert_eq!(read.usage.output_tokens, None);
}

#[test]
fn the_numbers_are_kept_only_when_asked_for() {
    let sent = json!({ "data": [{ "index": 0, "embedding": [1.0, 2.0] }] });
    let read = read_response(&body(&sent), false).unwrap();
    assert!(read.vectors.is_empty());
    assert_eq!((read.count, read.dimensions), (1, Some(2)));
}

#[test]
fn base64_is_little_endian_floats() {
    // 1.0 and -2.5.
    let sent = json!({ "data": [{ "index": 0, "embedding": "AACAPwAAIMA=" }] });
    let read = read_response(&body(&sent), true).unwrap();
    assert_eq!(read.vectors, [[1.0, -2.5]]);
    assert_eq!((read.dimensions, read.encoding.as_deref()), (Some(2), Some("base64")));
}

#[test]
fn a_vector_that_cannot_be_read_fails_the_whole_since_the_others_are_known_by_place() {
    let sent = json!({ "data": [
        { "index": 0, "embedding": "no base64!" },
        { "index": 1, "embedding": [1.0] },
    ] });
    assert_eq!(read_response(&body(&sent), true).unwrap_err().kind, ErrorKind::Protocol);
    // Who does not want the numbers learns what there is.
    assert_eq!(read_response(&body(&sent), false).unwrap().count, 2);
}

#[test]
fn a_body_without_data_is_a_protocol_error() {
    for sent in ["", "null", "[]", "[[]]", "{}", r#"{"data":7}"#, "<html>"] {
        let error = read_response(sent.as_bytes(), true).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert_eq!(error.body.unwrap_or_default(), sent);
    }
}

#[test]
fn a_body_cut_anywhere_never_panics() {
    let sent = r#"{"data":[{"index":0,"embedding":"AACAPwAAIMA="},{"index":1,"embedding":[1.0,2e3]}],"model":"ü","usage":{"prompt_tokens":5.0}}"#;
    for end in 0..sent.len() {
        let cut = &sent.as_bytes()[..end];
        assert!(read_response(cut, true).is_err());
        assert!(read_request(cut).is_none());
    }
}
