//! Two receivers of OTLP over HTTP that count the spans they get by their ids. The second is down at first.

use std::{
    collections::HashSet,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[derive(Default)]
struct Counter {
    is_down: AtomicBool,
    ids: Mutex<(HashSet<[u8; 8]>, u64)>,
}

/// Tells the two addresses, then answers `up` and `count` until its input ends. Down is `503`, or `refused`.
pub(crate) fn serve(down: &str) {
    let counters: [Arc<Counter>; 2] = Default::default();
    let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // A port that no client of this machine is given while nobody listens there.
    let start = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a small number");
    let second = (start..start + 2_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let second = second.expect("a free port");
    let address = second.local_addr().expect("its address");
    println!("http://{}", first.local_addr().expect("its address"));
    println!("http://{address}");
    accept(first, &counters[0]);
    if down == "503" {
        counters[1].is_down.store(true, Ordering::Relaxed);
        accept(second, &counters[1]);
    } else {
        drop(second);
    }
    for line in io::stdin().lines() {
        match line.expect("a line").as_str() {
            "up" if down == "503" => counters[1].is_down.store(false, Ordering::Relaxed),
            "up" => accept(TcpListener::bind(address).expect("its port again"), &counters[1]),
            _ => {
                for counter in &counters {
                    let ids = counter.ids.lock().unwrap_or_else(PoisonError::into_inner);
                    println!("{};{}", ids.0.len(), ids.1);
                }
            }
        }
        println!();
    }
}

fn accept(listener: TcpListener, counter: &Arc<Counter>) {
    let counter = Arc::clone(counter);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            // A client that goes is no matter of ours.
            thread::spawn(move || answer_all(connection, &counter));
        }
    });
}

fn answer_all(mut connection: TcpStream, counter: &Counter) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, connection.try_clone()?);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let status = if counter.is_down.load(Ordering::Relaxed) {
            "503 Service Unavailable"
        } else {
            let mut ids = counter.ids.lock().unwrap_or_else(PoisonError::into_inner);
            count(&body, &mut ids);
            "200 OK"
        };
        write!(
            connection,
            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
        )?;
    }
}

/// Notes the ids of the spans in an `ExportTraceServiceRequest`.
fn count(request: &[u8], (ids, total): &mut (HashSet<[u8; 8]>, u64)) {
    for resource_spans in fields(request, 1) {
        for scope_spans in fields(resource_spans, 2) {
            for span in fields(scope_spans, 2) {
                let id = fields(span, 2).next().and_then(|id| id.try_into().ok());
                ids.insert(id.expect("a span's id"));
                *total += 1;
            }
        }
    }
}

/// The fields of this number in a message of protobuf that have a length.
fn fields(mut message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let key = number(&mut message);
            let length = match key & 7 {
                0 => {
                    number(&mut message);
                    0
                }
                1 => 8,
                2 => usize::try_from(number(&mut message)).expect("a length"),
                5 => 4,
                kind => panic!("no protobuf: wire type {kind}"),
            };
            let (field, rest) = message.split_at(length);
            message = rest;
            if key == wanted << 3 | 2 {
                return Some(field);
            }
        }
        None
    })
}

fn number(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().expect("a whole number");
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}
