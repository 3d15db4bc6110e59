//! Spans on their way to an OTLP receiver over HTTP.

mod export_receiver;

use export_receiver::{Program, Receiver, balanced, nowhere, status, value};
use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer, TracerProvider},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
    common::v1::any_value::Value,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use std::{
    sync::Barrier,
    time::{Duration, Instant},
};
use tracing_genai::{
    ContentCapture,
    export::{Compression, Destination, ProblemKind, Telemetry},
};

#[test]
fn a_span_arrives_with_its_integers_as_integers() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    program.span_with("chat", vec![KeyValue::new("gen_ai.usage.input_tokens", 12)]);
    let report = program.flush();

    assert_eq!((report.recorded, report.delivered), (1, 1));
    assert_eq!(receiver.requests()[0].path, "/v1/traces");
    assert_eq!(receiver.requests()[0].headers["content-type"], "application/x-protobuf");
    let span = &receiver.spans()[0];
    assert_eq!(span.name, "chat");
    assert_eq!(value(&span.attributes, "gen_ai.usage.input_tokens"), Some(&Value::IntValue(12)));
}

#[test]
fn a_span_arrives_under_the_resource_that_was_set_in_code() {
    let receiver = Receiver::new();
    let program = Program::with(
        Telemetry::builder()
            .service_name("assistant")
            .resource_attribute("deployment.environment.name", "test")
            .destination(Destination::otlp(&receiver.url)),
    );
    program.span("work");
    program.flush();

    let requests = receiver.requests();
    let resource = requests[0].message.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(value(&resource.attributes, "service.name"), Some(&Value::StringValue("assistant".into())));
    assert_eq!(
        value(&resource.attributes, "deployment.environment.name"),
        Some(&Value::StringValue("test".into()))
    );
}

#[test]
fn a_compressed_request_arrives_whole() {
    let receiver = Receiver::new();
    let destination = Destination::otlp(&receiver.url).compression(Compression::Gzip);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    program.flush();

    assert_eq!(receiver.requests()[0].headers["content-encoding"], "gzip");
    assert_eq!(receiver.names(), ["work"]);
}

#[test]
fn headers_go_with_each_request_of_their_destination_alone() {
    let (one, two) = (Receiver::new(), Receiver::new());
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(&one.url).bearer("the-key"))
            .destination(Destination::otlp(&two.url)),
    );
    program.span("work");
    program.flush();

    assert_eq!(one.requests()[0].headers["authorization"], "Bearer the-key");
    assert!(!two.requests()[0].headers.contains_key("authorization"));
}

#[test]
fn what_is_unavailable_for_a_while_loses_nothing_and_gets_it_once() {
    let receiver = Receiver::answering(|number, _| status(if number == 0 { 503 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    let report = program.flush();

    assert_eq!((report.delivered, report.rejected, report.dropped), (1, 0, 0));
    assert_eq!(receiver.requests().len(), 2);
}

/// Less than the time after which the queue is looked at by itself.
const BEFORE_THE_SCHEDULE: Duration = Duration::from_secs(4);

#[test]
fn what_failed_is_tried_again_after_its_back_off_and_not_on_the_queues_schedule() {
    let receiver = Receiver::answering(|number, _| status(if number == 0 { 503 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.telemetry.flush_blocking(BEFORE_THE_SCHEDULE).unwrap().delivered, 1);
}

#[test]
fn halves_of_what_is_too_large_do_not_wait_for_the_queues_schedule() {
    let receiver =
        Receiver::answering(|_, received| status(if received.spans().count() > 1 { 413 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("a");
    program.span("b");
    assert_eq!(program.telemetry.flush_blocking(BEFORE_THE_SCHEDULE).unwrap().delivered, 2);
}

#[test]
fn an_outage_uses_up_none_of_the_tries_that_a_500_has() {
    let receiver = Receiver::answering(|number, _| {
        status(match number {
            0..5 => 503,
            5 => 500,
            _ => 200,
        })
    });
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    // Each flush cuts the back-off short.
    while program.telemetry.flush_blocking(Duration::from_millis(20)).is_err() {}
    let report = program.telemetry.report();
    assert_eq!((report.delivered, report.rejected, report.dropped), (1, 0, 0));
}

#[test]
fn a_header_that_the_export_sets_itself_is_refused() {
    let destination = Destination::otlp("http://127.0.0.1:1").header("Content-Type", "text/plain");
    let error = Telemetry::builder().destination(destination).build().unwrap_err().to_string();
    assert!(error.contains("Content-Type"), "{error}");
}

#[test]
fn a_destination_is_left_alone_for_as_long_as_it_asks() {
    let receiver = Receiver::answering(|number, _| match number {
        0 => status(429).header("retry-after", "1"),
        _ => status(200),
    });
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);

    let requests = receiver.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn trouble_that_passes_is_told_once() {
    let receiver = Receiver::answering(|number, _| status(if number < 2 { 503 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    program.flush();

    let problems = program.problems.lock().unwrap();
    assert_eq!(problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::Delayed]);
}

#[test]
fn what_is_refused_is_counted_by_its_reason_and_told_once() {
    let receiver = Receiver::answering(|_, _| status(400).body("no such project"));
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..2 {
        program.span("work");
        program.flush();
    }
    let report = program.flush();

    assert_eq!((report.recorded, report.rejected), (2, 2));
    assert_eq!(report.destinations[0].reasons["http_400"], 2);
    let problems = program.problems.lock().unwrap();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("no such project"), "{}", problems[0]);
}

#[test]
fn wrong_settings_are_told_with_what_they_cost() {
    let receiver = Receiver::answering(|_, _| status(401));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().rejected, 1);

    let problems = program.problems.lock().unwrap();
    assert_eq!(problems[0].kind, ProblemKind::Misconfigured);
    let words = "answered 401; check the key of this destination (Destination::header, \
        OTEL_EXPORTER_OTLP_HEADERS); each try costs one of them, the others are kept";
    assert_eq!(problems[0].message, words);
}

#[test]
fn a_partial_success_counts_what_was_rejected() {
    let receiver = Receiver::answering(|_, _| {
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".into() };
        status(200).body(ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec())
    });
    let program = Program::sending_to(&[&receiver.url]);
    program.span("new");
    program.span("old");
    let report = program.flush();

    assert_eq!((report.delivered, report.rejected), (1, 1));
    assert_eq!(report.destinations[0].reasons["partial_success"], 1);
}

#[test]
fn a_success_that_is_no_protobuf_is_a_success() {
    let receiver =
        Receiver::answering(|_, _| status(200).header("content-type", "application/json").body("{}"));
    let program = Program::sending_to(&[&receiver.url]);
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
}

#[test]
fn what_is_too_large_is_split_until_it_fits() {
    let receiver =
        Receiver::answering(|_, received| status(if received.spans().count() > 1 { 413 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    for name in ["a", "b", "c"] {
        program.span(name);
    }
    let report = program.flush();

    assert_eq!((report.delivered, report.rejected), (3, 0));
    let taken = receiver.requests().iter().filter(|request| request.spans().count() == 1).count();
    assert_eq!(taken, 3);
}

#[test]
fn one_span_that_is_too_large_by_itself_is_counted() {
    let receiver = Receiver::answering(|_, received| {
        status(if received.spans().any(|span| span.name == "large") { 413 } else { 200 })
    });
    let program = Program::sending_to(&[&receiver.url]);
    program.span("small");
    program.span("large");
    let report = program.flush();

    assert_eq!((report.delivered, report.rejected), (1, 1));
    assert_eq!(report.destinations[0].reasons["too_large"], 1);
}

#[test]
fn no_request_is_larger_than_four_mebibytes() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..12 {
        program.span_with("large", vec![KeyValue::new("text", "x".repeat(1 << 20))]);
    }
    assert_eq!(program.flush().delivered, 12);
    assert!(receiver.requests().iter().all(|request| request.message.encoded_len() <= 4 << 20));
}

#[test]
fn a_full_batch_does_not_wait_for_its_schedule() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..512 {
        program.span("work");
    }
    receiver.wait_for(1, Duration::from_secs(4));
}

#[test]
fn a_burst_arrives_whole() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..20_000 {
        program.span("work");
    }
    let report = program.flush();
    assert_eq!((report.recorded, report.delivered), (20_000, 20_000));
    assert_eq!(receiver.spans().len(), 20_000);
}

#[test]
fn what_nobody_takes_is_dropped_at_the_shutdowns_deadline_and_counted() {
    let program = Program::sending_to(&[&nowhere()]);
    program.span("work");
    let start = Instant::now();
    let report = balanced(program.telemetry.shutdown_blocking(Duration::from_millis(200)));

    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!((report.dropped, report.pending), (1, 0));
    assert_eq!(report.destinations[0].reasons["shutdown"], 1);
}

#[test]
fn what_a_flush_cannot_deliver_stays_pending() {
    let program = Program::sending_to(&[&nowhere()]);
    program.span("work");
    let error = program.telemetry.flush_blocking(Duration::from_millis(100)).unwrap_err();

    assert!(error.to_string().contains("1 span pending"), "{error}");
    assert_eq!(balanced(program.telemetry.report()).pending, 1);
    program.telemetry.shutdown_blocking(Duration::ZERO);
}

#[cfg(feature = "zstd")]
#[test]
fn a_request_compressed_by_zstd_arrives_whole() {
    let receiver = Receiver::new();
    let destination = Destination::otlp(&receiver.url).compression(Compression::Zstd);
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    assert_eq!(program.flush().delivered, 1);
    assert_eq!(receiver.requests()[0].headers["content-encoding"], "zstd");
    assert_eq!(receiver.names(), ["work"]);
}

#[cfg(not(feature = "zstd"))]
#[test]
fn zstd_without_its_feature_is_an_error_that_names_it() {
    let destination = Destination::otlp("http://127.0.0.1:1").compression(Compression::Zstd);
    let error = Telemetry::builder().destination(destination).build().unwrap_err().to_string();
    assert!(error.contains("Destination::compression") && error.contains("feature `zstd`"), "{error}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::new();
    let target = format!("{}/v1/traces", elsewhere.url);
    let receiver = Receiver::answering(move |_, _| status(307).header("location", target.clone()));
    let program =
        Program::with(Telemetry::builder().destination(Destination::otlp(&receiver.url).bearer("key")));
    program.span("work");
    let report = program.flush();

    assert!(elsewhere.requests().is_empty());
    assert_eq!(report.destinations[0].reasons["http_307"], 1);
}

#[test]
fn a_destination_that_is_down_does_not_hold_another_up() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&nowhere(), &receiver.url]);
    program.span("work");
    let _ = program.telemetry.flush_blocking(Duration::from_millis(500));
    let report = balanced(program.telemetry.report());

    assert_eq!(report.destinations[0].pending, 1);
    assert_eq!(report.destinations[1].delivered, 1);
    program.telemetry.shutdown_blocking(Duration::ZERO);
}

#[test]
fn content_reaches_only_the_destination_that_may_have_it() {
    let (plain, full) = (Receiver::new(), Receiver::new());
    let program = Program::with(
        Telemetry::builder()
            .destination(Destination::otlp(&plain.url).content(ContentCapture::off()))
            .destination(Destination::otlp(&full.url).content(ContentCapture::on())),
    );
    program.span_with("chat", vec![KeyValue::new("gen_ai.input.messages", "[]")]);
    program.flush();

    assert!(value(&plain.spans()[0].attributes, "gen_ai.input.messages").is_none());
    assert!(value(&full.spans()[0].attributes, "gen_ai.input.messages").is_some());
}

#[test]
fn an_exact_path_is_asked_as_it_is() {
    let receiver = Receiver::new();
    let destination = Destination::otlp(format!("{}/i/v0/ai/otel", receiver.url)).exact_path();
    let program = Program::with(Telemetry::builder().destination(destination));
    program.span("work");
    program.flush();
    assert_eq!(receiver.requests()[0].path, "/i/v0/ai/otel");
}

#[test]
fn two_providers_share_one_telemetry() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let second = SdkTracerProvider::builder().with_span_processor(program.telemetry.processors()).build();
    program.span("one");
    second.tracer("test").start("two").end();
    program.flush();
    assert_eq!(receiver.names(), ["one", "two"]);
}

#[test]
fn a_provider_that_is_shut_down_leaves_the_others_working() {
    let receiver = Receiver::new();
    let program = Program::sending_to(&[&receiver.url]);
    let second = SdkTracerProvider::builder().with_span_processor(program.telemetry.processors()).build();
    second.tracer("test").start("two").end();
    second.shutdown().unwrap();
    assert_eq!(receiver.names(), ["two"]);
    program.span("one");
    program.flush();
    assert_eq!(receiver.names(), ["one", "two"]);
}

#[test]
fn several_requests_are_on_their_way_at_once() {
    let together = Barrier::new(4);
    let receiver = Receiver::answering(move |number, _| {
        if number < 4 {
            together.wait();
        }
        status(200)
    });
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..4 * 512 {
        program.span("work");
    }
    assert_eq!(program.flush().delivered, 4 * 512);
}

#[test]
fn a_request_that_breaks_the_receiver_is_given_up_once_others_got_through() {
    let receiver = Receiver::answering(|_, request| {
        status(if request.spans().any(|span| span.name == "poison") { 500 } else { 200 })
    });
    let program = Program::sending_to(&[&receiver.url]);
    program.span("poison");
    // Each flush is one try more: while nothing gets through, the receiver may be at fault.
    for _ in 0..10 {
        assert!(program.telemetry.flush_blocking(Duration::from_millis(20)).is_err());
    }
    program.span("fine");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 1));
    assert_eq!(report.destinations[0].reasons["http_500"], 1);
}

#[test]
fn the_sums_hold_while_spans_are_on_their_way() {
    let receiver = Receiver::answering(|number, _| status(if number % 2 == 0 { 503 } else { 200 }));
    let program = Program::sending_to(&[&receiver.url]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..2_000).for_each(|_| program.span("work")));
        }
        for _ in 0..2_000 {
            balanced(program.telemetry.report());
        }
    });
    assert_eq!(program.flush().delivered, 4_000);
}

#[test]
fn a_destination_that_asks_for_no_pause_gets_one_all_the_same() {
    for retry_after in ["0", "Thu, 01 Jan 1970 00:00:09 GMT"] {
        let receiver = Receiver::answering(move |number, _| {
            if number < 3 { status(503).header("retry-after", retry_after) } else { status(200) }
        });
        let program = Program::sending_to(&[&receiver.url]);
        program.span("work");
        program.flush();
        let times: Vec<Instant> = receiver.requests().iter().map(|request| request.at).collect();
        // The second pause is half of half a second at least; a flush may have cut the first one short.
        assert!(times[2] - times[1] >= Duration::from_millis(240), "{retry_after}");
    }
}

#[test]
fn a_flush_after_each_span_does_not_feed_them_all_to_a_wrong_key() {
    let receiver = Receiver::answering(|_, _| status(401));
    let program = Program::sending_to(&[&receiver.url]);
    for _ in 0..50 {
        program.span("work");
        let error = program.telemetry.flush_blocking(Duration::from_secs(5)).unwrap_err();
        assert!(error.to_string().contains("settings") && error.to_string().contains("401"), "{error}");
    }
    let report = balanced(program.telemetry.report());
    // A slow machine may have got to the next time that it is asked.
    assert!(report.rejected <= 3 && report.pending >= 47, "{report:?}");
    program.telemetry.shutdown_blocking(Duration::ZERO);
}
