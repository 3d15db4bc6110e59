//! Embedding models of Amazon Bedrock. All bodies here are synthetic.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use serde_json::{Value, json};
use tracing_genai::provider::bedrock::{
    embeddings::{read_request, read_response, write_request},
    model_family,
};
use tracing_genai::record::{EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorKind};

fn asking(model: &str, texts: &[&str]) -> EmbeddingsRequest {
    let mut request = EmbeddingsRequest::default();
    request.model = Some(model.to_owned());
    request.input = texts.iter().map(|text| EmbeddingInput::from(*text)).collect();
    request
}

fn written(request: &EmbeddingsRequest) -> Value {
    serde_json::from_slice(&write_request(request).unwrap()).unwrap()
}

fn refused(request: &EmbeddingsRequest, parameter: &str) {
    let error = write_request(request).unwrap_err();
    assert_eq!((error.kind, error.param.as_deref()), (ErrorKind::InvalidRequest, Some(parameter)));
}

fn answer(sent: &Value) -> Embeddings {
    read_response(sent.to_string().as_bytes(), true).unwrap()
}

#[test]
fn titan_takes_one_text() {
    let mut request = asking("amazon.titan-embed-text-v2:0", &["Hi"]);
    request.dimensions = Some(256);
    request.encoding_formats = vec!["float".into(), "binary".into()];
    request.options.insert("normalize".into(), json!(true));
    assert_eq!(
        written(&request),
        json!({ "inputText": "Hi", "dimensions": 256, "embeddingTypes": ["float", "binary"], "normalize": true })
    );
    refused(&asking("amazon.titan-embed-text-v2:0", &["a", "b"]), "input");
    refused(&asking("amazon.titan-embed-text-v2:0", &[]), "input");
}

#[test]
fn cohere_takes_many_texts_and_is_told_what_for() {
    let mut request = asking("us.cohere.embed-v4:0", &["a", "b"]);
    request.dimensions = Some(512);
    request.encoding_formats = vec!["int8".into()];
    assert_eq!(
        written(&request),
        json!({ "texts": ["a", "b"], "input_type": "search_document", "output_dimension": 512, "embedding_types": ["int8"] })
    );
    request.options.insert("input_type".into(), json!("search_query"));
    assert_eq!(written(&request)["input_type"], "search_query");
}

#[test]
fn images_come_of_the_options() {
    let mut cohere = asking("cohere.embed-v4:0", &[]);
    cohere.options.insert("images".into(), json!(["data:"]));
    assert_eq!(written(&cohere), json!({ "images": ["data:"], "input_type": "search_document" }));
    let mut titan = asking("amazon.titan-embed-image-v1", &[]);
    titan.options.insert("inputImage".into(), json!("AAAA"));
    assert_eq!(written(&titan), json!({ "inputImage": "AAAA" }));
}

#[test]
fn what_no_model_takes_is_refused() {
    for model in ["cohere.embed-english-v3", "amazon.titan-embed-text-v1"] {
        let mut request = asking(model, &["a"]);
        request.user = Some("u".into());
        refused(&request, "user");
        let mut request = asking(model, &[]);
        request.input.push(EmbeddingInput::Tokens(vec![1]));
        refused(&request, "input");
    }
}

#[test]
fn requests_of_both_are_read() {
    let titan =
        json!({ "inputText": "Hi", "dimensions": 256, "normalize": true, "embeddingTypes": ["binary"] });
    let request = read_request(titan.to_string().as_bytes()).unwrap();
    assert_eq!((request.input, request.dimensions), (vec!["Hi".into()], Some(256)));
    assert_eq!(request.encoding_formats, ["binary"]);
    assert_eq!(Value::Object(request.options), json!({ "normalize": true }));
    let cohere = json!({ "texts": ["a", "b"], "input_type": "search_query", "output_dimension": 512, "embedding_types": ["int8"] });
    let request = read_request(cohere.to_string().as_bytes()).unwrap();
    assert_eq!((request.input, request.dimensions), (vec!["a".into(), "b".into()], Some(512)));
    assert_eq!(Value::Object(request.options), json!({ "input_type": "search_query" }));
    assert_eq!(read_request(b"[]"), None);
}

#[test]
fn inputs_that_are_texts_are_read_and_others_stay() {
    let text = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
    let image = json!({ "content": [{ "type": "image_url", "image_url": { "url": "data:" } }] });
    let texts = json!({ "inputs": [text("a"), text("b")] });
    assert_eq!(read_request(texts.to_string().as_bytes()).unwrap().input, ["a".into(), "b".into()]);
    let mixed = json!({ "inputs": [text("a"), image] });
    let request = read_request(mixed.to_string().as_bytes()).unwrap();
    assert_eq!((request.input.len(), Value::Object(request.options)), (0, mixed));
}

#[test]
fn titans_vector_is_read() {
    let embeddings = answer(
        &json!({ "embedding": [0.5, -1.0], "embeddingsByType": { "float": [0.5, -1.0] }, "inputTextTokenCount": 2 }),
    );
    assert_eq!((embeddings.count, embeddings.dimensions), (1, Some(2)));
    assert_eq!((embeddings.vectors, embeddings.encoding.as_deref()), (vec![vec![0.5, -1.0]], Some("float")));
    assert_eq!((embeddings.usage.input_tokens, embeddings.usage.raw), (Some(2), None));
}

#[test]
fn titans_vector_may_come_by_type_alone() {
    let embeddings =
        answer(&json!({ "embeddingsByType": { "binary": [0, 1, 1] }, "inputTextTokenCount": 2 }));
    assert_eq!((embeddings.dimensions, embeddings.encoding.as_deref()), (Some(3), Some("binary")));
}

#[test]
fn coheres_vectors_come_as_a_list_or_by_type() {
    for vectors in [
        json!([[0.5, 1.0], [2.0, 3.0]]),
        json!({ "float": [[0.5, 1.0], [2.0, 3.0]], "int8": [[0, 1], [2, 3]] }),
    ] {
        let embeddings = answer(&json!({ "id": "e", "embeddings": vectors, "texts": ["a", "b"] }));
        assert_eq!((embeddings.count, embeddings.dimensions), (2, Some(2)));
        assert_eq!((embeddings.id.as_deref(), embeddings.encoding.as_deref()), (Some("e"), Some("float")));
        assert_eq!(embeddings.vectors, [[0.5, 1.0], [2.0, 3.0]]);
        assert_eq!(embeddings.usage.input_tokens, None);
    }
}

#[test]
fn coheres_bits_are_packed() {
    let embeddings = answer(&json!({ "embeddings": { "ubinary": [[255, 1]] } }));
    assert_eq!((embeddings.dimensions, embeddings.encoding.as_deref()), (Some(16), Some("ubinary")));
}

#[test]
fn numbers_are_kept_only_if_wanted() {
    let embeddings = read_response(br#"{"embedding":[1,2,3]}"#, false).unwrap();
    assert_eq!((embeddings.vectors.len(), embeddings.count, embeddings.dimensions), (0, 1, Some(3)));
}

#[test]
fn what_is_no_vector_is_an_error() {
    for body in ["", "[]", "{}", r#"{"embedding":7}"#, r#"{"embeddings":[[1],null]}"#, r#"{"embeddings":{}}"#]
    {
        assert_eq!(read_response(body.as_bytes(), true).unwrap_err().kind, ErrorKind::Protocol, "{body}");
    }
}

#[test]
fn a_models_family_is_found_in_its_id_or_arn() {
    let families = [
        ("anthropic.claude-v2:1", Some("anthropic")),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", Some("anthropic")),
        ("amazon.nova-lite-v1:0", Some("nova")),
        ("amazon.titan-text-express-v1", Some("titan")),
        ("us.cohere.embed-v4:0", Some("cohere")),
        ("ai21.jamba-1-5-mini-v1:0", Some("ai21")),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.meta.llama3-1-8b-instruct-v1:0", Some("llama")),
        ("arn:aws:sagemaker:us-east-1:1:endpoint/mine", None),
        ("does-not-exist", None),
        ("", None),
    ];
    for (model, family) in families {
        assert_eq!(model_family(model), family, "{model}");
    }
}
