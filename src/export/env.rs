//! The standard variables, read by pure functions over a lookup.

use super::{
    destination::{Compression, Destination, Origin, Pem, Protocol},
    lane::Limits,
};
use crate::Error;
use std::{fmt::Display, str::FromStr, time::Duration};

/// How a variable is looked up.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment.
pub(super) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

const HTTP: &str = "http://localhost:4318";
const GRPC: &str = "http://localhost:4317";

/// Whether `OTEL_SDK_DISABLED` says so: any value but `true` does not.
pub(super) fn is_disabled(lookup: Lookup<'_>) -> bool {
    value(lookup, "OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The environment's destination, unless `OTEL_TRACES_EXPORTER` says that there is none.
pub(super) fn default_destination(lookup: Lookup<'_>) -> Result<Option<Destination>, Error> {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    match value(lookup, NAME).as_deref() {
        None => destination(lookup).map(Some),
        Some("none") => Ok(None),
        // A list may name exporters of other programs beside ours.
        Some(list) if list.split(',').any(|name| name.trim() == "otlp") => destination(lookup).map(Some),
        Some(other) => refuse(NAME, other, "otlp or none"),
    }
}

/// The destination that the `OTEL_EXPORTER_OTLP_*` variables describe.
pub(super) fn destination(lookup: Lookup<'_>) -> Result<Destination, Error> {
    let protocol = protocol(lookup)?;
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let destination = match (value(lookup, TRACES), value(lookup, ALL)) {
        (Some(endpoint), _) => Destination::from_origin(endpoint, Origin::Variable(TRACES)).exact_path(),
        (None, Some(endpoint)) => Destination::from_origin(endpoint, Origin::Variable(ALL)),
        (None, None) => {
            let endpoint = if protocol == Protocol::Grpc { GRPC } else { HTTP };
            Destination::from_origin(endpoint.to_owned(), Origin::Variable(ALL))
        }
    };
    let mut destination = destination.protocol(protocol);
    for (name, value) in headers(lookup)? {
        destination = destination.header(name, value);
    }
    if let Some(compression) = compression(lookup)? {
        destination = destination.compression(compression);
    }
    if let Some(timeout) =
        number(lookup, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")?.or(number(lookup, "OTEL_EXPORTER_OTLP_TIMEOUT")?)
    {
        destination = destination.timeout(Duration::from_millis(timeout));
    }
    let authorities =
        file(lookup, "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")?;
    Ok(destination.certificates(authorities, identity(lookup)?))
}

/// The limits that the `OTEL_BSP_*` variables set.
pub(super) fn limits(lookup: Lookup<'_>) -> Result<Limits, Error> {
    let mut limits = Limits::default();
    if let Some(spans) = positive(lookup, "OTEL_BSP_MAX_QUEUE_SIZE")? {
        limits.spans = spans;
    }
    if let Some(batch) = positive(lookup, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")? {
        limits.batch = batch;
    }
    // A batch that the queue cannot hold would never be full.
    limits.batch = limits.batch.min(limits.spans);
    if let Some(delay) = number::<u64>(lookup, "OTEL_BSP_SCHEDULE_DELAY")? {
        // Without any delay the export would never sleep.
        limits.delay = Duration::from_millis(delay.max(10));
    }
    Ok(limits)
}

fn protocol(lookup: Lookup<'_>) -> Result<Protocol, Error> {
    match either(lookup, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") {
        None => Ok(Protocol::default()),
        Some((name, value)) => match value.as_str() {
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "grpc" => Ok(Protocol::Grpc),
            other => refuse(name, other, "http/protobuf or grpc"),
        },
    }
}

fn compression(lookup: Lookup<'_>) -> Result<Option<Compression>, Error> {
    match either(lookup, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION") {
        None => Ok(None),
        Some((name, value)) => match value.to_ascii_lowercase().as_str() {
            "gzip" => Ok(Some(Compression::Gzip)),
            "zstd" => Ok(Some(Compression::Zstd)),
            "none" => Ok(Some(Compression::None)),
            _ => refuse(name, &value, "gzip, zstd or none"),
        },
    }
}

/// The certificate to show to the server, and its key: neither is of use alone.
fn identity(lookup: Lookup<'_>) -> Result<Option<(Pem, Pem)>, Error> {
    const CERTIFICATE: [&str; 2] =
        ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];
    const KEY: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"];
    let alone = |[_, set]: [&str; 2], [traces, all]: [&str; 2]| {
        Err(Error::configuration(format!("{set} or its form for traces needs {all} or {traces} beside it")))
    };
    let certificate = file(lookup, CERTIFICATE[0], CERTIFICATE[1])?;
    match (certificate, file(lookup, KEY[0], KEY[1])?) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (Some(_), None) => alone(CERTIFICATE, KEY),
        (None, Some(_)) => alone(KEY, CERTIFICATE),
        (None, None) => Ok(None),
    }
}

/// What the file holds that the first of two variables names.
fn file(lookup: Lookup<'_>, traces: &'static str, all: &'static str) -> Result<Option<Pem>, Error> {
    let Some((name, path)) = either(lookup, traces, all) else { return Ok(None) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(Pem::new(format!("the file {path:?} of {name}"), &bytes))),
        Err(error) => {
            Err(Error::configuration(format!("{name} names {path:?}, which cannot be read: {error}"))
                .with_source(error))
        }
    }
}

fn headers(lookup: Lookup<'_>) -> Result<Vec<(String, String)>, Error> {
    let Some((name, list)) =
        either(lookup, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    else {
        return Ok(Vec::new());
    };
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            // The value stays out of the error: it is a key as a rule.
            let error = || {
                Error::configuration(format!("{name} takes name=value,name=value, values percent-encoded"))
            };
            let (name, value) = entry.split_once('=').ok_or_else(error)?;
            Ok((name.trim().to_owned(), percent_decoded(value.trim()).ok_or_else(error)?))
        })
        .collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

/// A variable's value; an empty one counts as unset, as the specification has it.
fn value(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The value of the first of two variables that is set, and which one it was.
fn either(lookup: Lookup<'_>, traces: &'static str, all: &'static str) -> Option<(&'static str, String)> {
    value(lookup, traces)
        .map(|value| (traces, value))
        .or_else(|| value(lookup, all).map(|value| (all, value)))
}

fn number<T: FromStr>(lookup: Lookup<'_>, name: &str) -> Result<Option<T>, Error> {
    value(lookup, name)
        .map(|value| value.parse().or_else(|_| refuse(name, &value, "a whole number")))
        .transpose()
}

fn positive(lookup: Lookup<'_>, name: &str) -> Result<Option<usize>, Error> {
    match number(lookup, name)? {
        Some(0) => refuse(name, "0", "a number from 1"),
        number => Ok(number),
    }
}

fn refuse<T>(name: &str, value: impl Display, takes: &str) -> Result<T, Error> {
    Err(Error::configuration(format!("{name} is \"{value}\"; it takes {takes}")))
}

#[cfg(test)]
mod tests;
