//! What a call allocates beside the same call by bare `reqwest`, on the thread that calls.
//!
//! `cargo bench --bench call_allocations`; with the features of the adapters their clients have a line each, alone
//! and with the adapter. It is a program of its own, since the counter is the
//! allocator of a whole program and would be part of the times.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

mod calls;
mod canned;
mod helper;
mod mock;
#[cfg_attr(
    not(any(feature = "reqwest-middleware", feature = "tower", feature = "async-openai")),
    allow(dead_code, unused_variables, reason = "without a feature there is no other client")
)]
mod stacks;
mod worker;

use calls::{Answer, By, Caller};
use helper::{Helper, arguments};
use stacks::Stack;
use std::{io, io::Read};
use worker::{Listener, Worker};

/// How often a call is made; the least counts, since how a body is cut into reads is chance.
const TRIES: usize = 7;

const ANSWERS: [Answer; 4] = [Answer::Whole, Answer::Stream(100), Answer::Stream(500), Answer::Stream(5000)];

/// Every client: ours after the two that it is compared with, then the others without and with the adapter.
fn clients() -> Vec<By> {
    let others = Stack::ALL.iter().flat_map(|&stack| [By::Through(stack, false), By::Through(stack, true)]);
    [By::Raw, By::Hand, By::Ours].into_iter().chain(others).collect()
}

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
    let clients = clients().len();
    for (index, answer) in ANSWERS.iter().enumerate() {
        let of = |listener: usize, client: usize| &counts[listener][index * clients + client];
        let name = match answer {
            Answer::Whole => "unary".to_owned(),
            Answer::Stream(pieces) => format!("stream of {pieces}"),
        };
        print!("{name:<16}{:>16}{:>16}", of(0, 0), of(0, 1));
        for listener in 0..Listener::ALL.len() {
            print!("{:>22}", of(listener, 2));
        }
        println!();
        for (number, stack) in Stack::ALL.iter().enumerate() {
            let plain = 3 + number * 2;
            print!("{:<32}{:>16}", format!("  {}", stack.name()), of(0, plain));
            for listener in 0..Listener::ALL.len() {
                print!("{:>22}", of(listener, plain + 1));
            }
            println!();
        }
    }
}

/// One line for each answer and client.
fn work(address: &str, listener: &str) {
    let worker = Worker::new(address, listener);
    for answer in ANSWERS {
        let caller = Caller::new(&worker, answer);
        for by in clients() {
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
