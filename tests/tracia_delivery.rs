//! How spans reach Tracia: one by one, ten at a time, and none lost that need not be.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod export_disk;
mod export_receiver;

use export_disk::Dir;
use export_receiver::{Program, balanced};
use opentelemetry::KeyValue;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tracing_genai::{
    Telemetry,
    export::{Destination, ProblemKind, Tracia, WhenFull},
    span::{Agent, Evaluation, Generation},
    testing::{FakePostHog, FakeTracia, Gate, OtlpSink, ServiceAnswer},
    vocabulary::tracia::ErrorCode,
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "tr_hunter2hunter2";

fn to(tracia: &FakeTracia) -> Tracia {
    Destination::tracia(KEY).base_url(tracia.url())
}

fn sending_to(tracia: &FakeTracia) -> Program {
    Program::with(Telemetry::builder().destination(to(tracia)))
}

fn call(program: &Program) {
    program.span_with(
        "chat",
        vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", "gpt-4o"),
        ],
    );
}

#[test]
fn a_call_is_one_post_with_the_key_as_bearer() {
    let tracia = FakeTracia::start().unwrap();
    let program = sending_to(&tracia);
    call(&program);
    let report = program.flush();
    assert_eq!((report.recorded, report.delivered), (1, 1));
    assert_eq!(report.destinations[0].name, format!("{}/api/v1/spans", tracia.url()));
    let requests = tracia.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/api/v1/spans"));
    assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert!(!String::from_utf8_lossy(&requests[0].body).contains("hunter2"));
    assert_eq!(tracia.refusals(), []);
}

#[test]
fn a_span_of_another_library_is_told_from_its_attributes() {
    let tracia = FakeTracia::start().unwrap();
    let program = sending_to(&tracia);
    program.span_with(
        "chat",
        vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.system", "aws_bedrock"),
            KeyValue::new("gen_ai.request.model", "amazon.nova-lite-v1:0"),
            KeyValue::new("gen_ai.usage.prompt_tokens", 7),
            KeyValue::new("gen_ai.usage.completion_tokens", 2),
        ],
    );
    program.flush();
    let span = &tracia.spans()[0];
    assert_eq!(span["provider"], "amazon_bedrock");
    assert_eq!(
        (&span["inputTokens"], &span["outputTokens"], &span["totalTokens"]),
        (&7.into(), &2.into(), &9.into())
    );
}

#[test]
fn at_most_ten_are_on_their_way_at_once() {
    let tracia = FakeTracia::start().unwrap();
    let gate = Gate::new();
    tracia.answer_next(10, &ServiceAnswer::usual().held(&gate));
    let program = sending_to(&tracia);
    for _ in 0..30 {
        call(&program);
    }
    assert_eq!(tracia.wait_for_requests(10, PATIENCE).len(), 10);
    gate.release();
    let report = program.flush();
    assert_eq!((report.recorded, report.delivered), (30, 30));
    assert_eq!(tracia.most_at_once(), 10);
    assert_eq!(tracia.spans().len(), 30);
}

#[test]
fn what_is_unavailable_for_a_while_loses_nothing() {
    for answer in [ServiceAnswer::status(503), ServiceAnswer::status(429), ServiceAnswer::hang_up()] {
        let tracia = FakeTracia::start().unwrap();
        tracia.answer_next(4, &answer);
        let program = sending_to(&tracia);
        call(&program);
        let report = program.flush();
        assert_eq!((report.delivered, report.rejected, report.dropped), (1, 0, 0));
        assert_eq!(tracia.requests().len(), 5, "more often than the three times of Tracia's SDKs");
    }
}

#[test]
fn a_span_that_came_though_the_answer_was_lost_is_delivered() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(1, &ServiceAnswer::hang_up().taken());
    let program = sending_to(&tracia);
    call(&program);
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (1, 0));
    assert_eq!(tracia.refusals()[0].status, 409);
    assert_eq!(tracia.spans().len(), 1);
}

#[test]
fn a_conflict_at_the_first_try_is_no_success() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(1, &FakeTracia::error(409, "CONFLICT", "it is there"));
    let program = sending_to(&tracia);
    call(&program);
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (0, 1));
    assert_eq!(report.destinations[0].reasons["http_409"], 1);
}

type Lost = Arc<Mutex<Vec<(String, String, Option<u16>, std::thread::ThreadId)>>>;

fn telling(tracia: &FakeTracia) -> (Program, Lost) {
    let lost = Lost::default();
    let noted = Arc::clone(&lost);
    let destination = to(tracia).on_span_error(move |error, span| {
        let entry =
            (error.to_string(), span.to_owned(), error.info().http_status, std::thread::current().id());
        noted.lock().unwrap().push(entry);
        panic!("a hook that panics");
    });
    (Program::with(Telemetry::builder().destination(destination)), lost)
}

#[test]
fn a_refusal_is_told_by_the_code_that_tracia_gave() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(1, &FakeTracia::error(400, "INVALID_REQUEST", "no such thing"));
    tracia.answer_next(1, &ServiceAnswer::status(422));
    let codes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&codes);
    let destination =
        to(&tracia).on_span_error(move |error, _| noted.lock().unwrap().push(error.tracia_code()));
    let program = Program::with(Telemetry::builder().destination(destination));
    for _ in 0..2 {
        call(&program);
        program.flush();
    }
    assert_eq!(*codes.lock().unwrap(), [ErrorCode::InvalidRequest, ErrorCode::Unknown]);
}

#[test]
fn a_hopeless_refusal_is_tried_once_counted_and_told_by_the_spans_id() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(1, &FakeTracia::error(400, "INVALID_REQUEST", "no such thing"));
    let (program, lost) = telling(&tracia);
    call(&program);
    let report = program.flush();
    assert_eq!((report.rejected, tracia.requests().len()), (1, 1));
    assert_eq!(report.destinations[0].reasons["http_400"], 1);
    {
        let lost = lost.lock().unwrap();
        let [(error, span, status, thread)] = lost.as_slice() else { panic!("{lost:?}") };
        assert!(error.contains("INVALID_REQUEST: no such thing"), "{error}");
        assert_eq!(tracia.requests()[0].json()["spanId"], span.as_str());
        assert_eq!(*status, Some(400));
        assert_ne!(*thread, std::thread::current().id());
    }
    // The export outlives a hook that panics.
    call(&program);
    assert_eq!(program.flush().delivered, 1);
}

#[test]
fn what_is_delivered_in_the_end_is_no_error_of_a_span() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(2, &ServiceAnswer::status(503));
    let (program, lost) = telling(&tracia);
    call(&program);
    program.flush();
    assert!(lost.lock().unwrap().is_empty());
}

#[test]
fn a_wrong_key_or_address_is_named_and_counted_and_not_hammered() {
    for (status, code, setting) in
        [(401, "UNAUTHORIZED", "TRACIA_API_KEY"), (404, "NOT_FOUND", "Tracia::base_url")]
    {
        let tracia = FakeTracia::start().unwrap();
        tracia.answer_next(100, &FakeTracia::error(status, code, "no"));
        let (program, lost) = telling(&tracia);
        // One alone at first: the others come when it is known that the settings are wrong.
        call(&program);
        tracia.wait_for_requests(1, PATIENCE);
        let _ = program.telemetry.flush_blocking(PATIENCE);
        for _ in 0..20 {
            call(&program);
        }
        let report = balanced(program.telemetry.report());
        assert_eq!((report.rejected, report.dropped, report.delivered), (1, 0, 0));
        assert_eq!(report.destinations[0].reasons[&format!("http_{status}")], 1);
        assert_eq!((report.pending, tracia.requests().len()), (20, 1));
        assert_eq!(lost.lock().unwrap().len(), 1);
        let problems = program.problems.lock().unwrap();
        let problem = problems.iter().find(|problem| problem.kind == ProblemKind::Misconfigured).unwrap();
        assert!(problem.message.contains(setting), "{problem}");
        assert!(!problem.message.contains("hunter2"), "{problem}");
    }
}

#[test]
fn an_evaluation_waits_for_its_span_to_be_taken_however_long_that_takes() {
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(3, &ServiceAnswer::status(503));
    let telemetry = Telemetry::builder().destination(to(&tracia)).on_problem(|_| ()).build().unwrap();
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
        for _ in 0..5 {
            let span = Generation::new("openai", "gpt-4o").start();
            let answer = span.span_ref();
            span.finish();
            Evaluation::new("quality").score(1.0).record(answer);
        }
    });
    let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
    assert_eq!((report.delivered, report.rejected), (10, 0));
    assert_eq!(tracia.refusals().iter().filter(|refusal| refusal.status == 404).count(), 0);
    assert_eq!(tracia.evaluations().len(), 5);
}

#[test]
fn tracia_and_posthog_each_get_what_they_know_of_the_same_spans() {
    let (tracia, posthog) = (FakeTracia::start().unwrap(), FakePostHog::start().unwrap());
    let theirs = Destination::posthog(posthog.project_key()).host(posthog.url());
    let builder = Telemetry::builder().destination(to(&tracia)).destination(theirs);
    let telemetry = builder.build().unwrap();
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
        let agent = Agent::invoke("clerk").start();
        agent.in_scope(|| {
            let span = Generation::new("openai", "gpt-4o").start();
            let answer = span.span_ref();
            span.finish();
            Evaluation::new("quality").score(1.0).record(answer);
        });
        agent.finish();
    });
    let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
    assert_eq!((report.rejected, report.dropped, report.pending), (0, 0, 0));
    assert_eq!((tracia.spans().len(), tracia.evaluations().len()), (1, 1));
    let mut events: Vec<String> = posthog.events().into_iter().map(|event| event.name).collect();
    events.sort_unstable();
    assert_eq!(events, ["$ai_evaluation", "$ai_generation", "$ai_metric", "$ai_trace"]);
    assert_eq!((tracia.refusals().len(), posthog.refusals().len()), (0, 0));
}

#[test]
fn an_evaluation_of_a_span_that_tracia_has_not_is_refused_and_the_rest_goes_on() {
    let tracia = FakeTracia::start().unwrap();
    let telemetry = Telemetry::builder().destination(to(&tracia)).on_problem(|_| ()).build().unwrap();
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
        let elsewhere =
            tracing_genai::span::SpanRef::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        Evaluation::new("quality").score(1.0).record(elsewhere.unwrap());
        Generation::new("openai", "gpt-4o").start().finish();
    });
    let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
    assert_eq!((report.delivered, report.rejected), (1, 1));
    assert_eq!(report.destinations[0].trouble, None);
    let paths: Vec<_> = tracia.requests().iter().map(|request| request.path.clone()).collect();
    assert!(paths.contains(&"/api/v1/spans/sp_00f067aa0ba902b7/evaluations".to_owned()), "{paths:?}");
}

#[test]
fn what_an_outage_left_in_the_spool_is_delivered_by_the_next_run_in_order_and_without_a_key_at_rest() {
    let directory = Dir::new();
    let tracia = FakeTracia::start().unwrap();
    tracia.answer_next(1, &ServiceAnswer::status(503).header("retry-after", "600"));
    {
        let builder =
            Telemetry::builder().destination(to(&tracia)).spool(directory.spool()).on_problem(|_| ());
        let telemetry = builder.build().unwrap();
        tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
            Generation::new("openai", "gpt-4o").start().finish();
            tracia.wait_for_requests(1, PATIENCE);
            // It is known by now that nothing is to be sent for a while.
            while telemetry.report().destinations[0].trouble.is_none() {
                std::thread::yield_now();
            }
            for _ in 0..5 {
                let span = Generation::new("openai", "gpt-4o").start();
                let answer = span.span_ref();
                span.finish();
                Evaluation::new("quality").score(1.0).record(answer);
            }
        });
        let report = balanced(telemetry.shutdown_blocking(Duration::from_millis(300)));
        assert_eq!((report.recorded, report.spooled), (11, 11));
    }
    assert_eq!(directory.requests().len(), 11);
    for file in directory.requests() {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{}", file.display());
    }
    let builder = Telemetry::builder().destination(to(&tracia)).spool(directory.spool()).on_problem(|_| ());
    let telemetry = builder.build().unwrap();
    assert_eq!(tracia.wait_for_evaluations(5, PATIENCE).len(), 5);
    // A flush does not wait for what an earlier run left.
    let started = Instant::now();
    while telemetry.report().pending > 0 && started.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let report = balanced(telemetry.report());
    assert_eq!((report.recovered, report.delivered, report.rejected), (11, 11, 0));
    assert_eq!(tracia.refusals().iter().filter(|refusal| refusal.status == 404).count(), 0);
}

#[test]
fn over_otlp_a_receiver_gets_the_key_as_bearer_and_spans_about_generative_ai() {
    let sink = OtlpSink::start().unwrap();
    let program =
        Program::with(Telemetry::builder().destination(Destination::tracia(KEY).otlp(sink.endpoint())));
    call(&program);
    program.span("GET /ask");
    assert_eq!(program.flush().delivered, 1);
    assert_eq!(sink.requests()[0].path, "/v1/traces");
    assert_eq!(sink.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[test]
fn settings_that_cannot_be_are_errors_when_the_telemetry_is_built() {
    for (destination, words) in [
        (Destination::tracia(""), "Destination::tracia is empty"),
        (Destination::tracia("tr_a b"), "Destination::tracia has blanks"),
        (Destination::tracia("tr_a").base_url("app.tracia.io"), "Tracia::base_url"),
        (Destination::tracia("tr_a").otlp("nowhere"), "Tracia::otlp"),
        (Destination::tracia("tr_a").other_providers_as("groq"), "other_providers_as"),
        (Destination::tracia("tr_a").sample_ratio(2.0), "sample_ratio"),
    ] {
        let error = Telemetry::builder().destination(destination).build().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// A call that is open, with so many evaluations of it.
fn judged(telemetry: &Telemetry, evaluations: usize, then: impl FnOnce()) {
    tracing::subscriber::with_default(Registry::default().with(telemetry.layer()), || {
        let span = Generation::new("openai", "gpt-4o").start();
        let answer = span.span_ref();
        for _ in 0..evaluations {
            Evaluation::new("quality").score(1.0).record(answer);
        }
        then();
        span.finish();
    });
}

#[test]
fn however_many_evaluations_wait_for_an_open_call_none_is_lost() {
    const MANY: usize = 2_000;
    let tracia = FakeTracia::start().unwrap();
    let telemetry = Telemetry::builder().destination(to(&tracia)).on_problem(|_| ()).build().unwrap();
    judged(&telemetry, MANY, || {
        let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
        assert_eq!((report.recorded, report.pending), (MANY as u64, MANY as u64));
        // What has nothing to do with it does not wait.
        Generation::new("openai", "gpt-4o").start().finish();
        let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
        assert_eq!((report.delivered, report.pending), (1, MANY as u64));
    });
    let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
    assert_eq!((report.delivered, report.pending), (MANY as u64 + 2, 0));
    assert_eq!((tracia.evaluations().len(), tracia.refusals().len()), (MANY, 0));
}

#[test]
fn what_waits_for_an_open_call_is_bounded_as_everything_is() {
    for when_full in [WhenFull::DropNewest, WhenFull::DropOldest, WhenFull::Block] {
        let tracia = FakeTracia::start().unwrap();
        let destination = Destination::from(to(&tracia)).queue_spans(10).when_full(when_full);
        let telemetry = Telemetry::builder().destination(destination).on_problem(|_| ()).build().unwrap();
        judged(&telemetry, 30, || {
            let report = balanced(telemetry.report());
            assert_eq!((report.recorded, report.pending, report.dropped), (30, 10, 20), "{when_full:?}");
        });
    }
}

#[test]
fn what_waits_for_an_open_call_is_in_the_account_and_kept_by_a_shutdown() {
    for has_spool in [true, false] {
        let directory = Dir::new();
        let tracia = FakeTracia::start().unwrap();
        let builder = Telemetry::builder().destination(to(&tracia)).on_problem(|_| ());
        let builder = if has_spool { builder.spool(directory.spool()) } else { builder };
        let telemetry = builder.build().unwrap();
        judged(&telemetry, 3, || {
            let started = Instant::now();
            let report = balanced(telemetry.shutdown_blocking(PATIENCE));
            assert!(started.elapsed() < PATIENCE / 2, "it waited for what cannot come");
            let (spooled, dropped) = if has_spool { (3, 0) } else { (0, 3) };
            assert_eq!((report.recorded, report.spooled, report.dropped), (3, spooled, dropped));
            assert_eq!(directory.requests().len() as u64, spooled);
        });
        assert_eq!(tracia.requests().len(), 0);
        balanced(telemetry.report());
    }
}

#[test]
fn an_evaluation_comes_after_its_call_that_ended_later_and_is_late_itself() {
    let tracia = FakeTracia::start().unwrap();
    let telemetry = Telemetry::builder().destination(to(&tracia)).on_problem(|_| ()).build().unwrap();
    judged(&telemetry, 20, || tracia.answer_next(2, &ServiceAnswer::status(503)));
    let report = balanced(telemetry.flush_blocking(PATIENCE).unwrap());
    assert_eq!((report.delivered, report.rejected), (21, 0));
    assert_eq!(tracia.refusals().iter().filter(|refusal| refusal.status == 404).count(), 0);
}

#[test]
fn a_name_tells_one_of_two_from_the_other() {
    let tracia = FakeTracia::start().unwrap();
    let directory = Dir::new();
    let builder =
        Telemetry::builder().destination(to(&tracia).name("one")).destination(to(&tracia).name("two"));
    let telemetry = builder.spool(directory.spool()).build().unwrap();
    telemetry.shutdown_blocking(PATIENCE);
}
