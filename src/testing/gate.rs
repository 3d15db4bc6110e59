use super::signal::Signal;
use std::{sync::Arc, time::Duration};

/// Long enough for any server to get anywhere, short enough that a wrong test ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A point in an answer where the server waits until the test lets it go on.
///
/// With it a test controls time without sleeping: it knows where the server
/// [is](Self::reached), decides when it goes [on](Self::release), and sees whether the client
/// [went away](Self::client_gone) in between.
///
/// The waits are on the wall clock, 10 seconds at most. In async tests use the `_async` ones: they
/// wait on a thread of their own, so they neither stop a current-thread runtime nor let a paused
/// tokio clock run ahead meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Signal<State>>);

#[derive(Debug, Default)]
struct State {
    reached: bool,
    released: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Server,
    Client,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the server go on. A gate once released stays open.
    pub fn release(&self) {
        self.0.update(|state| state.released = true);
    }

    /// Blocks until the server is at the gate; `false` if it did not get there.
    #[must_use = "a server that did not get there makes the rest of the test meaningless"]
    pub fn reached(&self) -> bool {
        self.0.block_until(PATIENCE, |state| state.reached || state.end.is_some()).reached
    }

    /// [`reached`](Self::reached) for async tests, under a tokio runtime.
    #[must_use = "a server that did not get there makes the rest of the test meaningless"]
    pub async fn reached_async(&self) -> bool {
        let gate = self.clone();
        tokio::task::spawn_blocking(move || gate.reached()).await.unwrap_or(false)
    }

    /// Blocks until the exchange is over; `true` if it ended because the client went away before all
    /// of the answer was sent.
    #[must_use = "this is the answer the test asked for"]
    pub fn client_gone(&self) -> bool {
        self.0.block_until(PATIENCE, |state| state.end.is_some()).end == Some(End::Client)
    }

    /// [`client_gone`](Self::client_gone) for async tests, under a tokio runtime.
    #[must_use = "this is the answer the test asked for"]
    pub async fn client_gone_async(&self) -> bool {
        let gate = self.clone();
        tokio::task::spawn_blocking(move || gate.client_gone()).await.unwrap_or(false)
    }

    /// The server's side: says it is here, waits for its release.
    pub(super) async fn pass(&self) {
        self.0.update(|state| state.reached = true);
        self.0.until(|state| state.released).await;
    }

    fn end(&self, by: End) {
        self.0.update(|state| {
            state.end.get_or_insert(by);
        });
    }
}

/// Tells the gates of an exchange how it ended: dropped before [`sent`](Self::sent), the client left.
#[derive(Debug, Default)]
pub(super) struct Watch(Vec<Gate>);

impl Watch {
    pub(super) fn new(gates: impl IntoIterator<Item = Gate>) -> Self {
        Self(gates.into_iter().collect())
    }

    /// The server did all it was told to.
    pub(super) fn sent(&mut self) {
        for gate in self.0.drain(..) {
            gate.end(End::Server);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for gate in &self.0 {
            gate.end(End::Client);
        }
    }
}
