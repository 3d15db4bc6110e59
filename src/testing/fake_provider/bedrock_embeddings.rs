//! Embeddings of Cohere's models and of Titan, through Bedrock.

use super::{
    Answer,
    bedrock::Family,
    embeddings,
    render::{Tokens, uuid},
};
use serde_json::{Map, Value, json};

/// What it took, and the vectors.
pub(super) fn body(
    answer: &Answer,
    request: &Value,
    family: Family,
    model: &str,
    number: usize,
) -> (Tokens, Value) {
    let field = if family == Family::CohereEmbed { "texts" } else { "inputText" };
    let inputs = embeddings::inputs(&request[field]);
    let tokens = embeddings::tokens(answer, &inputs);
    let body = if family == Family::CohereEmbed {
        cohere(answer, request, &inputs, model, number)
    } else {
        titan(answer, request, &inputs, model, tokens)
    };
    (Tokens { input: tokens, ..Tokens::default() }, body)
}

fn cohere(answer: &Answer, request: &Value, inputs: &[&Value], model: &str, number: usize) -> Value {
    let is_fourth = model.contains("embed-v4");
    let native = if is_fourth { 1536 } else { 1024 };
    let vectors = embeddings::vectors(answer, inputs, &request["output_dimension"], native);
    let kinds: Vec<_> =
        request["embedding_types"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // The fourth version sorts them even if nobody asked.
    let kinds = if kinds.is_empty() && is_fourth { vec!["float"] } else { kinds };
    let (response_type, embeddings) = if kinds.is_empty() {
        ("embeddings_floats", json!(vectors))
    } else {
        let by_type = kinds.into_iter().map(|kind| (kind.to_owned(), of_type(&vectors, kind)));
        ("embeddings_by_type", Value::Object(by_type.collect::<Map<_, _>>()))
    };
    json!({
        "id": uuid(number),
        "embeddings": embeddings,
        "response_type": response_type,
        "texts": inputs,
    })
}

fn of_type(vectors: &[Vec<f32>], kind: &str) -> Value {
    let zero = match kind {
        "int8" => 0.0,
        "uint8" => 128.0,
        _ => return json!(vectors),
    };
    let scaled = vectors.iter().map(|vector| {
        vector.iter().map(|number| json!((number * 127.0 + zero).round() as i64)).collect::<Value>()
    });
    scaled.collect()
}

fn titan(answer: &Answer, request: &Value, inputs: &[&Value], model: &str, tokens: u64) -> Value {
    let is_first = model.contains("embed-text-v1");
    let native = if is_first { 1536 } else { 1024 };
    let vectors = embeddings::vectors(answer, inputs, &request["dimensions"], native);
    let vector = vectors.first();
    let mut body = json!({ "embedding": vector, "inputTextTokenCount": tokens });
    if !is_first {
        body["embeddingsByType"] = json!({ "float": vector });
    }
    body
}
