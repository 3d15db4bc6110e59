//! The standard variables, read by pure functions over a lookup.

use super::{
    destination::{Compression, Destination, Origin, Pem, Protocol},
    lane::Limits,
    signal::Signal,
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

/// The environment's destination, unless the variables say that there is none for any signal.
pub(super) fn default_destination(lookup: Lookup<'_>) -> Result<Option<Destination>, Error> {
    if takes_traces(lookup)? || others(lookup).next().is_some() {
        destination(lookup).map(Some)
    } else {
        Ok(None)
    }
}

/// Whether the environment leaves traces to OTLP. Another exporter of them is an error: they would go nowhere.
fn takes_traces(lookup: Lookup<'_>) -> Result<bool, Error> {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    match value(lookup, NAME).as_deref() {
        None => Ok(true),
        Some("none") => Ok(false),
        // A list may name exporters of other programs beside ours.
        Some(list) if names_otlp(list) => Ok(true),
        Some(other) => refuse(NAME, other, "otlp or none"),
    }
}

fn names_otlp(list: &str) -> bool {
    list.split(',').any(|name| name.trim() == "otlp")
}

/// The signals beside traces that the environment leaves to OTLP: another exporter of them is the program's own.
fn others(lookup: Lookup<'_>) -> impl Iterator<Item = Signal> {
    Signal::exported().filter(|signal| *signal != Signal::Traces).filter(move |signal| {
        let exporter = value(lookup, &format!("OTEL_{}_EXPORTER", signal.in_variables()));
        exporter.is_none_or(|list| names_otlp(&list))
    })
}

/// The destination that the variables describe, with the signals that they leave to OTLP: it may be none.
pub(super) fn destination(lookup: Lookup<'_>) -> Result<Destination, Error> {
    let mut signals: Vec<Signal> = takes_traces(lookup)?.then_some(Signal::Traces).into_iter().collect();
    let mut destination = of_signal(lookup, Signal::Traces)?;
    for signal in others(lookup) {
        destination = destination.with_own_settings(signal, &of_signal(lookup, signal)?);
        signals.push(signal);
    }
    Ok(destination.signals(signals))
}

/// Where one signal goes: its own variables win over those for all.
fn of_signal(lookup: Lookup<'_>, signal: Signal) -> Result<Destination, Error> {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let protocol = protocol(lookup, signal)?;
    let own = match signal {
        Signal::Traces => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        Signal::Metrics => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        Signal::Logs => "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    };
    let destination = match (value(lookup, own), value(lookup, ALL)) {
        (Some(endpoint), _) => Destination::from_origin(endpoint, Origin::Variable(own)).exact_path(),
        (None, Some(endpoint)) => Destination::from_origin(endpoint, Origin::Variable(ALL)),
        (None, None) => {
            let endpoint = if protocol == Protocol::Grpc { GRPC } else { HTTP };
            Destination::from_origin(endpoint.to_owned(), Origin::Variable(ALL))
        }
    };
    let mut destination = destination.protocol(protocol);
    for (name, value) in headers(lookup, signal)? {
        destination = destination.header(name, value);
    }
    if let Some(compression) = compression(lookup, signal)? {
        destination = destination.compression(compression);
    }
    let timeout = match number(lookup, &signal.variable("TIMEOUT"))? {
        Some(timeout) => Some(timeout),
        None => number(lookup, "OTEL_EXPORTER_OTLP_TIMEOUT")?,
    };
    if let Some(timeout) = timeout {
        destination = destination.timeout(Duration::from_millis(timeout));
    }
    let authorities = file(lookup, signal, "CERTIFICATE")?;
    Ok(destination.certificates(authorities, identity(lookup, signal)?))
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

/// How what is added up over time is told, of metrics: in all by default.
#[cfg(feature = "metrics")]
pub(super) fn temporality(lookup: Lookup<'_>) -> Result<opentelemetry_sdk::metrics::Temporality, Error> {
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    match value(lookup, NAME) {
        None => Ok(opentelemetry_sdk::metrics::Temporality::default()),
        // The SDK reads the three words, in any case.
        Some(word) => word.parse().or_else(|()| refuse(NAME, &word, "cumulative, delta or lowmemory")),
    }
}

fn protocol(lookup: Lookup<'_>, signal: Signal) -> Result<Protocol, Error> {
    match either(lookup, signal, "PROTOCOL") {
        None => Ok(Protocol::default()),
        Some((name, value)) => match value.as_str() {
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "grpc" => Ok(Protocol::Grpc),
            other => refuse(&name, other, "http/protobuf or grpc"),
        },
    }
}

fn compression(lookup: Lookup<'_>, signal: Signal) -> Result<Option<Compression>, Error> {
    match either(lookup, signal, "COMPRESSION") {
        None => Ok(None),
        Some((name, value)) => match value.to_ascii_lowercase().as_str() {
            "gzip" => Ok(Some(Compression::Gzip)),
            "zstd" => Ok(Some(Compression::Zstd)),
            "none" => Ok(Some(Compression::None)),
            _ => refuse(&name, &value, "gzip, zstd or none"),
        },
    }
}

/// The certificate to show to the server, and its key: neither is of use alone.
fn identity(lookup: Lookup<'_>, signal: Signal) -> Result<Option<(Pem, Pem)>, Error> {
    const CERTIFICATE: &str = "CLIENT_CERTIFICATE";
    const KEY: &str = "CLIENT_KEY";
    let alone = |set: &str, missing: &str| {
        Err(Error::configuration(format!(
            "{} or its form for {signal} needs {} or {} beside it",
            general(set),
            general(missing),
            signal.variable(missing)
        )))
    };
    match (file(lookup, signal, CERTIFICATE)?, file(lookup, signal, KEY)?) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (Some(_), None) => alone(CERTIFICATE, KEY),
        (None, Some(_)) => alone(KEY, CERTIFICATE),
        (None, None) => Ok(None),
    }
}

/// What the file holds that a variable names.
fn file(lookup: Lookup<'_>, signal: Signal, setting: &str) -> Result<Option<Pem>, Error> {
    let Some((name, path)) = either(lookup, signal, setting) else { return Ok(None) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(Pem::new(format!("the file {path:?} of {name}"), &bytes))),
        Err(error) => {
            Err(Error::configuration(format!("{name} names {path:?}, which cannot be read: {error}"))
                .with_source(error))
        }
    }
}

fn headers(lookup: Lookup<'_>, signal: Signal) -> Result<Vec<(String, String)>, Error> {
    let Some((name, list)) = either(lookup, signal, "HEADERS") else { return Ok(Vec::new()) };
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
pub(super) fn value(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The name of a variable for all signals.
fn general(setting: &str) -> String {
    format!("OTEL_EXPORTER_OTLP_{setting}")
}

/// The value of the signal's own variable or, without, of the one for all; and which one it was.
fn either(lookup: Lookup<'_>, signal: Signal, setting: &str) -> Option<(String, String)> {
    let names = [signal.variable(setting), general(setting)];
    names.into_iter().find_map(|name| Some((value(lookup, &name)?, name))).map(|(value, name)| (name, value))
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
