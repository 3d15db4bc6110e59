//! What a request carries; its address and shape on the wire.

#[cfg(feature = "logs")]
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod traces;

#[cfg(feature = "metrics")]
pub(super) use metrics::count as data_points;

use bytes::Bytes;
use std::fmt;

/// A signal of OpenTelemetry: what a [`DestinationReport`](super::DestinationReport) counts, and what a
/// [`Destination`](super::Destination) may be [restricted to](super::Destination::signals).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    #[default]
    Traces,
    /// Data points of metrics. Needs the feature `metrics`.
    Metrics,
    /// Log records. Needs the feature `logs`.
    Logs,
}

impl Signal {
    /// Those that can be exported with the features that are on.
    pub(super) fn exported() -> impl Iterator<Item = Self> {
        let is_on = |signal: &Self| match signal {
            Self::Traces => true,
            Self::Metrics => cfg!(feature = "metrics"),
            Self::Logs => cfg!(feature = "logs"),
        };
        Self::ALL.into_iter().filter(is_on)
    }

    pub(super) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// So many of what it counts, in words.
    pub(super) fn counted(self, count: u64) -> String {
        let (one, many) = match self {
            Self::Traces => ("span", "spans"),
            Self::Metrics => ("data point", "data points"),
            Self::Logs => ("log record", "log records"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }

    /// What is appended to a base address over HTTP.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The method of its gRPC service.
    #[cfg(feature = "grpc")]
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// The name of a variable that is its own: `OTEL_EXPORTER_OTLP_TRACES_HEADERS` for `HEADERS`.
    pub(super) fn variable(self, setting: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{setting}", self.in_variables())
    }

    pub(super) const fn in_variables(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// An encoded request as two, each with its number of items; `None` where it holds but one.
    pub(super) fn halves(self, body: &[u8]) -> Option<[(u64, Bytes); 2]> {
        match self {
            Self::Traces => traces::halves(body),
            #[cfg(feature = "metrics")]
            Self::Metrics => metrics::halves(body),
            #[cfg(not(feature = "metrics"))]
            Self::Metrics => None,
            #[cfg(feature = "logs")]
            Self::Logs => logs::halves(body),
            #[cfg(not(feature = "logs"))]
            Self::Logs => None,
        }
    }

    /// An encoded request as several of at most so many bytes; one item that is larger goes alone.
    #[cfg(any(feature = "metrics", feature = "logs"))]
    pub(super) fn pieces(self, items: u64, body: Bytes, most: usize) -> Vec<(u64, Bytes)> {
        let mut pieces = Vec::new();
        let mut rest = vec![(items, body)];
        while let Some((items, body)) = rest.pop() {
            let halves = if body.len() > most { self.halves(&body) } else { None };
            match halves {
                // The first half is taken from the end first, which keeps the order.
                Some([first, second]) => rest.extend([second, first]),
                None => pieces.push((items, body)),
            }
        }
        pieces
    }
}

/// `traces`, `metrics` or `logs`.
impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        })
    }
}

#[cfg(test)]
mod tests;
