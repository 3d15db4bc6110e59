//! What a call costs beside the same call by bare `reqwest`, in CPU time.
//!
//! `cargo bench --bench call` takes about a minute; `-- --rounds 100` measures longer, `-- --test`
//! (and `cargo test --benches`) only shows that it works.
//!
//! The provider and the receiver of the spans are a process of their own, and so is each way of
//! telemetry, since whether anybody listens to a span is cached for a whole process. In each round
//! every process makes the same calls by each client, in turns. Only times of one round in one
//! process are compared. Times are CPU clocks: of the thread that calls, and of the whole process,
//! after a flush, so that exporting in the background hides nothing. The provider answers at once
//! and on this machine, and there is no TLS: ratios are as large as they can get.
//!
//! `--features reqwest-middleware,tower,async-openai`, or some of them, measures the adapters for those clients
//! too, each beside the same client without it.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

mod calls;
mod canned;
mod helper;
mod mock;
mod report;
#[cfg_attr(
    not(any(feature = "reqwest-middleware", feature = "tower", feature = "async-openai")),
    allow(dead_code, unused_variables, reason = "without a feature there is no other client")
)]
mod stacks;
mod worker;

use calls::{Answer, By, Caller};
use cpu_time::{ProcessTime, ThreadTime};
use helper::{Helper, arguments, is_quick};
use stacks::Stack;
use std::{
    io,
    time::{Duration, Instant},
};
use worker::{Listener, Worker};

/// How long rounds may begin.
const TIME: Duration = Duration::from_secs(70);
const ROUNDS: usize = 60;

/// Calls that are measured together.
struct Batch {
    name: &'static str,
    answer: Answer,
    in_flight: usize,
    calls: usize,
    /// It is made in one of this many rounds.
    rarity: usize,
}

const BATCHES: [Batch; 4] = [
    Batch { name: "unary ×1", answer: Answer::Whole, in_flight: 1, calls: 100, rarity: 1 },
    Batch { name: "unary ×64", answer: Answer::Whole, in_flight: 64, calls: 256, rarity: 1 },
    Batch { name: "stream ×1", answer: Answer::Stream(500), in_flight: 1, calls: 8, rarity: 1 },
    Batch { name: "stream ×64", answer: Answer::Stream(500), in_flight: 64, calls: 64, rarity: 4 },
];

/// Every client by its name.
fn clients() -> Vec<(String, By)> {
    let own = [("raw", By::Raw), ("by hand", By::Hand), ("raw again", By::Raw), ("ours", By::Ours)];
    let own = own.map(|(name, by)| (name.to_owned(), by));
    let others = Stack::ALL.iter().flat_map(|&stack| {
        [false, true].map(|is_watched| (report::name(stack, is_watched), By::Through(stack, is_watched)))
    });
    own.into_iter().chain(others).collect()
}

fn main() {
    let arguments = arguments();
    match arguments.first().map(String::as_str) {
        Some("provider") => mock::serve(),
        Some("worker") => work(&arguments[1], &arguments[2]),
        Some("--list") => {}
        _ => measure(&arguments),
    }
}

fn measure(arguments: &[String]) {
    let is_quick = is_quick();
    let rounds = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
    let rounds = rounds.map(|count| count.parse().expect("`--rounds` takes a number"));
    let limit = if rounds.is_some() { Duration::MAX } else { TIME };
    let rounds = if is_quick { 1 } else { rounds.unwrap_or(ROUNDS) };

    let mut provider = Helper::start(&["provider"]);
    let address = provider.line();
    let mut workers = Listener::ALL.map(|listener| Helper::start(&["worker", &address, listener.name()]));
    if !is_quick {
        // What opens connections and fills caches is not looked at.
        for worker in &mut workers {
            worker.ask("0");
        }
    }
    let mut report = report::Report::default();
    let begun = Instant::now();
    for round in 0..rounds {
        if begun.elapsed() > limit {
            break;
        }
        for turn in 0..workers.len() {
            let listener = (round + turn) % workers.len();
            for line in workers[listener].ask(&round.to_string()) {
                report.add(listener, &line);
            }
        }
    }
    report.print();
}

/// Measures each round whose number comes in, until the input ends.
fn work(address: &str, listener: &str) {
    let worker = Worker::new(address, listener);
    for round in io::stdin().lines() {
        let round: usize = round.expect("a line").parse().expect("a round");
        for batch in BATCHES.iter().filter(|batch| round % batch.rarity == 0) {
            measure_batch(&worker, batch, round / batch.rarity);
        }
        worker.check();
        println!();
    }
}

/// Measures a batch by each client, in an order that turns with the rounds and goes back in every
/// second one, since what went before leaves its traces in the caches.
fn measure_batch(worker: &Worker, batch: &Batch, round: usize) {
    let calls = if is_quick() { batch.in_flight.min(8) } else { batch.calls };
    let caller = Caller::new(worker, batch.answer);
    let clients = clients();
    for turn in 0..clients.len() {
        let turn = if round % 2 == 0 { turn } else { clients.len() - 1 - turn };
        let (name, by) = &clients[(round / 2 + turn) % clients.len()];
        let by = *by;
        worker.make(&caller, by, 1, 2);
        worker.flush();
        let (thread, process) = (ThreadTime::now(), ProcessTime::now());
        worker.make(&caller, by, batch.in_flight.min(calls), calls);
        let thread = thread.elapsed();
        worker.flush();
        let process = process.elapsed();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / calls as f64;
        println!("{};{name};{:.3};{:.3}", batch.name, each(thread), each(process));
    }
}
