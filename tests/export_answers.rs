//! What each answer of a collector comes to, over HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod export_collector;
mod export_receiver;

use export_collector::{Closed, Collector, Mode, eventually};
use export_receiver::{Program, Received, balanced, status};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use std::time::Duration;
use tracing_genai::{
    export::{Destination, ProblemKind, Report, Telemetry},
    record::ErrorKind,
};

const SPANS: u64 = 3;

fn program(url: &str) -> Program {
    Program::sending_to(&[url])
}

/// One that waits for an answer no longer than this.
fn impatient(url: &str, timeout: Duration) -> Program {
    Program::with(Telemetry::builder().destination(Destination::otlp(url).timeout(timeout)))
}

fn spans(program: &Program, count: u64) {
    (0..count).for_each(|_| program.span("work"));
}

/// Has the destination tried now, without waiting for what comes of it.
fn prod(program: &Program) {
    let _ = program.telemetry.flush_blocking(Duration::ZERO);
}

fn report(program: &Program) -> Report {
    balanced(program.telemetry.report())
}

fn in_trouble(program: &Program) -> String {
    eventually(|| report(program).destinations[0].trouble.clone())
}

fn kinds(program: &Program) -> Vec<ProblemKind> {
    program.problems.lock().unwrap().iter().map(|problem| problem.kind).collect()
}

/// Runs each case on a thread of its own: some take a second.
fn each<T: Send>(cases: Vec<T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

/// The report once everything is accounted for: wrong settings are asked about once a second at most.
fn whole(program: &Program) -> Report {
    balanced(eventually(|| program.telemetry.flush_blocking(Duration::from_secs(20)).ok()))
}

/// The collector is mended: what is pending, and what comes now, arrives once.
fn delivers_again(program: &Program, collector: &Collector, lost: u64) {
    program.span("later");
    let report = whole(program);
    assert_eq!((report.pending, report.dropped, report.rejected), (0, 0, lost));
    assert_eq!(report.delivered, report.recorded - lost);
    assert_eq!(report.destinations[0].trouble, None);
    assert_eq!(collector.taken_once().len() as u64, report.delivered);
}

#[test]
fn what_may_pass_keeps_spans_pending_until_it_has() {
    let retry_after =
        |code, after: &'static str| Mode::answers(move |_| status(code).header("retry-after", after));
    let mut cases: Vec<(&str, Mode, &str)> =
        [(408, "408"), (429, "429"), (500, "500"), (502, "502"), (503, "503"), (504, "504")]
            .map(|(code, said)| (said, Mode::status(code), said))
            .into();
    cases.extend([
        ("429 with Retry-After", retry_after(429, "1"), "429"),
        ("503 with a date that has passed", retry_after(503, "Thu, 01 Jan 1970 00:00:09 GMT"), "503"),
        ("503 with a Retry-After of nonsense", retry_after(503, "soon"), "503"),
        ("no answer", Mode::Silent, "timed out"),
        ("a broken connection", Mode::Resets, "connection"),
        ("half a status line", Mode::HalfHead, "connection"),
        ("half of a 503", Mode::HalfBody(503), "503"),
    ]);
    each(cases, |(case, mode, said)| {
        let is_silent = matches!(mode, Mode::Silent);
        let collector = Collector::new(mode);
        let program = match is_silent {
            true => impatient(&collector.url, Duration::from_secs(2)),
            false => program(&collector.url),
        };
        spans(&program, SPANS);
        prod(&program);
        let trouble = in_trouble(&program);
        assert!(trouble.contains(said), "{case}: {trouble}");
        let now = report(&program);
        assert_eq!((now.pending, now.delivered), (SPANS, 0), "{case}");
        collector.turns_to(Mode::status(200));
        delivers_again(&program, &collector, 0);
        assert_eq!(kinds(&program), [ProblemKind::Delayed], "{case}");
    });
}

#[test]
fn an_address_where_nobody_listens_keeps_spans_pending_until_somebody_does() {
    let closed = Closed::new();
    let program = program(&closed.url);
    spans(&program, SPANS);
    prod(&program);
    in_trouble(&program);
    assert_eq!(report(&program).pending, SPANS);
    let collector = closed.open();
    delivers_again(&program, &collector, 0);
    assert_eq!(kinds(&program), [ProblemKind::Delayed]);
}

#[test]
fn a_success_counts_whatever_its_body_says_or_holds_back() {
    each(
        vec![
            Mode::status(200),
            Mode::status(202),
            Mode::status(204),
            Mode::answers(|_| status(200).header("content-type", "text/plain").body("thanks")),
            Mode::answers(|_| status(200).header("content-type", "application/json").body("{}")),
            Mode::HalfBody(200),
        ],
        |mode| {
            let collector = Collector::new(mode);
            let program = program(&collector.url);
            spans(&program, SPANS);
            let report = program.flush();
            assert_eq!((report.delivered, report.recorded), (SPANS, SPANS));
            assert_eq!(kinds(&program), []);
            assert_eq!(collector.taken_once().len() as u64, SPANS);
        },
    );
}

#[test]
fn a_web_page_is_no_success_but_a_wrong_address() {
    let page = "<!doctype html><html><body>Sign in</body></html>";
    let collector = Collector::new(Mode::answers(move |_| {
        status(200).header("content-type", "text/html; charset=utf-8").body(page)
    }));
    let program = program(&collector.url);
    spans(&program, 2_000);
    let error = program.telemetry.flush_blocking(Duration::from_secs(10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("web page"), "{error}");
    let now = report(&program);
    assert_eq!(now.delivered, 0);
    assert!(now.pending >= 2_000 - collector.tries().len() as u64, "{now:?}");
    assert!(kinds(&program).contains(&ProblemKind::Misconfigured));
    program.telemetry.shutdown_blocking(Duration::ZERO);
}

#[test]
fn a_partial_success_is_delivered_but_for_what_it_rejects() {
    let partial = |rejected_spans| {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: "too old".into() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        Mode::answers(move |_| status(200).body(body.clone()))
    };
    // More than were sent cannot have been rejected, nor fewer than none.
    each(vec![(-1, 0), (0, 0), (1, 1), (3, 3), (1_000, 3)], |(said, rejected)| {
        let collector = Collector::new(partial(said));
        let program = program(&collector.url);
        spans(&program, SPANS);
        let report = program.flush();
        assert_eq!((report.delivered, report.rejected), (SPANS - rejected, rejected));
        assert_eq!(report.destinations[0].reasons.get("partial_success").copied().unwrap_or(0), rejected);
        assert_eq!(collector.tries().len(), 1, "nothing of it is sent again");
    });
}

#[test]
fn what_is_refused_for_good_is_counted_and_told_once_and_stops_nothing() {
    each(vec![400, 409, 410, 422], |code| {
        let collector = Collector::new(Mode::answers(move |_| status(code).body("no such field")));
        let program = program(&collector.url);
        for _ in 0..2 {
            spans(&program, SPANS);
            program.flush();
        }
        let now = report(&program);
        assert_eq!((now.rejected, now.pending), (2 * SPANS, 0));
        assert_eq!(now.destinations[0].reasons[&format!("http_{code}")], 2 * SPANS);
        assert_eq!(now.destinations[0].trouble, None);
        assert_eq!(kinds(&program), [ProblemKind::Rejected]);
        assert!(program.problems.lock().unwrap()[0].message.contains("no such field"));
        collector.turns_to(Mode::status(200));
        delivers_again(&program, &collector, 2 * SPANS);
    });
}

#[test]
fn what_is_too_large_is_split_down_to_the_span_and_each_arrives_once() {
    let is_large = |received: &Received| received.spans().any(|span| span.name == "large");
    let collector = Collector::new(Mode::answers(move |received| {
        status(if received.spans().count() > 2 || is_large(received) { 413 } else { 200 })
    }));
    let program = program(&collector.url);
    spans(&program, 9);
    program.span("large");
    let report = program.flush();
    assert_eq!((report.delivered, report.rejected), (9, 1));
    assert_eq!(report.destinations[0].reasons["too_large"], 1);
    assert_eq!(collector.taken_once().len(), 9);
}

#[test]
fn wrong_settings_cost_one_span_a_try_and_the_message_names_what_mends_them() {
    let cases = vec![
        (301, "address"),
        (302, "address"),
        (303, "address"),
        (307, "address"),
        (308, "address"),
        (401, "Destination::header"),
        (402, "Destination::header"),
        (403, "Destination::header"),
        (404, "Destination::exact_path"),
        (405, "Destination::exact_path"),
        (406, "http/protobuf"),
        (407, "Destination::header"),
        (415, "Destination::compression"),
        (501, "http/protobuf"),
        (505, "http/protobuf"),
    ];
    each(cases, |(code, setting)| {
        let collector = Collector::new(Mode::answers(move |_| {
            status(code).header("location", "http://192.0.2.1/v1/traces")
        }));
        let program = program(&collector.url);
        spans(&program, 2_000);
        // Each flush is one try more.
        for _ in 0..3 {
            assert!(program.telemetry.flush_blocking(Duration::from_secs(10)).is_err());
        }
        let trouble = in_trouble(&program);
        assert!(trouble.contains(setting), "{code}: {trouble}");
        // Until the first answer four requests are on their way at once.
        let (now, tries) = (report(&program), collector.tries().len() as u64);
        assert!(tries <= 4 + 3, "{code}: {tries} tries");
        assert!(now.rejected <= tries && now.pending >= 2_000 - tries, "{code}: {now:?}");
        collector.turns_to(Mode::status(200));
        let lost = {
            // A request may still have been on its way.
            eventually(|| (collector.exchanges().iter().all(|one| one.answered.is_some())).then_some(()));
            whole(&program).rejected
        };
        assert!(lost <= collector.tries().len() as u64);
        delivers_again(&program, &collector, lost);
        let told = kinds(&program);
        assert_eq!(told.iter().filter(|kind| **kind == ProblemKind::Misconfigured).count(), 1, "{told:?}");
        assert!(!told.contains(&ProblemKind::Delayed), "{told:?}");
    });
}

#[test]
fn a_firewall_that_forbids_some_requests_costs_those_alone() {
    let is_forbidden = |received: &Received| received.spans().any(|span| span.name == "forbidden");
    let collector =
        Collector::new(Mode::answers(move |received| status(if is_forbidden(received) { 403 } else { 200 })));
    let program = program(&collector.url);
    (0..40).for_each(|_| program.span("forbidden"));
    assert!(program.telemetry.flush_blocking(Duration::from_secs(10)).is_err());
    let mut fine = 0;
    while report(&program).pending > 0 {
        assert!(fine < 20, "{:?}", report(&program));
        program.span("fine");
        fine += 1;
        eventually(|| {
            let _ = program.telemetry.flush_blocking(Duration::from_secs(10));
            let now = report(&program);
            (now.delivered == fine || now.pending == 0).then_some(())
        });
    }
    let now = report(&program);
    assert_eq!((now.delivered, now.rejected), (fine, 40));
    assert_eq!(now.destinations[0].reasons["http_403"], 40);
}

/// That the requests of a destination in trouble come one at a time, with at least these pauses.
fn assert_left_alone(collector: &Collector, pauses: &[u64]) {
    let tries = collector.tries();
    for (number, pause) in pauses.iter().enumerate() {
        let waited = tries[number + 1] - tries[number];
        assert!(waited >= Duration::from_millis(*pause), "{waited:?} before try {}", number + 1);
    }
}

#[test]
fn a_collector_that_is_down_is_not_hammered() {
    let modes = vec![Mode::status(503), Mode::status(500), Mode::Resets, Mode::HalfHead, Mode::Silent];
    each(modes, |mode| {
        let collector = Collector::new(mode);
        let program = impatient(&collector.url, Duration::from_millis(300));
        program.span("work");
        prod(&program);
        in_trouble(&program);
        // As many as fill a batch, which wakes the courier.
        spans(&program, 600);
        eventually(|| (collector.tries().len() >= 4).then_some(()));
        assert_left_alone(&collector, &[125, 250, 500]);
        program.telemetry.shutdown_blocking(Duration::ZERO);
    });
}

#[test]
fn a_collector_that_blames_the_settings_is_left_alone_for_seconds() {
    each(vec![401, 404, 307], |code| {
        let collector = Collector::new(Mode::status(code));
        let program = program(&collector.url);
        program.span("work");
        prod(&program);
        in_trouble(&program);
        spans(&program, 600);
        eventually(|| (collector.tries().len() >= 2).then_some(()));
        assert_left_alone(&collector, &[2_500]);
        program.telemetry.shutdown_blocking(Duration::ZERO);
    });
}

#[test]
fn trouble_of_one_destination_stops_no_other() {
    let modes = vec![Mode::status(401), Mode::status(503), Mode::Silent, Mode::status(400), Mode::Resets];
    each(modes, |mode| {
        let (bad, good) = (Collector::new(mode), Collector::new(Mode::status(200)));
        let program = Program::sending_to(&[&bad.url, &good.url]);
        spans(&program, 2_000);
        prod(&program);
        eventually(|| (report(&program).destinations[1].delivered == 2_000).then_some(()));
        assert_eq!(good.taken_once().len(), 2_000);
        program.telemetry.shutdown_blocking(Duration::ZERO);
    });
}

#[test]
fn what_is_tried_again_does_not_wait_for_the_schedule() {
    for (first, at_most) in [(503, 1), (413, 2), (500, 1)] {
        let is_first = std::sync::atomic::AtomicBool::new(true);
        let collector = Collector::new(Mode::answers(move |_| {
            status(if is_first.swap(false, std::sync::atomic::Ordering::Relaxed) { first } else { 200 })
        }));
        let program = program(&collector.url);
        spans(&program, 2);
        assert_eq!(program.flush().delivered, 2);
        let tries = collector.tries();
        assert!(tries.len() <= 1 + at_most);
        // The schedule has five seconds, the back-off a quarter of one.
        assert!(tries[1] - tries[0] < Duration::from_secs(3), "{first}: {:?}", tries[1] - tries[0]);
    }
}

#[test]
fn a_flush_has_a_destination_tried_at_once_whatever_its_back_off() {
    let collector = Collector::new(Mode::status(503));
    let program = program(&collector.url);
    program.span("work");
    for _ in 0..6 {
        let tries = collector.tries().len();
        assert!(program.telemetry.flush_blocking(Duration::from_millis(50)).is_err());
        eventually(|| (collector.tries().len() > tries).then_some(()));
    }
    // The last back-off is two seconds at least.
    let tries = collector.tries();
    assert!(tries[5] - tries[4] < Duration::from_millis(1_900), "{:?}", tries[5] - tries[4]);
    program.telemetry.shutdown_blocking(Duration::ZERO);
}
