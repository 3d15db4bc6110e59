//! OTLP in the dialect of JSON that PostHog reads: ids in hex, times as texts, enums as numbers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use serde_json::Value;

type Read<T> = Result<T, String>;

pub(super) fn export(body: &[u8]) -> Read<ExportTraceServiceRequest> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if body.get("resourceSpans").is_none() {
        return Err("missing field `resourceSpans`".to_owned());
    }
    Ok(ExportTraceServiceRequest { resource_spans: list(&body, "resourceSpans", resource_spans)? })
}

fn resource_spans(value: &Value) -> Read<ResourceSpans> {
    let attributes = list(&value["resource"], "attributes", pair)?;
    Ok(ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: list(value, "scopeSpans", |scope| {
            Ok(ScopeSpans { spans: list(scope, "spans", span)?, ..ScopeSpans::default() })
        })?,
        ..ResourceSpans::default()
    })
}

fn span(value: &Value) -> Read<Span> {
    let status = match value.get("status") {
        None | Some(Value::Null) => None,
        Some(status) => Some(Status { message: text(status, "message")?, code: number(status, "code")? }),
    };
    Ok(Span {
        trace_id: id(value, "traceId")?,
        span_id: id(value, "spanId")?,
        parent_span_id: id(value, "parentSpanId")?,
        name: text(value, "name")?,
        kind: number(value, "kind")?,
        start_time_unix_nano: nanos(value, "startTimeUnixNano")?,
        end_time_unix_nano: nanos(value, "endTimeUnixNano")?,
        attributes: list(value, "attributes", pair)?,
        events: list(value, "events", event)?,
        status,
        ..Span::default()
    })
}

fn event(value: &Value) -> Read<Event> {
    Ok(Event {
        time_unix_nano: nanos(value, "timeUnixNano")?,
        name: text(value, "name")?,
        attributes: list(value, "attributes", pair)?,
        ..Event::default()
    })
}

fn list<T>(value: &Value, key: &str, item: fn(&Value) -> Read<T>) -> Read<Vec<T>> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(item).collect(),
        Some(_) => Err(format!("{key} is no list")),
    }
}

fn text(value: &Value, key: &str) -> Read<String> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{key} is no string")),
    }
}

fn number(value: &Value, key: &str) -> Read<i32> {
    match value.get(key) {
        None => Ok(0),
        Some(number) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| format!("{key} is no integer"))
        }
    }
}

fn nanos(value: &Value, key: &str) -> Read<u64> {
    match value.get(key) {
        None => Ok(0),
        Some(nanos) => {
            let nanos = nanos.as_str().and_then(|nanos| nanos.parse().ok());
            nanos.ok_or_else(|| format!("{key} is no integer in a string"))
        }
    }
}

fn id(value: &Value, key: &str) -> Read<Vec<u8>> {
    let wrong = || format!("{key} is not hex");
    let hex = text(value, key)?;
    if hex.len() % 2 != 0 || !hex.is_ascii() {
        return Err(wrong());
    }
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    bytes.collect::<Result<_, _>>().map_err(|_| wrong())
}

fn pair(value: &Value) -> Read<KeyValue> {
    let inner = match value.get("value") {
        None | Some(Value::Null) => None,
        // An empty value is tolerated here, but not in a list.
        Some(Value::Object(object)) if object.is_empty() => None,
        Some(inner) => Some(any(inner)?),
    };
    Ok(KeyValue { key: text(value, "key")?, value: inner, ..KeyValue::default() })
}

fn any(value: &Value) -> Read<AnyValue> {
    let object = value.as_object().ok_or("a value is no object")?;
    let (kind, inner) = object.iter().next().ok_or("a value is empty")?;
    let wrong = || format!("{kind} has a value of another type");
    let any = match kind.as_str() {
        "stringValue" => Any::StringValue(inner.as_str().ok_or_else(wrong)?.to_owned()),
        "boolValue" => Any::BoolValue(inner.as_bool().ok_or_else(wrong)?),
        "intValue" => {
            let of_text = || inner.as_str().and_then(|text| text.parse().ok());
            Any::IntValue(inner.as_i64().or_else(of_text).ok_or_else(wrong)?)
        }
        "doubleValue" => Any::DoubleValue(inner.as_f64().ok_or_else(wrong)?),
        "bytesValue" => {
            let bytes = inner.as_str().and_then(|text| STANDARD.decode(text).ok());
            Any::BytesValue(bytes.ok_or_else(wrong)?)
        }
        "arrayValue" => Any::ArrayValue(ArrayValue { values: list(inner, "values", any)? }),
        "kvlistValue" => Any::KvlistValue(KeyValueList { values: list(inner, "values", pair)? }),
        _ => return Err(format!("{kind} is no type of a value")),
    };
    Ok(AnyValue { value: Some(any) })
}
