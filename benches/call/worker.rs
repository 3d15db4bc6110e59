//! The process that calls, with one way of telemetry.

use crate::calls::{By, Caller};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Runtime, task::JoinSet};
use tracing_genai::{
    ContentCapture,
    export::{Destination, Telemetry},
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// How long the export may take to deliver what is pending.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who listens to the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// No subscriber.
    Nobody,
    /// A log at `warn`, for which our spans are not made.
    Warnings,
    /// The OpenTelemetry layer and the export over HTTP.
    Export,
    /// The same, and the content of messages is recorded.
    Content,
}

impl Listener {
    pub(crate) const ALL: [Self; 4] = [Self::Nobody, Self::Warnings, Self::Export, Self::Content];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "no subscriber",
            Self::Warnings => "log at warn",
            Self::Export => "export",
            Self::Content => "export, content",
        }
    }
}

pub(crate) struct Worker {
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
    pub(crate) content: ContentCapture,
    runtime: Runtime,
    telemetry: Option<Telemetry>,
}

impl Worker {
    /// Sets the subscriber of this process.
    pub(crate) fn new(address: &str, listener: &str) -> Self {
        let listener =
            Listener::ALL.into_iter().find(|known| known.name() == listener).expect("a known listener");
        let is_content = listener == Listener::Content;
        Self {
            address: address.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().expect("an HTTP client"),
            content: if is_content { ContentCapture::on() } else { ContentCapture::off() },
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            telemetry: listen(listener, address),
        }
    }

    /// Makes this many calls, `in_flight` of them at a time.
    pub(crate) fn make(&self, caller: &Arc<Caller>, by: By, in_flight: usize, calls: usize) {
        self.runtime.block_on(async {
            if in_flight == 1 {
                for _ in 0..calls {
                    caller.call(by).await;
                }
                return;
            }
            let mut tasks = JoinSet::new();
            for _ in 0..in_flight {
                let caller = Arc::clone(caller);
                tasks.spawn(async move {
                    for _ in 0..calls / in_flight {
                        caller.call(by).await;
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.expect("a call that ends");
            }
        });
    }

    /// Waits until the spans are delivered.
    pub(crate) fn flush(&self) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.flush_blocking(PATIENCE).expect("a receiver that takes spans");
        }
    }

    /// Makes sure that what was measured did export: every span was delivered.
    pub(crate) fn check(&self) {
        self.flush();
        if let Some(telemetry) = &self.telemetry {
            let report = telemetry.report();
            assert!(report.recorded > 0 && report.delivered == report.recorded, "{report:?}");
        }
    }
}

fn listen(listener: Listener, address: &str) -> Option<Telemetry> {
    match listener {
        Listener::Nobody => None,
        Listener::Warnings => {
            let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn")).finish();
            tracing::subscriber::set_global_default(log).expect("the only subscriber");
            None
        }
        Listener::Export | Listener::Content => {
            let telemetry = Telemetry::builder()
                .service_name("bench")
                .destination(Destination::otlp(format!("http://{address}")))
                .build()
                .expect("an export");
            let subscriber = tracing_subscriber::registry().with(telemetry.layer());
            tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
            Some(telemetry)
        }
    }
}
