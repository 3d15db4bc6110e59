//! A provider that answers in canned bytes, and a receiver of spans that takes all of them.

use crate::canned;
use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Streams by their number of pieces.
type Streams = Arc<Mutex<HashMap<usize, Arc<[u8]>>>>;

/// Tells its address and serves until its input ends.
pub(crate) fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        let streams = Streams::default();
        for connection in listener.incoming().flatten() {
            let streams = Arc::clone(&streams);
            // A client that goes is no matter of ours.
            thread::spawn(move || answer_all(connection, &streams));
        }
    });
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

fn answer_all(mut connection: TcpStream, streams: &Streams) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(16 << 10, connection.try_clone()?);
    let whole = canned::whole();
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            if line.trim_end().is_empty() {
                break;
            }
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        // `/whole/…`, `/<pieces>/…`, or `/v1/traces` of the export.
        let first = path.split('/').nth(1).unwrap_or_default();
        match first.parse() {
            Ok(pieces) => {
                let stream = Arc::clone(
                    streams
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .entry(pieces)
                        .or_insert_with(|| canned::stream(pieces).into()),
                );
                connection.write_all(&stream)?;
            }
            Err(_) if first == "whole" => connection.write_all(&whole)?,
            Err(_) => connection.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
            )?,
        }
    }
}
