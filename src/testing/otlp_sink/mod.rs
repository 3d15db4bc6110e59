//! A receiver of OTLP traces on the loopback interface.

mod answer;
mod decode;
#[cfg(feature = "grpc")]
mod grpc;
mod http;

pub use answer::SinkAnswer;

use super::{FinishedSpan, loopback::Loopback, signal::Signal};
use ::http::HeaderMap;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use std::{collections::VecDeque, io, sync::Arc, time::Duration};

/// A receiver of OTLP traces on 127.0.0.1: over HTTP/protobuf and, with the feature `grpc`, over
/// gRPC, gzip (with the feature `zstd` that too) or not. It accepts everything until it is told to [answer](Self::answer_with)
/// otherwise.
///
/// ```
/// use std::time::Duration;
/// use tracing_genai::testing::OtlpSink;
///
/// # fn main() -> std::io::Result<()> {
/// let sink = OtlpSink::start()?;
/// // … point an exporter at `sink.endpoint()`, end some spans, flush …
/// for span in sink.wait_for_spans(0, Duration::from_secs(5)) {
///     assert_eq!(span.attributes["gen_ai.operation.name"], "chat");
///     assert_eq!(span.resource["service.name"], "my-service");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OtlpSink {
    http: Loopback,
    #[cfg(feature = "grpc")]
    grpc: Loopback,
    shared: Arc<Signal<State>>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<ReceivedExport>,
    spans: Vec<FinishedSpan>,
    answers: VecDeque<SinkAnswer>,
}

/// A request to export spans, as it was received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedExport {
    /// The path.
    pub path: String,
    /// The headers; of gRPC, the metadata.
    pub headers: HeaderMap,
    /// The size of the body as it was sent.
    pub encoded_size: usize,
    /// The size of the OTLP message, decompressed.
    pub decoded_size: usize,
    /// The spans in it, whatever it was answered.
    pub spans: Vec<FinishedSpan>,
}

impl ReceivedExport {
    /// The value of a header, if it was sent and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl OtlpSink {
    /// Starts one, on ports that are free.
    ///
    /// # Errors
    ///
    /// When the system refuses a port or a thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::<Signal<State>>::default();
        Ok(Self {
            http: http::serve(Arc::clone(&shared))?,
            #[cfg(feature = "grpc")]
            grpc: grpc::serve(Arc::clone(&shared))?,
            shared,
        })
    }

    /// The endpoint of OTLP over HTTP, `http://127.0.0.1:PORT`, to which an exporter adds
    /// `/v1/traces`. A path in front of that is accepted as well.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.http.address())
    }

    /// The endpoint of OTLP over gRPC.
    #[cfg(feature = "grpc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "grpc")))]
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc.address())
    }

    /// Answers the next request that has no answer yet with this one.
    pub fn answer_with(&self, answer: SinkAnswer) {
        self.shared.update(|state| state.answers.push_back(answer));
    }

    /// The requests so far, oldest first, accepted or not.
    pub fn requests(&self) -> Vec<ReceivedExport> {
        self.shared.lock().requests.clone()
    }

    /// The spans of the requests that were accepted, in the order of their arrival.
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.shared.lock().spans.clone()
    }

    /// Blocks until at least `count` spans were accepted, and gives all that were: fewer if
    /// `patience` ended first.
    pub fn wait_for_spans(&self, count: usize, patience: Duration) -> Vec<FinishedSpan> {
        wait_for_spans(&self.shared, count, patience)
    }

    /// [`wait_for_spans`](Self::wait_for_spans) for async tests, under a tokio runtime. It waits on
    /// a thread of its own by the wall clock, so it neither stops a current-thread runtime nor lets
    /// a paused tokio clock run ahead.
    pub async fn wait_for_spans_async(&self, count: usize, patience: Duration) -> Vec<FinishedSpan> {
        let shared = Arc::clone(&self.shared);
        let waiting = tokio::task::spawn_blocking(move || wait_for_spans(&shared, count, patience));
        waiting.await.unwrap_or_else(|_| self.spans())
    }
}

fn wait_for_spans(shared: &Signal<State>, count: usize, patience: Duration) -> Vec<FinishedSpan> {
    shared.block_until(patience, |state| state.spans.len() >= count).spans.clone()
}

impl Signal<State> {
    /// Notes a request; what to answer.
    fn receive(&self, request: ReceivedExport) -> SinkAnswer {
        self.update(|state| {
            state.requests.push(request);
            state.answers.pop_front().unwrap_or_else(SinkAnswer::accepted)
        })
    }

    fn accept(&self, spans: Vec<FinishedSpan>) {
        self.update(|state| state.spans.extend(spans));
    }
}

fn received(
    path: &str,
    headers: &HeaderMap,
    encoded_size: usize,
    message: ExportTraceServiceRequest,
) -> ReceivedExport {
    ReceivedExport {
        path: path.to_owned(),
        headers: headers.clone(),
        encoded_size,
        decoded_size: prost::Message::encoded_len(&message),
        spans: decode::spans(message),
    }
}
