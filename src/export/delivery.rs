//! One destination's deliveries: from its queue to its answers.

use super::{
    answer::{self, Answer, Retry},
    destination::Address,
    http::HttpTransport,
    lane::{Lane, MISCONFIGURED_PAUSE, Shipment, Unreadable},
    posthog::CaptureTransport,
    report::{Hook, Problem, ProblemKind},
    tracia::TraciaTransport,
};
use bytes::Bytes;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::spawn_local,
    time::{Instant, sleep_until, timeout, timeout_at},
};

/// One destination's deliveries.
pub(super) struct Delivery {
    lane: Arc<Lane>,
    transport: Transport,
    in_flight: Arc<Semaphore>,
    pause: RefCell<Pause>,
    is_misconfigured: Cell<bool>,
    hook: Hook,
}

/// When a destination in trouble is tried again, by all of its requests.
#[derive(Default)]
struct Pause {
    failures: u32,
    /// The end of a back-off of ours, which a flush cuts short and a success ends.
    until: Option<Instant>,
    /// How often somebody had been in a hurry at the last failure.
    hurries: u64,
    /// The end of a wait that the destination asked for, which nothing does.
    asked_until: Option<Instant>,
}

#[allow(clippy::large_enum_variant, reason = "there is one for each destination")]
enum Transport {
    Http(HttpTransport),
    Tracia(TraciaTransport),
    PostHogCapture(CaptureTransport),
    #[cfg(feature = "grpc")]
    Grpc(super::grpc::GrpcTransport),
}

impl Delivery {
    pub(super) fn new(lane: Arc<Lane>, address: Address, hook: Hook) -> Self {
        let transport = match address {
            Address::Http(http) => Transport::Http(http),
            Address::Tracia(tracia) => Transport::Tracia(tracia),
            Address::PostHogCapture(capture) => Transport::PostHogCapture(capture),
            #[cfg(feature = "grpc")]
            Address::Grpc { endpoint, headers, compression } => Transport::Grpc(
                super::grpc::GrpcTransport::new(*endpoint, headers, compression, lane.signal()),
            ),
        };
        let in_flight = Arc::new(Semaphore::new(lane.limits().in_flight));
        Self {
            lane,
            transport,
            in_flight,
            pause: RefCell::default(),
            is_misconfigured: Cell::new(false),
            hook,
        }
    }

    /// Looks at the queue on its schedule, and earlier when there is a batch or somebody waits. While the
    /// destination is in trouble there is one request at a time, to see whether it still is.
    pub(super) async fn work(self: Rc<Self>) {
        loop {
            let _ = timeout(self.lane.limits().delay, self.lane.wake.notified()).await;
            loop {
                let Ok(permit) = Arc::clone(&self.in_flight).acquire_owned().await else { return };
                self.wait().await;
                let Some(shipment) = self.next_shipment() else { break };
                if self.is_in_trouble() {
                    self.deliver(shipment).await;
                } else {
                    let this = Rc::clone(&self);
                    spawn_local(async move {
                        this.deliver(shipment).await;
                        drop(permit);
                        // What it did not account for does not wait for the schedule.
                        if this.lane.has_parcels() {
                            this.lane.wake.notify_one();
                        }
                    });
                }
            }
        }
    }

    fn next_shipment(&self) -> Option<Shipment> {
        // What the settings are wrong for is lost at each try: as little as can be.
        let careful = self.is_misconfigured.get();
        loop {
            if let Some(shipment) = self.lane.claim(self.is_in_trouble(), false) {
                return Some(shipment);
            }
            let mut problems = Vec::new();
            let is_packed = self.lane.pack_for_shipment(careful, &mut problems);
            self.tell(problems);
            if !is_packed {
                return self.lane.claim(self.is_in_trouble(), true);
            }
        }
    }

    /// One try. What it does not account for stays pending, and is tried again.
    async fn deliver(&self, mut shipment: Shipment) {
        let body = match shipment.body().await {
            Ok(body) => body,
            Err(Unreadable::Lost(problems)) => return self.tell(problems),
            Err(Unreadable::ForNow(problem)) => {
                self.hold(None, answer::back_off);
                return self.tell(problem.into_iter().collect());
            }
        };
        if shipment.must_wait(&body) {
            return;
        }
        let lose = |reason: &str, message: &str| self.transport.lost(&body, reason, message);
        let problems = match self.transport.send(body.clone(), shipment.is_again()).await {
            Answer::Accepted => {
                self.is_well();
                self.lane.not_too_large(body.len());
                shipment.delivered().await
            }
            Answer::Partial { rejected, reason, message } => {
                self.is_well();
                shipment.rejected(rejected, &reason, &message).await
            }
            Answer::TooLarge { message, .. } => {
                self.is_well();
                match shipment.divide(&body) {
                    Ok(problems) => problems,
                    Err(shipment) => {
                        lose("too_large", &message);
                        shipment.rejected(u64::MAX, "too_large", &message).await
                    }
                }
            }
            Answer::Refused { reason, message } => {
                self.is_well();
                lose(&reason, &message);
                shipment.rejected(u64::MAX, &reason, &message).await
            }
            Answer::Misconfigured { reason, message } => {
                self.is_misconfigured.set(true);
                self.hold(None, answer::back_off_misconfigured);
                let mut problems: Vec<Problem> =
                    self.lane.failing(ProblemKind::Misconfigured, &message).into_iter().collect();
                lose(&reason, &message);
                problems.extend(shipment.sacrifice(&body, answer::SUSPICIOUS_TRIES, &reason, &message).await);
                problems
            }
            Answer::Retry(Retry { reason, message, is_suspicious: true, .. })
                if shipment.suspect(answer::SUSPICIOUS_TRIES) =>
            {
                lose(&reason, &message);
                shipment.rejected(u64::MAX, &reason, &message).await
            }
            Answer::Retry(retry) => {
                self.hold(retry.after, answer::back_off);
                self.lane.failing(ProblemKind::Delayed, &retry.message).into_iter().collect()
            }
        };
        self.tell(problems);
    }

    fn tell(&self, problems: Vec<Problem>) {
        for problem in problems {
            self.hook.tell(&problem);
        }
    }

    fn is_in_trouble(&self) -> bool {
        self.pause.borrow().failures > 0
    }

    /// The destination answers as one that takes spans.
    fn is_well(&self) {
        let mut pause = self.pause.borrow_mut();
        (pause.failures, pause.until) = (0, None);
        self.is_misconfigured.set(false);
        self.lane.healthy();
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
            // Wrong settings are not asked about again and again, whoever is in a hurry.
            if self.lane.is_misconfigured_lately() {
                sleep_until(until.min(now + MISCONFIGURED_PAUSE)).await;
                continue;
            }
            // It may have come while nobody waited here.
            let hurries = self.lane.hurries();
            if std::mem::replace(&mut self.pause.borrow_mut().hurries, hurries) != hurries {
                return;
            }
            if timeout_at(until, self.lane.hurry.notified()).await.is_ok() {
                self.pause.borrow_mut().hurries = self.lane.hurries();
                return;
            }
        }
    }

    fn hold(&self, asked: Option<Duration>, back_off: fn(u32) -> Duration) {
        let mut pause = self.pause.borrow_mut();
        let now = Instant::now();
        pause.hurries = self.lane.hurries();
        // Requests that fail together count as one failure.
        if pause.until.is_none_or(|until| until <= now) {
            pause.failures = pause.failures.saturating_add(1);
        }
        pause.until = Some(now + back_off(pause.failures)).max(pause.until);
        pause.asked_until = asked.map(|wait| now + wait).max(pause.asked_until);
    }
}

impl Transport {
    async fn send(&self, body: Bytes, is_again: bool) -> Answer {
        match self {
            Self::Http(http) => http.send(body).await,
            Self::Tracia(tracia) => tracia.send(&body, is_again).await,
            Self::PostHogCapture(capture) => capture.send(&body).await,
            #[cfg(feature = "grpc")]
            Self::Grpc(grpc) => grpc.send(body).await,
        }
    }

    /// Tells those who asked for it of what is lost for good.
    fn lost(&self, body: &Bytes, reason: &str, message: &str) {
        if let Self::Tracia(tracia) = self {
            tracia.lost(body, reason, message);
        }
    }
}
