//! A collector that can be in any kind of trouble, and come out of it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part, in tests")]

use crate::export_receiver::{Answer, Received, read, status};
use std::{
    collections::HashSet,
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// What a collector does with a request.
#[derive(Clone)]
pub enum Mode {
    Answers(Arc<dyn Fn(&Received) -> Answer + Send + Sync>),
    /// Takes it, after a while.
    Late(Duration),
    /// Reads it and says nothing.
    Silent,
    /// Breaks the connection under it.
    Resets,
    /// Ends the connection within the status line.
    HalfHead,
    /// Ends the connection within the body of an answer with this status.
    HalfBody(u16),
}

impl Mode {
    pub fn status(code: u16) -> Self {
        Self::answers(move |_| status(code))
    }

    pub fn answers(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::Answers(Arc::new(answer))
    }
}

/// A request, and its answer if it was written in full.
#[derive(Clone)]
pub struct Exchange {
    pub received: Arc<Received>,
    pub answered: Option<(Instant, u16)>,
}

impl Exchange {
    pub fn is_taken(&self) -> bool {
        self.answered.is_some_and(|(_, status)| (200..300).contains(&status))
    }

    pub fn ids(&self) -> Vec<Vec<u8>> {
        self.received.spans().map(|span| span.span_id.clone()).collect()
    }
}

struct Desk {
    mode: Mode,
    /// When each request began, those too that were not read.
    tries: Vec<Instant>,
    exchanges: Vec<Exchange>,
    /// Requests that it is at now.
    serving: usize,
}

pub struct Collector {
    pub url: String,
    desk: Arc<Mutex<Desk>>,
}

impl Collector {
    pub fn new(mode: Mode) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), mode)
    }

    fn on(listener: TcpListener, mode: Mode) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let desk = Arc::new(Mutex::new(Desk { mode, tries: Vec::new(), exchanges: Vec::new(), serving: 0 }));
        let shared = Arc::clone(&desk);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let desk = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &desk));
            }
        });
        Self { url, desk }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    /// Changes its mind, from the next request on.
    pub fn turns_to(&self, mode: Mode) {
        self.desk().mode = mode;
    }

    pub fn tries(&self) -> Vec<Instant> {
        self.desk().tries.clone()
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.desk().exchanges.clone()
    }

    /// The requests that it took, in the order of their arrival.
    pub fn taken(&self) -> Vec<Exchange> {
        self.exchanges().into_iter().filter(Exchange::is_taken).collect()
    }

    /// Waits until nothing is being served.
    pub fn settle(&self) {
        eventually(|| (self.serving() == 0).then_some(()));
    }

    fn serving(&self) -> usize {
        self.desk().serving
    }

    /// How many spans it took.
    pub fn taken_spans(&self) -> usize {
        self.taken().iter().map(|exchange| exchange.received.spans().count()).sum()
    }

    /// The ids of the spans that it took, none of them twice.
    pub fn taken_once(&self) -> HashSet<Vec<u8>> {
        let ids: Vec<_> = self.taken().iter().flat_map(Exchange::ids).collect();
        let once: HashSet<_> = ids.iter().cloned().collect();
        assert_eq!(ids.len(), once.len(), "spans arrived twice");
        once
    }
}

/// An address that refuses connections, until a collector opens there.
pub struct Closed {
    pub url: String,
    socket: tokio::net::TcpSocket,
}

impl Closed {
    pub fn new() -> Self {
        // Bound and not listening: nobody else gets the port.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self { url: format!("http://{}", socket.local_addr().unwrap()), socket }
    }

    pub fn open(self) -> Collector {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let listener = self.socket.listen(64).unwrap().into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        Collector::on(listener, Mode::status(200))
    }
}

fn serve(stream: TcpStream, desk: &Mutex<Desk>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    // Its first byte is not taken from the system: with bytes unread a closed connection is a broken one.
    while matches!(writer.peek(&mut [0]), Ok(1)) {
        let mode = {
            let mut desk = desk.lock().unwrap();
            desk.tries.push(Instant::now());
            desk.serving += 1;
            desk.mode.clone()
        };
        let goes_on = serve_one(&mut reader, &mut writer, &mode, desk);
        desk.lock().unwrap().serving -= 1;
        if !goes_on {
            return;
        }
    }
}

/// Whether the connection serves for more.
fn serve_one(
    reader: &mut BufReader<TcpStream>,
    writer: &mut TcpStream,
    mode: &Mode,
    desk: &Mutex<Desk>,
) -> bool {
    if matches!(mode, Mode::Resets) {
        return false;
    }
    let Some(received) = read(reader) else { return false };
    let received = Arc::new(received);
    let number = {
        let mut desk = desk.lock().unwrap();
        desk.exchanges.push(Exchange { received: Arc::clone(&received), answered: None });
        desk.exchanges.len() - 1
    };
    let (answer, is_half) = match mode {
        Mode::Answers(answer) => (answer(&received), false),
        Mode::Late(time) => {
            std::thread::park_timeout(*time);
            (status(200), false)
        }
        Mode::HalfBody(code) => (status(*code).body("half"), true),
        Mode::HalfHead => {
            let _ = writer.write_all(b"HTTP/1.1 20");
            return false;
        }
        Mode::Silent => return true,
        Mode::Resets => return false,
    };
    let length = answer.body.len() * if is_half { 2 } else { 1 };
    let mut text = format!("HTTP/1.1 {} Test\r\ncontent-length: {length}\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&answer.body);
    // Under the lock, so that nobody who knows of the answer finds it missing here.
    let mut desk = desk.lock().unwrap();
    if writer.write_all(&bytes).is_err() {
        return false;
    }
    desk.exchanges[number].answered = Some((Instant::now(), answer.status));
    !is_half
}

/// Waits until something is so, and gives what it gives.
pub fn eventually<T>(what: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = what() {
            return value;
        }
        assert!(Instant::now() < end, "it does not come to that");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
