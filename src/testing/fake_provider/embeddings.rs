//! Embeddings.

use super::{Answer, answer::Content, render::Tokens};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub(super) fn body(answer: &Answer, request: &Value) -> Value {
    let inputs = inputs(&request["input"]);
    let model = request["model"].as_str().unwrap_or_default();
    let vectors = match &answer.content {
        Content::Embeddings(vectors) => vectors.clone(),
        _ => inputs.iter().map(|input| vector(input, dimensions(request, model))).collect(),
    };
    let as_base64 = request["encoding_format"] == "base64";
    let data = vectors.iter().enumerate().map(|(index, vector)| {
        let embedding = if as_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    let tokens = answer
        .usage
        .as_ref()
        .map_or_else(|| inputs.iter().map(|input| tokens(input)).sum(), |usage| Tokens::given(usage).input);
    json!({
        "object": "list",
        "data": data.collect::<Value>(),
        "model": answer.model.as_deref().unwrap_or(model),
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// One text, several, one text as tokens, or several: a number begins a text of tokens.
fn inputs(input: &Value) -> Vec<&Value> {
    match input.as_array() {
        Some(texts) if !texts.first().is_some_and(Value::is_number) => texts.iter().collect(),
        _ => vec![input],
    }
}

fn tokens(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => text.as_str().unwrap_or_default().split_whitespace().count() as u64,
    }
}

fn dimensions(request: &Value, model: &str) -> usize {
    let native = if model.contains("3-large") { 3072 } else { 1536 };
    let asked = request["dimensions"].as_u64().and_then(|dimensions| dimensions.try_into().ok());
    asked.unwrap_or(native).clamp(1, 4096)
}

/// A vector of length 1 that the input alone decides.
fn vector(input: &Value, dimensions: usize) -> Vec<f32> {
    let mut state = input.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let numbers: Vec<f32> = (0..dimensions).map(|_| next()).collect();
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.into_iter().map(|number| number / length).collect()
}
