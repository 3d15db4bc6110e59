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

/// [`Destination::queue_bytes`]: crate::Destination::queue_bytes
/// [`Destination::timeout`]: crate::Destination::timeout
/// [`WhenFull`]: crate::export::WhenFull
/// [`Durability::OnOutage`]: crate::export::Durability::OnOutage
/// [`Durability::Always`]: crate::export::Durability::Always
/// [`ProblemKind`]: crate::export::ProblemKind
/// [`Telemetry::report`]: crate::Telemetry::report
/// [`flush`]: crate::Telemetry::flush
/// [`shutdown`]: crate::Telemetry::shutdown
/// [`shutdown_blocking`]: crate::Telemetry::shutdown_blocking
/// [`on_problem`]: crate::export::TelemetryBuilder::on_problem
/// [`drop_timeout`]: crate::export::TelemetryBuilder::drop_timeout
///
#[doc = include_str!("docs/delivery.md")]
pub mod delivery {}

#[cfg(all(feature = "client", feature = "tracia"))]
#[doc = include_str!("docs/coming_from_tracia.md")]
pub mod coming_from_tracia {}

#[cfg(feature = "client")]
#[doc = include_str!("docs/coming_from_posthog.md")]
pub mod coming_from_posthog {}
