//! Embeddings: `embedContent` and `batchEmbedContents`, and `predict` of Vertex AI's embedding models.

use super::{
    fields::{Fields, list, model_name, text},
    usage,
};
use crate::provider::lenient::{Count, Object};
use crate::{
    provider::{
        Api,
        body::merge,
        failure::{refuse, unexpected_body, wrong},
        pick,
    },
    record::{EmbeddingInput, Embeddings, EmbeddingsRequest, ErrorInfo},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json, value::RawValue};

/// What a request asks for. `None` if the body is not a JSON object.
///
/// What we do not know stays among the [`options`](EmbeddingsRequest::options), in Google's first spelling
/// (`taskType`) and without the lists around it, so that one set of options serves all three APIs. A
/// batch whose requests differ in more than their texts stays there whole.
pub fn read_request(api: Api, body: &[u8]) -> Option<EmbeddingsRequest> {
    let mut sent = Fields::read(std::str::from_utf8(body).ok()?)?;
    let mut request = EmbeddingsRequest::default();
    match api {
        Api::GoogleBatchEmbedContents => read_list(&mut sent, "requests", &mut request),
        Api::VertexPredict => {
            read_list(&mut sent, "instances", &mut request);
            if let Some(parameters) = sent.get("parameters").and_then(|raw| Fields::read(raw.get())) {
                sent.remove("parameters");
                let one = One::read(parameters);
                request.dimensions = one.dimensions.or(request.dimensions);
                request.options.extend(one.rest);
            }
        }
        _ => {
            let one = One::read(sent);
            request.input.extend(one.text.map(EmbeddingInput::Text));
            (request.model, request.dimensions, request.options) = (one.model, one.dimensions, one.rest);
            return Some(request);
        }
    }
    request.options.extend(sent.rest());
    Some(request)
}

/// One thing to embed and how, as the APIs say it.
#[derive(Debug, PartialEq)]
struct One {
    model: Option<String>,
    text: Option<String>,
    dimensions: Option<u32>,
    rest: Map<String, Value>,
}

impl One {
    fn read(mut fields: Fields<'_>) -> Self {
        Self {
            model: fields.take("model", text).map(model_name),
            text: fields.take("content", read_content),
            dimensions: fields.take_value("outputDimensionality", pick::small_number),
            rest: fields.rest(),
        }
    }

    fn differs_from(&self, other: &Self) -> bool {
        self.model != other.model || self.dimensions != other.dimensions || self.rest != other.rest
    }
}

/// The text of a content: of `predict` a plain one, else that of its parts, if they have no more than text.
fn read_content(raw: &RawValue) -> Option<String> {
    if let Ok(text) = serde_json::from_str(raw.get()) {
        return Some(text);
    }
    let content = Fields::read(raw.get())?;
    let text = |part: &RawValue| Fields::read(part.get())?.get("text").and_then(as_text);
    list(content.get("parts")?).into_iter().map(text).collect()
}

fn as_text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn read_list(sent: &mut Fields<'_>, name: &str, request: &mut EmbeddingsRequest) {
    let Some(raw) = sent.get(name) else {
        return;
    };
    let all: Vec<_> = list(raw).into_iter().map(|one| Fields::read(one.get()).map(One::read)).collect();
    let first = all.first().and_then(Option::as_ref);
    let is_all = all.iter().all(|one| match (one, first) {
        (Some(one), Some(first)) => one.text.is_some() && !one.differs_from(first),
        _ => false,
    });
    if let Some(first) = first {
        request.model.clone_from(&first.model);
        request.dimensions = first.dimensions;
        if is_all {
            request.options.clone_from(&first.rest);
        }
    }
    if is_all {
        sent.remove(name);
    }
    let texts = all.into_iter().flatten().filter_map(|one| one.text);
    request.input.extend(texts.map(EmbeddingInput::Text));
}

/// The body of a request. The model is told by the URL, and once more in every request of a batch. The
/// options are sent with each text; those that hold one of the API's own lists override it.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`](crate::record::ErrorKind::InvalidRequest) naming what the API has not:
/// token ids, a user, encodings, and more than one text for `embedContent`.
pub fn write_request(api: Api, request: &EmbeddingsRequest) -> Result<Vec<u8>, ErrorInfo> {
    refuse(GOOGLE, "user", request.user.is_some())?;
    refuse(GOOGLE, "encoding_formats", !request.encoding_formats.is_empty())?;
    let mut texts = Vec::with_capacity(request.input.len());
    for input in &request.input {
        match input {
            EmbeddingInput::Text(text) => texts.push(text.as_str()),
            EmbeddingInput::Tokens(_) => {
                return Err(wrong("input", &format!("{GOOGLE} takes texts, not token ids")));
            }
        }
    }
    let (whole, each): (Map<_, _>, Map<_, _>) =
        request.options.clone().into_iter().partition(|(name, _)| WHOLE.contains(&name.as_str()));
    let mut body = match api {
        Api::GoogleBatchEmbedContents => batch(request, &texts, &each)?,
        Api::VertexPredict => instances(request, &texts, &each),
        _ => single(request, &texts, &each)?,
    };
    merge(&mut body, &whole);
    pick::to_body(&body)
}

const GOOGLE: &str = "Google's API of embeddings";

/// What is told once and not with each text.
const WHOLE: [&str; 3] = ["requests", "instances", "parameters"];

fn single(
    request: &EmbeddingsRequest,
    texts: &[&str],
    options: &Map<String, Value>,
) -> Result<Map<String, Value>, ErrorInfo> {
    let mut body = match texts {
        [text] => content(text),
        // A content that is no text comes of the options.
        [] if options.contains_key("content") => Map::new(),
        _ => {
            let count = texts.len();
            let why = format!("embedContent takes one text, not {count}; batchEmbedContents takes several");
            return Err(wrong("input", &why));
        }
    };
    put_dimensions(&mut body, request);
    merge(&mut body, options);
    Ok(body)
}

fn batch(
    request: &EmbeddingsRequest,
    texts: &[&str],
    options: &Map<String, Value>,
) -> Result<Map<String, Value>, ErrorInfo> {
    let Some(model) = request.model.as_deref().filter(|model| !model.is_empty()) else {
        return Err(wrong("model", "batchEmbedContents wants it in every request"));
    };
    let model = if model.contains('/') { model.to_owned() } else { format!("models/{model}") };
    let one = |text: &&str| {
        let mut one = content(text);
        one.insert("model".to_owned(), Value::from(model.as_str()));
        put_dimensions(&mut one, request);
        merge(&mut one, options);
        Value::Object(one)
    };
    Ok(Map::from_iter([("requests".to_owned(), texts.iter().map(one).collect())]))
}

fn instances(
    request: &EmbeddingsRequest,
    texts: &[&str],
    options: &Map<String, Value>,
) -> Map<String, Value> {
    let one = |text: &&str| {
        let mut one = Map::from_iter([("content".to_owned(), Value::from(*text))]);
        for (name, value) in options.iter().filter(|(name, _)| *name != AUTO_TRUNCATE) {
            // Of the names only this one has two words; `predict` takes no other spelling.
            let name = if name == "taskType" { "task_type" } else { name };
            one.insert(name.to_owned(), value.clone());
        }
        Value::Object(one)
    };
    let mut body = Map::from_iter([("instances".to_owned(), texts.iter().map(one).collect())]);
    let mut parameters = Map::new();
    put_dimensions(&mut parameters, request);
    if let Some(truncate) = options.get(AUTO_TRUNCATE) {
        parameters.insert(AUTO_TRUNCATE.to_owned(), truncate.clone());
    }
    if !parameters.is_empty() {
        body.insert("parameters".to_owned(), Value::Object(parameters));
    }
    body
}

/// The one parameter of `predict` beside the dimensions that is told once for all texts.
const AUTO_TRUNCATE: &str = "autoTruncate";

fn content(text: &str) -> Map<String, Value> {
    Map::from_iter([("content".to_owned(), json!({ "parts": [{ "text": text }] }))])
}

fn put_dimensions(body: &mut Map<String, Value>, request: &EmbeddingsRequest) {
    if let Some(dimensions) = request.dimensions {
        body.insert("outputDimensionality".to_owned(), Value::from(dimensions));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow, default)]
    embedding: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embeddings: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    predictions: Option<Vec<Prediction<'a>>>,
    #[serde(borrow, default)]
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: &'a RawValue,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
    #[serde(default)]
    statistics: Object<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    token_count: Count,
}

/// The answer. The numbers are decoded only if `keep_vectors`.
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

/// Each API has its own name for what came.
fn read_answer(answer: &Answer<'_>, keep_vectors: bool) -> Option<Embeddings> {
    let vectors: Vec<_> = match (&answer.embeddings, &answer.predictions) {
        (Some(embeddings), _) => embeddings.clone(),
        (None, Some(predictions)) => predictions.iter().map(|one| one.embeddings).collect(),
        (None, None) => vec![answer.embedding?],
    };
    let mut embeddings = Embeddings {
        count: vectors.len(),
        usage: answer.usage_metadata.map(usage::read).unwrap_or_default(),
        ..Embeddings::default()
    };
    for raw in vectors {
        let vector: Vector<'_> = serde_json::from_str(raw.get()).ok()?;
        if embeddings.dimensions.is_none() {
            let numbers: Vec<IgnoredAny> = serde_json::from_str(vector.values.get()).ok()?;
            embeddings.dimensions = Some(numbers.len());
        }
        if keep_vectors {
            embeddings.vectors.push(serde_json::from_str(vector.values.get()).ok()?);
        }
        let tokens = vector.statistics.0.and_then(|statistics| statistics.token_count.0);
        embeddings.usage.input_tokens = usage::sum(embeddings.usage.input_tokens, tokens);
    }
    Some(embeddings)
}
