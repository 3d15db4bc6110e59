//! Embedding models of Amazon Bedrock: Amazon Titan's and Cohere's.

use crate::{
    provider::{
        body::merge,
        failure::{refuse, unexpected_body, wrong},
        lenient::Count,
        openai::embeddings::{numbers, shape},
        pick,
    },
    record::{EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo},
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

const BEDROCK: &str = "Amazon Bedrock";

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What we do not know, and inputs that are no texts, stay among the [`options`](EmbeddingsRequest::options).
pub fn read_request(body: &[u8]) -> Option<EmbeddingsRequest> {
    let mut sent: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut input: Vec<EmbeddingInput> =
        pick::take(&mut sent, "inputText", pick::some_text).into_iter().map(EmbeddingInput::Text).collect();
    for name in ["texts", "inputs"] {
        input.extend(pick::take(&mut sent, name, read_texts).unwrap_or_default());
    }
    let mut formats = Vec::new();
    for name in ["embeddingTypes", "embedding_types"] {
        formats.extend(pick::take(&mut sent, name, read_words).unwrap_or_default());
    }
    Some(EmbeddingsRequest {
        model: None,
        input,
        dimensions: pick::take(&mut sent, "dimensions", pick::small_number)
            .or_else(|| pick::take(&mut sent, "output_dimension", pick::small_number)),
        encoding_formats: formats,
        user: None,
        options: sent,
    })
}

fn read_words(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

/// A list of texts, or of contents that are one text each.
fn read_texts(list: &Value) -> Option<Vec<EmbeddingInput>> {
    let text = |one: &Value| match one {
        Value::String(text) => Some(EmbeddingInput::Text(text.clone())),
        other => match other.get("content")?.as_array()?.as_slice() {
            [part] => part.get("text")?.as_str().map(EmbeddingInput::from),
            _ => None,
        },
    };
    list.as_array()?.iter().map(text).collect()
}

/// Whether the request is for a model of Cohere's: its id or ARN says so, or an option that only they take.
pub(crate) fn is_coheres(request: &EmbeddingsRequest) -> bool {
    request.model.as_deref().is_some_and(|model| model.contains("cohere"))
        || request.options.contains_key("input_type")
}

/// The body of a request: for a model whose id or ARN holds `cohere`, or with the option `input_type`, Cohere's;
/// else Titan's.
///
/// Cohere wants to be told what the vectors are for: `search_document`, unless the options have an
/// `input_type`. Images go among the options too (`images`, `inputs`, Titan's `inputImage`).
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming the parameter that
/// the model has not, or cannot take as it is: a user, token ids, and of Titan's models more than one text.
pub fn write_request(request: &EmbeddingsRequest) -> Result<Vec<u8>, ErrorInfo> {
    refuse(BEDROCK, "user", request.user.is_some())?;
    let mut texts = Vec::with_capacity(request.input.len());
    for input in &request.input {
        match input {
            EmbeddingInput::Text(text) => texts.push(text.as_str()),
            EmbeddingInput::Tokens(_) => {
                return Err(wrong("input", &format!("{BEDROCK} takes texts, not token ids")));
            }
        }
    }
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
    let formats = Some(&request.encoding_formats).filter(|formats| !formats.is_empty());
    let formats = formats.map(|formats| Value::from(formats.as_slice()));
    let dimensions = request.dimensions.map(Value::from);
    if is_coheres(request) {
        put("texts", Some(Value::from(texts)).filter(|_| !request.input.is_empty()));
        put("input_type", Some(Value::from("search_document")));
        put("embedding_types", formats);
        put("output_dimension", dimensions);
    } else {
        put("inputText", one_text(&texts, request)?.map(Value::from));
        put("dimensions", dimensions);
        put("embeddingTypes", formats);
    }
    merge(&mut body, &request.options);
    pick::to_body(&body)
}

fn one_text<'a>(texts: &[&'a str], request: &EmbeddingsRequest) -> Result<Option<&'a str>, ErrorInfo> {
    let elsewhere = ["inputText", "inputImage"].iter().any(|name| request.options.contains_key(*name));
    match texts {
        [text] => Ok(Some(text)),
        [] if elsewhere => Ok(None),
        _ => {
            let count = texts.len();
            Err(wrong(
                "input",
                &format!("this model takes one text a request, not {count}: send one for each"),
            ))
        }
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embedding: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "embeddingsByType")]
    by_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embeddings: Option<&'a RawValue>,
    #[serde(default, rename = "inputTextTokenCount")]
    input_tokens: Count,
}

/// The answer. The numbers are decoded only if `keep_vectors`; of several encodings `float` is read, else
/// the first by name.
///
/// # Errors
/// As [`crate::provider::read_embeddings`], also when a vector cannot be read: the others would be taken
/// for its neighbours.
pub fn read_response(body: &[u8], keep_vectors: bool) -> Result<Embeddings, ErrorInfo> {
    let read = || {
        let text = std::str::from_utf8(body).ok().filter(|_| pick::is_object(body))?;
        read_answer(&serde_json::from_str(text).ok()?, keep_vectors)
    };
    read().ok_or_else(|| unexpected_body("embeddings", body))
}

fn read_answer(answer: &Answer<'_>, keep_vectors: bool) -> Option<Embeddings> {
    let (named, vectors) = match (answer.embeddings, answer.embedding) {
        (Some(embeddings), _) => {
            let (named, all) = of_one_type(embeddings)?;
            (named, serde_json::from_str::<Vec<&RawValue>>(all.get()).ok()?)
        }
        (None, Some(vector)) => (None, vec![vector]),
        (None, None) => {
            let (named, vector) = of_one_type(answer.by_type?)?;
            (named, vec![vector])
        }
    };
    let mut embeddings =
        Embeddings { id: answer.id.and_then(pick::raw_text), count: vectors.len(), ..Embeddings::default() };
    embeddings.usage.input_tokens = answer.input_tokens.0;
    for raw in vectors {
        let (encoding, length) = shape(raw);
        embeddings.dimensions = embeddings.dimensions.or(Some(length?));
        embeddings.encoding = embeddings.encoding.or_else(|| named.clone()).or(encoding);
        if keep_vectors {
            embeddings.vectors.push(numbers(raw)?);
        }
    }
    // Bits come packed from Cohere.
    if answer.embeddings.is_some() && named.is_some_and(|named| named.ends_with("binary")) {
        embeddings.dimensions = embeddings.dimensions.and_then(|bytes| bytes.checked_mul(8));
    }
    Some(embeddings)
}

/// What comes by type, of one type and with its name; else what came.
fn of_one_type(raw: &RawValue) -> Option<(Option<String>, &RawValue)> {
    if !pick::is_object(raw.get().as_bytes()) {
        return Some((None, raw));
    }
    let mut types: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    let found = types.remove_entry("float").or_else(|| types.pop_first())?;
    Some((Some(found.0), found.1))
}
