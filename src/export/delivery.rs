//! One destination's deliveries: batches from its queue to its answers.

use super::{
    answer::{self, Answer, Retry},
    destination::{Address, Route},
    encode::{self, Parcel},
    http::HttpTransport,
    lane::{Claim, Lane},
    report::Hook,
};
use crate::capture::ContentCapture;
use std::{cell::RefCell, rc::Rc, sync::Arc};
use tokio::{
    sync::Semaphore,
    task::spawn_local,
    time::{Instant, sleep_until, timeout, timeout_at},
};

/// Requests of one destination on their way at once.
const IN_FLIGHT: usize = 4;

/// One destination's deliveries.
pub(super) struct Delivery {
    lane: Arc<Lane>,
    content: Option<ContentCapture>,
    transport: Transport,
    in_flight: Arc<Semaphore>,
    pause: RefCell<Pause>,
    hook: Hook,
}

/// When a destination in trouble is tried again, by all of its requests.
#[derive(Default)]
struct Pause {
    failures: u32,
    /// The end of a back-off of ours, which a flush cuts short and a success ends.
    until: Option<Instant>,
    /// The end of a wait that the destination asked for, which nothing does.
    asked_until: Option<Instant>,
}

#[allow(clippy::large_enum_variant, reason = "there is one for each destination")]
enum Transport {
    Http(HttpTransport),
    #[cfg(feature = "grpc")]
    Grpc(super::grpc::GrpcTransport),
}

impl Delivery {
    pub(super) fn new(lane: Arc<Lane>, route: Route, hook: Hook) -> Self {
        let transport = match route.address {
            Address::Http(http) => Transport::Http(http),
            #[cfg(feature = "grpc")]
            Address::Grpc { endpoint, headers, compression } => {
                Transport::Grpc(super::grpc::GrpcTransport::new(*endpoint, headers, compression))
            }
        };
        Self {
            lane,
            content: route.content,
            transport,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
            pause: RefCell::default(),
            hook,
        }
    }

    /// Looks at the queue on its schedule, and earlier when there is a batch or somebody waits.
    pub(super) async fn work(self: Rc<Self>) {
        loop {
            let _ = timeout(self.lane.limits().delay, self.lane.wake.notified()).await;
            loop {
                let Ok(permit) = Arc::clone(&self.in_flight).acquire_owned().await else { return };
                let Some(claim) = self.lane.claim() else { break };
                let this = Rc::clone(&self);
                spawn_local(async move {
                    this.deliver(claim).await;
                    drop(permit);
                });
            }
        }
    }

    async fn deliver(&self, mut claim: Claim) {
        let spans = std::mem::take(&mut claim.spans);
        let mut parcels = encode::parcels(spans, self.content.as_ref(), self.lane.limits());
        parcels.reverse();
        while let Some(parcel) = parcels.pop() {
            if let Some([first, second]) = self.deliver_parcel(parcel).await {
                parcels.push(second);
                parcels.push(first);
            }
        }
    }

    /// Sends until the spans are accounted for; gives back halves of what is too large.
    async fn deliver_parcel(&self, mut parcel: Parcel) -> Option<[Parcel; 2]> {
        let body = self.transport.body(&parcel);
        // Tries that may have been the spans' own fault; an outage uses none up.
        let mut tries = 0;
        let answer = loop {
            self.wait().await;
            match self.transport.send(&body, &parcel).await {
                Answer::Retry(retry) => {
                    tries += u32::from(retry.tries.is_some());
                    if retry.tries.is_some_and(|most| tries >= most) {
                        break Answer::Refused { reason: retry.reason, message: retry.message };
                    }
                    self.hold(&retry);
                }
                answer => break answer,
            }
        };
        if matches!(answer, Answer::Accepted | Answer::Partial { .. }) {
            let mut pause = self.pause.borrow_mut();
            (pause.failures, pause.until) = (0, None);
        }
        let problem = match answer {
            Answer::Accepted | Answer::Retry(_) => {
                self.lane.delivered(&parcel.spans);
                None
            }
            Answer::Partial { rejected, message } => {
                self.lane.rejected(&parcel.spans, rejected, "partial_success", &message)
            }
            Answer::TooLarge { .. } if parcel.spans.len() > 1 => {
                let second = parcel.spans.split_off(parcel.spans.len() / 2);
                let half = |spans| encode::parcel(spans, self.content.as_ref());
                return Some([half(parcel.spans), half(second)]);
            }
            Answer::TooLarge { message, .. } => self.lane.rejected(&parcel.spans, 1, "too_large", &message),
            Answer::Refused { reason, message } => {
                self.lane.rejected(&parcel.spans, parcel.spans.len() as u64, &reason, &message)
            }
        };
        if let Some(problem) = problem {
            self.hook.tell(&problem);
        }
        None
    }

    /// Waits while the destination is left alone.
    async fn wait(&self) {
        loop {
            let (until, asked_until) = {
                let pause = self.pause.borrow();
                (pause.until, pause.asked_until)
            };
            let now = Instant::now();
            if let Some(asked_until) = asked_until.filter(|until| *until > now) {
                sleep_until(asked_until).await;
                continue;
            }
            let Some(until) = until.filter(|until| *until > now) else { return };
            if timeout_at(until, self.lane.hurry.notified()).await.is_ok() {
                return;
            }
        }
    }

    fn hold(&self, retry: &Retry) {
        let mut pause = self.pause.borrow_mut();
        let now = Instant::now();
        // Requests that fail together count as one failure.
        if pause.until.is_none_or(|until| until <= now) {
            pause.failures = pause.failures.saturating_add(1);
        }
        match retry.after {
            Some(wait) => pause.asked_until = Some(now + wait).max(pause.asked_until),
            None => pause.until = Some(now + answer::back_off(pause.failures)).max(pause.until),
        }
        drop(pause);
        if let Some(problem) = self.lane.delayed(&retry.message) {
            self.hook.tell(&problem);
        }
    }
}

impl Transport {
    /// What is the same in every try.
    fn body(&self, parcel: &Parcel) -> bytes::Bytes {
        match self {
            Self::Http(http) => http.body(&parcel.request),
            #[cfg(feature = "grpc")]
            Self::Grpc(_) => bytes::Bytes::new(),
        }
    }

    #[cfg_attr(not(feature = "grpc"), expect(unused_variables, reason = "gRPC encodes each try anew"))]
    async fn send(&self, body: &bytes::Bytes, parcel: &Parcel) -> Answer {
        match self {
            Self::Http(http) => http.send(body.clone()).await,
            #[cfg(feature = "grpc")]
            Self::Grpc(grpc) => grpc.send(parcel.request.clone()).await,
        }
    }
}
