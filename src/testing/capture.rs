use super::FinishedSpan;
use crate::{context::mark, span::joined};
use opentelemetry::{Context, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::{Dispatch, instrument::WithSubscriber};
use tracing_subscriber::layer::SubscriberExt;

/// Runs `work` and hands back the spans that ended in it, in the order of their ends.
///
/// The subscriber is this thread's, for as long as `work` runs: tests may run in parallel, and no
/// global is touched. A thread that `work` starts has no subscriber unless it is given one.
///
/// ```
/// use tracing_genai::testing::capture;
///
/// let spans = capture(|| {
///     let _span = tracing::info_span!("handle request", retries = 2).entered();
///     // … call the code under test …
/// });
/// assert_eq!(spans[0].name, "handle request");
/// assert_eq!(spans[0].attributes["retries"], 2);
/// ```
pub fn capture(work: impl FnOnce()) -> Vec<FinishedSpan> {
    let capture = Capture::start();
    tracing::dispatcher::with_default(&capture.dispatch, work);
    capture.finish()
}

/// Runs `work` to its end and hands back its output, and the spans that ended in it in the order of
/// their ends.
///
/// It works on every runtime. The subscriber goes with the future and not with the tasks that it
/// spawns: give those `.with_current_subscriber()` ([`WithSubscriber`]), or their spans are missed.
///
/// ```
/// use tracing::instrument::WithSubscriber;
/// use tracing_genai::testing::capture_async;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (answer, spans) = capture_async(async {
///     let task = async { tracing::info_span!("in a task").in_scope(|| 42) };
///     tokio::spawn(task.with_current_subscriber()).await.unwrap_or_default()
/// })
/// .await;
/// assert_eq!(answer, 42);
/// assert_eq!(spans[0].name, "in a task");
/// # }
/// ```
pub async fn capture_async<F: Future>(work: F) -> (F::Output, Vec<FinishedSpan>) {
    let capture = Capture::start();
    let output = work.with_subscriber(capture.dispatch.clone()).await;
    (output, capture.finish())
}

struct Capture {
    dispatch: Dispatch,
    provider: SdkTracerProvider,
    spans: Arc<Mutex<Vec<FinishedSpan>>>,
    _consumer: joined::Consumer,
}

impl Capture {
    fn start() -> Self {
        let spans = Arc::default();
        let processor = Processor { spans: Arc::clone(&spans), resource: Resource::builder_empty().build() };
        let provider = SdkTracerProvider::builder()
            // Not what the environment says: it is a test that asks.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(Resource::builder().build())
            .with_span_processor(processor)
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tracing-genai"));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self { dispatch, provider, spans, _consumer: joined::Consumer::register() }
    }

    fn finish(self) -> Vec<FinishedSpan> {
        // Nothing can fail in it, and there is nobody to tell.
        let _ = self.provider.force_flush();
        std::mem::take(&mut self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Processor {
    spans: Arc<Mutex<Vec<FinishedSpan>>>,
    resource: Resource,
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, _context: &Context) {
        mark(span);
    }

    fn on_end(&self, span: SpanData) {
        let operation = joined::take(&span.span_context);
        let mut span = FinishedSpan::from_sdk(span, &self.resource);
        span.operation = operation;
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::capture;
    use crate::{
        record::{Call, Operation, OperationKind, ToolExecution},
        span::joined,
    };
    use opentelemetry::trace::TraceContextExt as _;
    use std::sync::Arc;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    #[test]
    fn joins_the_operation_of_a_span() {
        let call =
            Call::Tool(Box::new(ToolExecution { name: "search".to_owned(), ..ToolExecution::default() }));
        let operation = Arc::new(Operation::new(OperationKind::ExecuteTool, call));
        let spans = capture(|| {
            let span = tracing::info_span!("execute_tool search");
            let context = span.context();
            joined::put(context.span().span_context(), &operation);
            tracing::info_span!("another").in_scope(|| ());
        });
        assert!(spans[0].operation.is_none());
        assert_eq!(spans[1].operation.as_ref(), Some(&operation));
    }
}
