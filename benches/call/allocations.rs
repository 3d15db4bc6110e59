//! What a call allocates beside the same call by bare `reqwest`, on the thread that calls.
//!
//! `cargo bench --bench call_allocations`. It is a program of its own, since the counter is the
//! allocator of a whole program and would be part of the times.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

mod calls;
mod canned;
mod helper;
mod mock;
mod worker;

use calls::{Answer, By, Caller};
use helper::{Helper, arguments};
use std::{io, io::Read};
use worker::{Listener, Worker};

/// How often a call is made; the least counts, since how a body is cut into reads is chance.
const TRIES: usize = 7;

const ANSWERS: [Answer; 4] = [Answer::Whole, Answer::Stream(100), Answer::Stream(500), Answer::Stream(5000)];
const CLIENTS: [By; 3] = [By::Raw, By::Hand, By::Ours];

fn main() {
    let arguments = arguments();
    match arguments.first().map(String::as_str) {
        Some("provider") => mock::serve(),
        Some("worker") => work(&arguments[1], &arguments[2]),
        Some("--list") => {}
        _ => count(),
    }
}

fn count() {
    let mut provider = Helper::start(&["provider"]);
    let address = provider.line();
    let counts = Listener::ALL.map(|listener| Helper::start(&["worker", &address, listener.name()]).ask(""));

    println!("allocations of one call on the thread that calls: count / bytes, least of {TRIES}");
    print!("{:<16}{:>16}{:>16}", "", "raw", "raw + serde");
    for listener in Listener::ALL {
        print!("{:>22}", listener.name());
    }
    println!();
    for (index, answer) in ANSWERS.iter().enumerate() {
        let of = |listener: usize, client: usize| &counts[listener][index * CLIENTS.len() + client];
        let name = match answer {
            Answer::Whole => "unary".to_owned(),
            Answer::Stream(pieces) => format!("stream of {pieces}"),
        };
        print!("{name:<16}{:>16}{:>16}", of(0, 0), of(0, 1));
        for listener in 0..Listener::ALL.len() {
            print!("{:>22}", of(listener, 2));
        }
        println!();
    }
}

/// One line for each answer and client.
fn work(address: &str, listener: &str) {
    let worker = Worker::new(address, listener);
    for answer in ANSWERS {
        let caller = Caller::new(&worker, answer);
        for by in CLIENTS {
            worker.make(&caller, by, 1, 2);
            let tries = (0..TRIES).map(|_| {
                let counted = allocation_counter::measure(|| worker.make(&caller, by, 1, 1));
                (counted.count_total, counted.bytes_total)
            });
            let (count, bytes) = tries.min().unwrap_or_default();
            println!("{count} / {bytes}");
        }
    }
    worker.check();
    println!();
    let _ = io::stdin().read_to_end(&mut Vec::new());
}
