//! Embeddings.

use super::{Dialect, unexpected_body, usage};
use crate::provider::pick;
use crate::record::{EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo, ErrorKind};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, value::RawValue};
use std::borrow::Cow;

/// What an embeddings request asks for. `None` if the body is not a JSON object.
///
/// A parameter of the wrong type, and one that we do not know, stays among the
/// [`options`](EmbeddingsRequest::options).
pub fn read_request(body: &[u8]) -> Option<EmbeddingsRequest> {
    let mut sent: Map<String, Value> = serde_json::from_slice(body).ok()?;
    Some(EmbeddingsRequest {
        model: pick::take_text(&mut sent, "model"),
        input: pick::take(&mut sent, "input", read_input).unwrap_or_default(),
        dimensions: pick::take(&mut sent, "dimensions", pick::small_number),
        encoding_formats: pick::take_text(&mut sent, "encoding_format").into_iter().collect(),
        user: pick::take_text(&mut sent, "user"),
        options: sent,
    })
}

/// The body of an embeddings request.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] when more than one encoding is asked for, of which the API takes
/// one.
pub fn write_request(request: &EmbeddingsRequest, dialect: Dialect) -> Result<Vec<u8>, ErrorInfo> {
    if request.encoding_formats.len() > 1 {
        return Err(ErrorInfo::new(
            ErrorKind::InvalidRequest,
            "encoding_formats: OpenAI embeddings take one encoding_format",
        ));
    }
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("model", request.model.as_deref().map(Value::from));
    put("input", Some(write_input(&request.input)));
    let dimensions = if dialect.output_dimension { "output_dimension" } else { "dimensions" };
    put(dimensions, request.dimensions.map(Value::from));
    put("encoding_format", request.encoding_formats.first().map(|format| Value::from(format.as_str())));
    put("user", request.user.as_deref().map(Value::from));
    body.extend(request.options.clone());
    pick::to_body(&body)
}

fn read_input(input: &Value) -> Option<Vec<EmbeddingInput>> {
    match input {
        Value::String(text) => Some(vec![EmbeddingInput::Text(text.clone())]),
        Value::Array(all) if !all.is_empty() && all.iter().all(Value::is_number) => {
            tokens(input).map(|tokens| vec![tokens])
        }
        Value::Array(all) => all
            .iter()
            .map(|one| match one {
                Value::String(text) => Some(EmbeddingInput::Text(text.clone())),
                other => tokens(other),
            })
            .collect(),
        _ => None,
    }
}

fn tokens(input: &Value) -> Option<EmbeddingInput> {
    let tokens = input.as_array()?.iter().map(pick::small_number).collect::<Option<Vec<u32>>>()?;
    Some(EmbeddingInput::Tokens(tokens))
}

fn write_input(input: &[EmbeddingInput]) -> Value {
    let one = |input: &EmbeddingInput| match input {
        EmbeddingInput::Text(text) => Value::from(text.as_str()),
        EmbeddingInput::Tokens(tokens) => Value::from(tokens.as_slice()),
    };
    match input {
        [alone] => one(alone),
        several => several.iter().map(one).collect(),
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// What an embedding model answered. The numbers are decoded only if `keep_vectors`.
///
/// # Errors
/// [`ErrorKind::Protocol`] when the body is not a JSON object with `data`, or a vector in it cannot be
/// read: the others would be taken for its neighbours.
pub fn read_response(body: &[u8], keep_vectors: bool) -> Result<Embeddings, ErrorInfo> {
    let answer = Some(body)
        .filter(|body| pick::is_object(body))
        .and_then(|body| serde_json::from_slice::<Answer<'_>>(body).ok());
    let Some(answer) = answer else {
        return Err(unexpected_body("a list of embeddings", body));
    };
    let mut embeddings = Embeddings {
        model: answer.model.and_then(pick::raw_text),
        id: answer.id.and_then(pick::raw_text),
        usage: answer.usage.map(usage::read).unwrap_or_default(),
        count: answer.data.len(),
        ..Embeddings::default()
    };
    let mut vectors = Vec::new();
    for (place, raw) in answer.data.into_iter().enumerate() {
        let vector = Some(raw.get()).filter(|raw| pick::is_object(raw.as_bytes()));
        let Some(vector) = vector.and_then(|raw| serde_json::from_str::<Vector<'_>>(raw).ok()) else {
            return Err(unexpected_body("a list of embeddings", body));
        };
        if embeddings.dimensions.is_none() {
            (embeddings.encoding, embeddings.dimensions) = shape(vector.embedding);
        }
        if keep_vectors {
            let index = vector.index.unwrap_or_else(|| u64::try_from(place).unwrap_or(u64::MAX));
            let Some(numbers) = numbers(vector.embedding) else {
                return Err(unexpected_body("a list of embeddings", body));
            };
            vectors.push((index, numbers));
        }
    }
    vectors.sort_by_key(|(index, _)| *index);
    embeddings.vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
    Ok(embeddings)
}

/// The encoding and the length of a vector, without its numbers.
pub(in crate::provider) fn shape(raw: &RawValue) -> (Option<String>, Option<usize>) {
    if raw.get().starts_with('"') {
        let length = base64_text(raw).and_then(|text| bytes_in(&text)).map(|bytes| bytes / 4);
        return (Some("base64".to_owned()), length);
    }
    let length = serde_json::from_str::<Vec<IgnoredAny>>(raw.get()).ok().map(|numbers| numbers.len());
    (length.map(|_| "float".to_owned()), length)
}

/// The numbers of a vector.
pub(in crate::provider) fn numbers(raw: &RawValue) -> Option<Vec<f32>> {
    if !raw.get().starts_with('"') {
        return serde_json::from_str(raw.get()).ok();
    }
    let bytes = STANDARD.decode(base64_text(raw)?.as_bytes()).ok()?;
    let numbers = bytes.chunks_exact(4);
    let whole = numbers.remainder().is_empty();
    whole.then(|| numbers.filter_map(|four| four.try_into().ok()).map(f32::from_le_bytes).collect())
}

fn base64_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// How many bytes this base64 text holds.
fn bytes_in(base64: &str) -> Option<usize> {
    let digits = base64.trim_end_matches('=').len();
    (digits % 4 != 1).then_some(digits / 4 * 3 + (digits % 4).saturating_sub(1))
}
