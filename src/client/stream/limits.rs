//! How long a stream may take, in all and between two pieces.

use crate::{Error, client::transport};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// What a stream may take, from the beginning of its call.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Limits {
    started: Instant,
    /// In all, if that was said.
    whole: Option<Duration>,
    silence: Duration,
}

impl Limits {
    /// As of now.
    pub(in crate::client) fn start(whole: Option<Duration>, silence: Duration) -> Self {
        Self { started: Instant::now(), whole, silence }
    }
}

/// The clocks of a stream. The one of its silence runs only while nothing is there to read, so that none is
/// read per piece.
pub(super) struct Clocks {
    silence: Duration,
    silent: Pin<Box<Sleep>>,
    is_silent: bool,
    /// The time for everything, and its end.
    whole: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Clocks {
    /// To be made where a runtime is sure to be: a stream may be polled elsewhere.
    pub(super) fn new(limits: Limits) -> Self {
        // A limit beyond the clock's range is none.
        let whole = limits.whole.and_then(|whole| Some((whole, limits.started.checked_add(whole)?)));
        Self {
            silence: limits.silence,
            silent: Box::pin(tokio::time::sleep(limits.silence)),
            is_silent: false,
            whole: whole.map(|(whole, end)| (whole, Box::pin(tokio::time::sleep_until(end)))),
        }
    }

    /// Something came.
    pub(super) fn heard(&mut self) {
        self.is_silent = false;
    }

    /// The error, once the time for everything is over, whether or not more is there to read.
    pub(super) fn poll_whole(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        match &mut self.whole {
            Some((limit, end)) => end.as_mut().poll(context).map(|()| transport::unfinished(*limit)),
            None => Poll::Pending,
        }
    }

    /// The error, once nothing has come for too long; to be called while nothing is there.
    pub(super) fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        if !self.is_silent {
            if let Some(deadline) = Instant::now().checked_add(self.silence) {
                self.silent.as_mut().reset(deadline);
            }
            self.is_silent = true;
        }
        self.silent.as_mut().poll(context).map(|()| transport::silence(self.silence))
    }
}
