//! What each of several destinations gets of the same spans.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_receiver;

use export_receiver::{Program, Receiver, value};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
        TracerProvider,
    },
};
use opentelemetry_proto::tonic::common::v1::KeyValue as Attribute;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};
use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tracing::info_span;
use tracing_genai::{
    Destination, Telemetry,
    export::SpanFilter,
    span::{Agent, Tool},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// A receiver for each filter, side by side.
struct Filtered {
    all: Receiver,
    gen_ai: Receiver,
    ancestors: Receiver,
    program: Program,
}

impl Filtered {
    fn new() -> Self {
        Self::with(Telemetry::builder())
    }

    fn with(builder: tracing_genai::export::TelemetryBuilder) -> Self {
        let (all, gen_ai, ancestors) = (Receiver::new(), Receiver::new(), Receiver::new());
        let builder = builder
            .destination(Destination::otlp(&all.url))
            .destination(Destination::otlp(&gen_ai.url).spans(SpanFilter::GenAi))
            .destination(Destination::otlp(&ancestors.url).spans(SpanFilter::GenAiAndAncestors));
        Self { all, gen_ai, ancestors, program: Program::with(builder) }
    }

    /// A span of the program below `parent`, with the first attributes that it has.
    fn start(&self, name: &'static str, parent: &Context, attributes: Vec<KeyValue>) -> Context {
        let tracer = self.program.provider.tracer("test");
        let builder = tracer.span_builder(name).with_attributes(attributes);
        parent.with_span(tracer.build_with_context(builder, parent))
    }

    fn names(&self) -> [Vec<String>; 3] {
        self.program.flush();
        [self.all.names(), self.gen_ai.names(), self.ancestors.names()]
    }
}

fn operation(name: &'static str) -> Vec<KeyValue> {
    vec![KeyValue::new("gen_ai.operation.name", name)]
}

fn end(span: &Context) {
    span.span().end();
}

/// Operations of this crate go to the one `Telemetry` with a pipeline of their own, of all in the process.
static OPERATIONS: Mutex<()> = Mutex::new(());

#[test]
fn each_filter_gets_its_spans_and_is_accounted_for_by_itself() {
    let filtered = Filtered::new();
    let http = filtered.start("http", &Context::new(), vec![]);
    let agent = filtered.start("invoke_agent guide", &http, operation("invoke_agent"));
    let step = filtered.start("step", &agent, vec![]);
    let chat = filtered.start("chat gpt-4o", &step, operation("chat"));
    let socket = filtered.start("socket", &chat, vec![]);
    let db = filtered.start("db", &http, vec![]);
    let health = filtered.start("health", &Context::new(), vec![]);
    for span in [&db, &socket, &chat, &step, &agent, &http, &health] {
        end(span);
    }

    let [all, gen_ai, ancestors] = filtered.names();
    assert_eq!(all, ["chat gpt-4o", "db", "health", "http", "invoke_agent guide", "socket", "step"]);
    assert_eq!(gen_ai, ["chat gpt-4o", "invoke_agent guide"]);
    assert_eq!(ancestors, ["chat gpt-4o", "http", "invoke_agent guide", "step"]);
    let report = filtered.program.telemetry.report();
    let counts = report.destinations.iter().map(|one| (one.recorded, one.delivered));
    assert_eq!(counts.collect::<Vec<_>>(), [(7, 7), (2, 2), (4, 4)]);
    assert_eq!(report.recorded, 13);
}

#[test]
fn a_parent_that_ends_before_its_call_does_is_an_ancestor() {
    let filtered = Filtered::new();
    let http = filtered.start("http", &Context::new(), vec![]);
    let task = filtered.start("task", &http, vec![]);
    let chat = filtered.start("chat gpt-4o", &task, operation("chat"));
    for span in [&http, &task, &chat] {
        end(span);
    }
    assert_eq!(filtered.names()[2], ["chat gpt-4o", "http", "task"]);
}

#[test]
fn a_span_that_ended_before_the_call_began_is_no_ancestor() {
    let filtered = Filtered::new();
    let http = filtered.start("http", &Context::new(), vec![]);
    let task = filtered.start("task", &http, vec![]);
    end(&http);
    let chat = filtered.start("chat gpt-4o", &task, operation("chat"));
    end(&chat);
    end(&task);
    assert_eq!(filtered.names()[2], ["chat gpt-4o", "task"]);
}

#[test]
fn a_span_that_tells_its_operation_late_or_in_other_words_is_of_generative_ai() {
    let filtered = Filtered::new();
    let http = filtered.start("http", &Context::new(), vec![]);
    let late = filtered.start("late", &http, vec![]);
    late.span().set_attributes(operation("execute_tool"));
    let other = KeyValue::new("openinference.span.kind", "LLM");
    let translated = filtered.start("translated", &http, vec![other]);
    let model = KeyValue::new("gen_ai.request.model", "gpt-4o");
    let named = filtered.start("chat gpt-4o", &http, vec![model]);
    let marked = KeyValue::new("gen_ai.conversation.id", "c-1");
    let marked = filtered.start("marked", &http, vec![marked]);
    for span in [&late, &translated, &named, &marked, &http] {
        end(span);
    }
    let [_, gen_ai, ancestors] = filtered.names();
    assert_eq!(gen_ai, ["chat gpt-4o", "late", "translated"]);
    assert_eq!(ancestors, ["chat gpt-4o", "http", "late", "translated"]);
}

#[test]
fn another_librarys_call_has_its_parent_when_that_ends_first() {
    let filtered = Filtered::new();
    let http = filtered.start("http", &Context::new(), vec![]);
    let other = KeyValue::new("openinference.span.kind", "LLM");
    let translated = filtered.start("translated", &http, vec![other]);
    end(&http);
    end(&translated);
    assert_eq!(filtered.names()[2], ["http", "translated"]);
}

#[test]
fn the_ancestors_of_a_call_below_another_process_are_those_of_this_process() {
    let filtered = Filtered::new();
    let elsewhere =
        SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, true, TraceState::NONE);
    let http = filtered.start("http", &Context::new().with_remote_span_context(elsewhere), vec![]);
    let chat = filtered.start("chat gpt-4o", &http, operation("chat"));
    end(&chat);
    end(&http);
    assert_eq!(filtered.names()[2], ["chat gpt-4o", "http"]);
    assert!(filtered.ancestors.spans().iter().all(|span| !span.parent_span_id.is_empty()));
}

#[test]
fn the_ancestors_of_a_call_may_be_of_another_provider() {
    let filtered = Filtered::new();
    let telemetry = &filtered.program.telemetry;
    let other = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_span_processor(telemetry.processors())
        .build();
    let http = filtered.start("http", &Context::new(), vec![]);
    let tracer = other.tracer("other");
    let chat = tracer.span_builder("chat gpt-4o").with_attributes(operation("chat"));
    let chat = http.with_span(tracer.build_with_context(chat, &http));
    end(&chat);
    end(&http);
    assert_eq!(filtered.names()[2], ["chat gpt-4o", "http"]);
}

/// A handler that runs an agent and asks a database, in spans of `tracing`.
fn handle(telemetry: &Telemetry) {
    let subscriber = Registry::default().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        info_span!("http").in_scope(|| {
            runtime.block_on(Agent::invoke("guide").run(async {
                info_span!("prepare").in_scope(|| ());
                let search = Tool::new("search").run(async { Ok::<_, io::Error>("found") });
                search.await
            }))
        })
    })
    .unwrap();
}

#[test]
fn operations_of_this_crate_are_of_generative_ai() {
    let _alone = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let filtered = Filtered::new();
    handle(&filtered.program.telemetry);
    let [all, gen_ai, ancestors] = filtered.names();
    assert_eq!(all, ["execute_tool search", "http", "invoke_agent guide", "prepare"]);
    assert_eq!(gen_ai, ["execute_tool search", "invoke_agent guide"]);
    assert_eq!(ancestors, ["execute_tool search", "http", "invoke_agent guide"]);
}

#[test]
fn operations_in_a_pipeline_of_their_own_have_their_ancestors_in_the_programs() {
    let _alone = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let filtered = Filtered::with(Telemetry::builder().own_pipeline(true));
    handle(&filtered.program.telemetry);
    let [all, gen_ai, ancestors] = filtered.names();
    assert_eq!(all, ["execute_tool search", "http", "invoke_agent guide", "prepare"]);
    assert_eq!(gen_ai, ["execute_tool search", "invoke_agent guide"]);
    assert_eq!(ancestors, ["execute_tool search", "http", "invoke_agent guide"]);
}

/// The traces whose spans a receiver has, which must be two of each.
fn whole_traces(receiver: &Receiver) -> BTreeSet<Vec<u8>> {
    let mut traces: Vec<Vec<u8>> = receiver.spans().into_iter().map(|span| span.trace_id).collect();
    let distinct: BTreeSet<Vec<u8>> = traces.iter().cloned().collect();
    traces.sort();
    assert_eq!(traces, distinct.iter().flat_map(|trace| [trace.clone(), trace.clone()]).collect::<Vec<_>>());
    distinct
}

#[test]
fn a_ratio_keeps_whole_traces_and_those_that_the_sdks_sampler_would() {
    let (all, one, two) = (Receiver::new(), Receiver::new(), Receiver::new());
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(&all.url))
            .destination(Destination::otlp(&one.url).sample_ratio(0.3))
            .destination(Destination::otlp(&two.url).sample_ratio(0.3)),
    );
    let tracer = program.provider.tracer("test");
    let mut expected = BTreeSet::new();
    for n in 1..=200_u128 {
        let trace = TraceId::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let above = SpanContext::new(trace, SpanId::from(1), TraceFlags::SAMPLED, true, TraceState::NONE);
        let above = Context::new().with_remote_span_context(above);
        let parent = above.with_span(tracer.start_with_context("parent", &above));
        end(&parent.with_span(tracer.start_with_context("child", &parent)));
        end(&parent);
        let sampler = Sampler::TraceIdRatioBased(0.3);
        let by_sdk = sampler.should_sample(None, trace, "parent", &SpanKind::Internal, &[], &[]);
        if by_sdk.decision == SamplingDecision::RecordAndSample {
            expected.insert(trace.to_bytes().to_vec());
        }
    }
    let report = program.flush();

    assert!((30..=90).contains(&expected.len()), "{}", expected.len());
    assert_eq!(whole_traces(&all).len(), 200);
    assert_eq!(whole_traces(&one), expected);
    assert_eq!(whole_traces(&two), expected);
    let recorded: Vec<u64> = report.destinations.iter().map(|one| one.recorded).collect();
    let kept = expected.len() as u64 * 2;
    assert_eq!(recorded, [400, kept, kept]);
}

#[test]
fn a_ratio_that_cannot_be_stops_the_build() {
    for ratio in [-0.5, 1.5, f64::NAN] {
        let destination = Destination::otlp("http://127.0.0.1:1").sample_ratio(ratio);
        let error = Telemetry::builder().destination(destination).build().unwrap_err().to_string();
        assert!(error.contains("Destination::sample_ratio"), "{error}");
    }
}

#[test]
fn a_span_that_every_destination_leaves_out_is_not_recorded() {
    let destination = Destination::otlp("http://127.0.0.1:1").spans(SpanFilter::GenAi);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("http");
    assert_eq!(program.telemetry.report().recorded, 0);
    program.telemetry.shutdown_blocking(Duration::ZERO);
}

#[test]
fn place_and_thread_go_to_the_destinations_that_want_them() {
    let (whole, bare) = (Receiver::new(), Receiver::new());
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(&whole.url))
            .destination(Destination::otlp(&bare.url).code_attributes(false)),
    );
    let subscriber = Registry::default().with(program.telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        info_span!("work", app.key = 7).in_scope(|| tracing::info!(app.step = 1, "done"));
    });
    program.flush();

    let is_noise = |attribute: &Attribute| {
        let name = attribute.key.as_str();
        name.starts_with("code.")
            || name.starts_with("thread.")
            || ["target", "busy_ns", "idle_ns"].contains(&name)
    };
    for (receiver, has_noise) in [(&whole, true), (&bare, false)] {
        let span = receiver.spans().remove(0);
        let event = &span.events[0].attributes;
        assert!(value(&span.attributes, "app.key").is_some() && value(event, "app.step").is_some());
        assert_eq!(span.attributes.iter().any(is_noise), has_noise, "{span:?}");
        assert_eq!(event.iter().any(is_noise), has_noise, "{event:?}");
    }
}
