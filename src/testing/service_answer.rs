use super::Gate;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// What [`FakePostHog`](super::FakePostHog) or [`FakeTracia`](super::FakeTracia) answers a request
/// with, in place of or around what it would answer by itself.
///
/// ```
/// use tracing_genai::testing::{FakeTracia, ServiceAnswer};
///
/// # fn main() -> std::io::Result<()> {
/// let tracia = FakeTracia::start()?;
/// // An outage of two requests, then it is there again.
/// tracia.answer_next(2, &ServiceAnswer::status(503).header("retry-after", "1"));
/// // The service takes the third request, but the client is not told.
/// tracia.answer_next(1, &ServiceAnswer::hang_up().taken());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceAnswer {
    pub(super) kind: Kind,
    pub(super) taken: bool,
    pub(super) gates: Vec<Gate>,
    headers: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Usual,
    Instead { status: u16, content_type: String, body: Bytes },
    HangUp,
}

impl ServiceAnswer {
    fn new(kind: Kind, taken: bool) -> Self {
        Self { kind, taken, gates: Vec::new(), headers: Vec::new() }
    }

    /// What the service would answer by itself: with [`held`](Self::held) or a
    /// [header](Self::header).
    pub fn usual() -> Self {
        Self::new(Kind::Usual, true)
    }

    /// This HTTP status, without a body. Nothing of the request is taken.
    pub fn status(status: u16) -> Self {
        Self::body(status, "text/plain", Bytes::new())
    }

    /// This HTTP status with a body. Nothing of the request is taken.
    pub fn body(status: u16, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Kind::Instead { status, content_type: content_type.into(), body: body.into() }, false)
    }

    /// The connection is closed without an answer. Nothing of the request is taken.
    pub fn hang_up() -> Self {
        Self::new(Kind::HangUp, false)
    }

    /// Takes the request as usual all the same: an answer that was lost on its way.
    #[must_use]
    pub fn taken(mut self) -> Self {
        self.taken = true;
        self
    }

    /// Sends this header too, `retry-after` for example.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits at this gate before it takes anything and answers.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.gates.push(gate.clone());
        self
    }

    /// The headers that can be sent.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<'_> {
        self.headers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
    }
}
