//! Google's embeddings, which have three shapes.

use super::{
    Answer, embeddings,
    endpoint::{Endpoint, Form, Operation},
    google::field,
    prompt::text,
};
use serde_json::{Value, json};

pub(super) fn body(answer: &Answer, request: &Value, endpoint: Endpoint<'_>) -> Value {
    let model = endpoint.model.unwrap_or_default();
    let native = if model.contains("gemini-embedding") { 3072 } else { 768 };
    let vectors = |texts: &[Value], asked: &Value| {
        embeddings::vectors(answer, &texts.iter().collect::<Vec<_>>(), asked, native)
    };
    // Vertex counts, but of the Gemini API only the models of the second generation do.
    let is_counted = answer.usage.is_some() || endpoint.form == Form::Vertex || model.contains("embedding-2");
    let with_usage = |mut body: Value, texts: &[Value]| {
        if is_counted {
            let tokens = embeddings::tokens(answer, &texts.iter().collect::<Vec<_>>());
            body["usageMetadata"] = json!({ "promptTokenCount": tokens });
        }
        body
    };
    match endpoint.operation {
        Operation::Predict => {
            let texts = contents(&request["instances"], |instance| instance["content"].clone());
            let vectors = vectors(&texts, dimensions(&request["parameters"]));
            predictions(answer, &texts, &vectors)
        }
        Operation::BatchEmbedContents => {
            let texts = contents(&request["requests"], |request| json!(text(&request["content"]["parts"])));
            let vectors = vectors(&texts, dimensions(&request["requests"][0]));
            let values: Value = vectors.iter().map(|vector| json!({ "values": vector })).collect();
            with_usage(json!({ "embeddings": values }), &texts)
        }
        _ => {
            let texts = [json!(text(&request["content"]["parts"]))];
            let vectors = vectors(&texts, dimensions(request));
            with_usage(json!({ "embedding": { "values": vectors.first() } }), &texts)
        }
    }
}

/// How many are asked for: by themselves or, on Vertex, in a configuration.
fn dimensions(request: &Value) -> &Value {
    let config = field(request, "embedContentConfig", "embed_content_config");
    let holder = if config.is_null() { request } else { config };
    field(holder, "outputDimensionality", "output_dimensionality")
}

fn contents(list: &Value, content: impl Fn(&Value) -> Value) -> Vec<Value> {
    list.as_array().into_iter().flatten().map(content).collect()
}

/// Vertex counts each text; of a total that the test gave, the first has the odd tokens.
fn predictions(answer: &Answer, texts: &[Value], vectors: &[Vec<f32>]) -> Value {
    let given = answer.usage.as_ref().and_then(|usage| usage.input_tokens);
    let count = vectors.len().max(1) as u64;
    let predictions = vectors.iter().enumerate().map(|(index, vector)| {
        let counted = texts.get(index).map_or(0, embeddings::tokens_of);
        let tokens =
            given.map_or(counted, |total| total / count + if index == 0 { total % count } else { 0 });
        let statistics = json!({ "truncated": false, "token_count": tokens });
        json!({ "embeddings": { "values": vector, "statistics": statistics } })
    });
    let characters: usize = texts.iter().filter_map(|text| Some(text.as_str()?.chars().count())).sum();
    json!({
        "predictions": predictions.collect::<Value>(),
        "metadata": { "billableCharacterCount": characters },
    })
}
