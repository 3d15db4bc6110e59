use serde_json::{Value, json};
use tracing_genai::{
    provider::{
        Api,
        google::embeddings::{read_request, read_response, write_request},
    },
    record::{EmbeddingInput, EmbeddingsRequest, ErrorInfo},
};

const ALL: [Api; 3] = [Api::GoogleEmbedContent, Api::GoogleBatchEmbedContents, Api::VertexPredict];

fn asks(texts: &[&str]) -> EmbeddingsRequest {
    let mut request = EmbeddingsRequest::default();
    request.model = Some("gemini-embedding-001".to_owned());
    request.input = texts.iter().map(|text| EmbeddingInput::from(*text)).collect();
    request.dimensions = Some(8);
    let options = json!({"taskType": "RETRIEVAL_QUERY", "title": "t"});
    request.options = options.as_object().unwrap().clone();
    request
}

fn written(api: Api, request: &EmbeddingsRequest) -> Value {
    serde_json::from_slice(&write_request(api, request).unwrap()).unwrap()
}

fn read(api: Api, body: &Value) -> EmbeddingsRequest {
    read_request(api, body.to_string().as_bytes()).unwrap()
}

#[test]
fn one_text_is_a_content() {
    let body = json!({
        "content": {"parts": [{"text": "a"}]},
        "outputDimensionality": 8, "taskType": "RETRIEVAL_QUERY", "title": "t",
    });
    assert_eq!(written(Api::GoogleEmbedContent, &asks(&["a"])), body);
    let asked = read(Api::GoogleEmbedContent, &body);
    assert_eq!((asked.input, asked.options), (asks(&["a"]).input, asks(&[]).options));
    let error = write_request(Api::GoogleEmbedContent, &asks(&["a", "b"])).unwrap_err();
    assert!(error.message.contains("batchEmbedContents"), "{}", error.message);
}

#[test]
fn each_request_of_a_batch_has_the_model_and_the_options() {
    let one = |text: &str| {
        json!({
            "model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
            "outputDimensionality": 8, "taskType": "RETRIEVAL_QUERY", "title": "t",
        })
    };
    let asked = asks(&["a", "b"]);
    let body = json!({"requests": [one("a"), one("b")]});
    assert_eq!(written(Api::GoogleBatchEmbedContents, &asked), body);
    assert_eq!(read(Api::GoogleBatchEmbedContents, &body), asked);
    let mut nameless = asked;
    nameless.model = None;
    let error = write_request(Api::GoogleBatchEmbedContents, &nameless).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("model"));
}

#[test]
fn a_batch_of_unlike_requests_stays_whole() {
    let one =
        |kind: &str| json!({"model": "models/m", "content": {"parts": [{"text": kind}]}, "taskType": kind});
    let body = json!({"requests": [one("A"), one("B")]});
    let asked = read(Api::GoogleBatchEmbedContents, &body);
    assert_eq!(asked.input, ["A", "B"].map(EmbeddingInput::from));
    assert_eq!(asked.model.as_deref(), Some("m"));
    assert_eq!(written(Api::GoogleBatchEmbedContents, &asked), body);
}

#[test]
fn vertex_takes_instances_and_parameters() {
    let mut asked = asks(&["a", "b"]);
    asked.model = None;
    asked.options.insert("autoTruncate".to_owned(), json!(false));
    let one = |text: &str| json!({"content": text, "task_type": "RETRIEVAL_QUERY", "title": "t"});
    let body = json!({
        "instances": [one("a"), one("b")],
        "parameters": {"outputDimensionality": 8, "autoTruncate": false},
    });
    assert_eq!(written(Api::VertexPredict, &asked), body);
    assert_eq!(read(Api::VertexPredict, &body), asked);
}

#[test]
fn what_google_has_not_is_refused_by_name() {
    for api in ALL {
        let refused = |change: fn(&mut EmbeddingsRequest)| -> ErrorInfo {
            let mut request = asks(&["a"]);
            change(&mut request);
            write_request(api, &request).unwrap_err()
        };
        let names = [
            refused(|request| request.user = Some("u".to_owned())),
            refused(|request| request.encoding_formats = vec!["base64".to_owned()]),
            refused(|request| request.input = vec![EmbeddingInput::from(vec![1])]),
        ]
        .map(|error| error.param.unwrap());
        assert_eq!(names, ["user", "encoding_formats", "input"]);
    }
}

#[test]
fn each_api_answers_in_its_own_form() {
    let answers = [
        json!({"embedding": {"values": [0.5, -1]}}),
        json!({"embeddings": [{"values": [0.5, -1]}, {"values": [2, 3]}]}),
        json!({"predictions": [
            {"embeddings": {"values": [0.5, -1], "statistics": {"token_count": 3, "truncated": false}}},
            {"embeddings": {"values": [2, 3], "statistics": {"token_count": 4.0}}},
        ]}),
    ];
    for (api, answer) in ALL.into_iter().zip(answers) {
        let body = answer.to_string();
        let embeddings = read_response(body.as_bytes(), true).unwrap();
        let whole = [vec![0.5, -1.0], vec![2.0, 3.0]];
        assert_eq!(embeddings.vectors, whole[..embeddings.count]);
        assert_eq!((embeddings.dimensions, embeddings.encoding), (Some(2), None));
        let tokens = (api == Api::VertexPredict).then_some(7);
        assert_eq!(embeddings.usage.input_tokens, tokens);
        let counted = read_response(body.as_bytes(), false).unwrap();
        assert_eq!((counted.count, counted.vectors.len()), (embeddings.count, 0));
    }
}

#[test]
fn usage_is_read_where_there_is_some() {
    let body = br#"{"embedding": {"values": [1]}, "usageMetadata": {"promptTokenCount": 4}}"#;
    let usage = read_response(body, false).unwrap().usage;
    assert_eq!((usage.input_tokens, usage.total_tokens), (Some(4), None));
}

#[test]
fn a_vector_that_cannot_be_read_fails_the_answer() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"embedding": {}}"#,
        r#"{"embeddings": [{"values": "x"}]}"#,
        r#"{"predictions": [{}]}"#,
    ] {
        assert!(read_response(body.as_bytes(), true).is_err(), "{body}");
    }
}
