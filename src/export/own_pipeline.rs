//! The provider that spans of this crate go to directly: see
//! [`TelemetryBuilder::own_pipeline`](super::TelemetryBuilder::own_pipeline).

use super::{pipeline::Pipeline, processor::Processor};
use crate::{
    Error,
    span::own_pipeline::{self, Claim, Route},
};
use opentelemetry::{
    KeyValue,
    trace::{SpanId, TraceContextExt, TraceId, Tracer},
};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider},
};
use std::sync::{Arc, atomic::AtomicBool};

/// A provider that records whatever it is asked for.
pub(super) fn provider(pipeline: &Arc<Pipeline>, resource: &[KeyValue]) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_attributes(resource.iter().cloned()).build())
        .with_sampler(Sampler::AlwaysOn)
        .with_id_generator(Ids::default())
        .with_span_processor(Processor::of_own_provider(Arc::clone(pipeline), resource.to_vec()))
        .build()
}

/// Sends the spans of this crate to `tracer`, for as long as the claim lives.
pub(super) fn claim(
    pipeline: &Arc<Pipeline>,
    is_connected: Arc<AtomicBool>,
    tracer: SdkTracer,
) -> Result<Claim, Error> {
    let start = Arc::new(move |builder, parent: &_| {
        TraceContextExt::with_span(parent, tracer.build_with_context(builder, parent))
    });
    Claim::take(Route { pipeline: pipeline.number(), is_connected, start }).ok_or_else(|| {
        Error::configuration(
            "own_pipeline(true): another Telemetry of this process has it already, and the spans of this \
             crate can go to one: give that one the destinations too, or end it first",
        )
    })
}

/// Random ids, but for a span whose twin in another provider has some.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        own_pipeline::ids().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        own_pipeline::ids().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}
