//! The guide, in chapters.

// Of two definitions of a link the first holds: these are checked here, those in the file are for who reads it
// as it is.
/// [`diagnosis`]: crate::diagnosis()
/// [`processors`]: crate::Telemetry::processors
/// [`layer`]: crate::Telemetry::layer
/// [`install`]: crate::Telemetry::install
/// [`check`]: crate::Telemetry::check
/// [`own_pipeline(true)`]: crate::export::TelemetryBuilder::own_pipeline
///
#[doc = include_str!("docs/filters.md")]
pub mod filters {}
