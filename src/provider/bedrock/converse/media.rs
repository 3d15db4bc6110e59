//! Images, sounds, films and documents: Converse names their formats, the record their media types.

use super::API;
use crate::provider::{
    failure::wrong,
    lenient::{Object, Text},
};
use crate::record::{ErrorInfo, Media, MediaSource, Modality};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Converse's formats and their media types. Where two have the same type, the first is written.
const FORMATS: [(Modality, &str, &str); 39] = [
    (Modality::Image, "png", "image/png"),
    (Modality::Image, "jpeg", "image/jpeg"),
    (Modality::Image, "jpeg", "image/jpg"),
    (Modality::Image, "gif", "image/gif"),
    (Modality::Image, "webp", "image/webp"),
    (Modality::Document, "pdf", "application/pdf"),
    (Modality::Document, "csv", "text/csv"),
    (Modality::Document, "doc", "application/msword"),
    (Modality::Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (Modality::Document, "xls", "application/vnd.ms-excel"),
    (Modality::Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (Modality::Document, "html", "text/html"),
    (Modality::Document, "txt", "text/plain"),
    (Modality::Document, "md", "text/markdown"),
    (Modality::Video, "mp4", "video/mp4"),
    (Modality::Video, "mov", "video/quicktime"),
    (Modality::Video, "mkv", "video/x-matroska"),
    (Modality::Video, "webm", "video/webm"),
    (Modality::Video, "flv", "video/x-flv"),
    (Modality::Video, "mpeg", "video/mpeg"),
    (Modality::Video, "mpg", "video/mpeg"),
    (Modality::Video, "wmv", "video/x-ms-wmv"),
    (Modality::Video, "three_gp", "video/3gpp"),
    (Modality::Audio, "mp3", "audio/mpeg"),
    (Modality::Audio, "mp3", "audio/mp3"),
    (Modality::Audio, "wav", "audio/wav"),
    (Modality::Audio, "wav", "audio/x-wav"),
    (Modality::Audio, "flac", "audio/flac"),
    (Modality::Audio, "ogg", "audio/ogg"),
    (Modality::Audio, "opus", "audio/opus"),
    (Modality::Audio, "aac", "audio/aac"),
    (Modality::Audio, "x-aac", "audio/x-aac"),
    (Modality::Audio, "m4a", "audio/x-m4a"),
    (Modality::Audio, "mp4", "audio/mp4"),
    (Modality::Audio, "mkv", "audio/x-matroska"),
    (Modality::Audio, "webm", "audio/webm"),
    (Modality::Audio, "mpeg", "audio/mpeg"),
    (Modality::Audio, "mpga", "audio/mpeg"),
    (Modality::Audio, "pcm", "audio/pcm"),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent<'a> {
    #[serde(borrow)]
    format: Text<'a>,
    #[serde(borrow)]
    source: Object<SentSource<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SentSource<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    s3_location: Object<Location<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
}

/// The medium under this name of a block; `None` for one of which not all is known.
pub(super) fn read(name: &str, raw: &RawValue) -> Option<Media> {
    let modality = match name {
        "image" => Modality::Image,
        "document" => Modality::Document,
        "video" => Modality::Video,
        "audio" => Modality::Audio,
        _ => return None,
    };
    let sent = serde_json::from_str::<Object<Sent<'_>>>(raw.get()).ok()?.0?;
    // A text that stands in a document needs no format.
    let format = sent.format.get().or((modality == Modality::Document).then_some("txt"))?;
    let (.., mime_type) = FORMATS.into_iter().find(|(of, name, _)| *of == modality && *name == format)?;
    let source = sent.source.0?;
    let location = source.s3_location.0.as_ref();
    let kept = if let Some(bytes) = source.bytes.get() {
        MediaSource::Base64(bytes.to_owned())
    } else if let Some(uri) = location.and_then(|location| location.uri.get()) {
        MediaSource::Uri(uri.to_owned())
    } else {
        // The record holds bytes, of text too.
        MediaSource::Base64(STANDARD.encode(source.text.get()?))
    };
    Some(Media { modality, mime_type: Some(mime_type.to_owned()), source: kept })
}

/// A medium as it is sent.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    source: Source<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Source<'a> {
    Bytes(&'a str),
    S3Location { uri: &'a str },
}

/// The medium as Converse takes it. A document must have a name, and each another one: `documents` counts
/// them.
pub(super) fn write<'a>(media: &'a Media, documents: &mut usize) -> Result<Written<'a>, ErrorInfo> {
    let modality = media.modality;
    let source = match &media.source {
        MediaSource::Base64(data) => Source::Bytes(data),
        MediaSource::Uri(uri) if uri.starts_with("s3://") => Source::S3Location { uri },
        MediaSource::Uri(_) => return no("addresses only in Amazon S3 (`s3://`)"),
        MediaSource::FileId(_) => return no("no ids of files"),
    };
    let Some(format) = format_of(media) else {
        let what = modality.as_str();
        return no(&match &media.mime_type {
            Some(mime_type) => format!("no {what} of the type {mime_type}"),
            None => format!("no {what} that does not say its type"),
        });
    };
    let name = (modality == Modality::Document).then(|| {
        *documents = documents.saturating_add(1);
        format!("document-{documents}")
    });
    Ok(Written { format, name, source })
}

fn no<T>(what: &str) -> Result<T, ErrorInfo> {
    Err(wrong("media", &format!("{API} takes {what}")))
}

/// By its type, else by the ending of its address.
fn format_of(media: &Media) -> Option<&'static str> {
    let mut formats = FORMATS.into_iter().filter(|(modality, ..)| *modality == media.modality);
    let found = match (&media.mime_type, &media.source) {
        (Some(mime_type), _) => {
            let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            formats.find(|(.., mime_type)| *mime_type == essence)
        }
        (None, MediaSource::Uri(uri)) => {
            let (_, ending) = uri.rsplit_once('.')?;
            let ending = match ending.to_ascii_lowercase().as_str() {
                "jpg" => "jpeg".to_owned(),
                "3gp" => "three_gp".to_owned(),
                _ => ending.to_ascii_lowercase(),
            };
            formats.find(|(_, format, _)| *format == ending)
        }
        _ => None,
    };
    found.map(|(_, format, _)| format)
}
