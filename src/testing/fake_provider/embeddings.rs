//! Embeddings.

use super::{Answer, answer::Content, render::Tokens};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// As OpenAI has it.
pub(super) fn body(answer: &Answer, request: &Value, model: &str) -> Value {
    let inputs = inputs(&request["input"]);
    let native = if model.contains("3-large") { 3072 } else { 1536 };
    let vectors = vectors(answer, &inputs, &request["dimensions"], native);
    let tokens = tokens(answer, &inputs);
    json!({
        "object": "list",
        "data": data(&vectors, request),
        "model": answer.model.as_deref().unwrap_or(model),
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// The vectors as a list, in numbers or in base64 as the request wants them.
pub(super) fn data(vectors: &[Vec<f32>], request: &Value) -> Value {
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
    data.collect()
}

/// One text, several, one text as tokens, or several: a number begins a text of tokens.
pub(super) fn inputs(input: &Value) -> Vec<&Value> {
    match input.as_array() {
        Some(texts) if !texts.first().is_some_and(Value::is_number) => texts.iter().collect(),
        _ => vec![input],
    }
}

/// The vectors that the test gave, or one for each input: `asked` is how many dimensions the request
/// wants, `native` how many the model has.
pub(super) fn vectors(answer: &Answer, inputs: &[&Value], asked: &Value, native: usize) -> Vec<Vec<f32>> {
    if let Content::Embeddings(vectors) = &answer.content {
        return vectors.clone();
    }
    let asked = asked.as_u64().and_then(|dimensions| dimensions.try_into().ok());
    let dimensions = asked.unwrap_or(native).clamp(1, 4096);
    inputs.iter().map(|input| vector(input, dimensions)).collect()
}

/// The tokens that the test gave, or those of all inputs.
pub(super) fn tokens(answer: &Answer, inputs: &[&Value]) -> u64 {
    let counted = || inputs.iter().map(|input| tokens_of(input)).sum();
    answer.usage.as_ref().map_or_else(counted, |usage| Tokens::given(usage).input)
}

pub(super) fn tokens_of(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => text.as_str().unwrap_or_default().split_whitespace().count() as u64,
    }
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
