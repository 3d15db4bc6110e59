use super::*;
use opentelemetry::{
    KeyValue,
    trace::{Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{error::OTelSdkError, trace::SdkTracerProvider};
use std::sync::{Arc, Mutex};

/// What was called on it, each answered with an error that says so.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, call: impl Into<String>) -> OTelSdkResult {
        let call = call.into();
        self.0.lock().unwrap().push(call.clone());
        Err(OTelSdkError::InternalFailure(call))
    }

    fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl SpanProcessor for Recorder {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {
        let _ = self.note("start");
    }

    fn on_end(&self, span: SpanData) {
        let _ = self.note(format!("end {}", span.name));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.note("flush")
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.note(format!("shutdown {timeout:?}"))
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.note("shutdown")
    }

    fn set_resource(&mut self, resource: &Resource) {
        let _ = self.note(format!("resource {}", resource.len()));
    }
}

impl SpanExporter for Recorder {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.note(format!("export {}", batch.len()))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.note("flush")
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.note(format!("shutdown {timeout:?}"))
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.note("shutdown")
    }

    fn set_resource(&mut self, resource: &Resource) {
        let _ = self.note(format!("resource {}", resource.len()));
    }
}

fn is_failure(result: &OTelSdkResult, call: &str) -> bool {
    matches!(result, Err(OTelSdkError::InternalFailure(said)) if said == call)
}

#[test]
fn the_processor_inside_is_asked_whatever_the_outer_is() {
    let recorder = Recorder::default();
    let mut outer = RepairingProcessor::new(recorder.clone());
    let resource = Resource::builder_empty().with_attributes([KeyValue::new("a", 1)]).build();
    outer.set_resource(&resource);
    assert!(is_failure(&SpanProcessor::force_flush(&outer), "flush"));
    assert!(is_failure(&SpanProcessor::shutdown(&outer), "shutdown"));
    let timed = SpanProcessor::shutdown_with_timeout(&outer, Duration::from_secs(3));
    assert!(is_failure(&timed, "shutdown 3s"));
    let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(outer).build();
    drop(provider.tracer("test").start("work"));
    let expected = ["resource 1", "flush", "shutdown", "shutdown 3s", "resource 1", "start", "end work"];
    assert_eq!(recorder.calls(), expected);
}

#[tokio::test]
async fn the_exporter_inside_is_asked_whatever_the_outer_is() {
    let recorder = Recorder::default();
    let mut outer = RepairingExporter::new(recorder.clone());
    outer.set_resource(&Resource::builder_empty().with_attributes([KeyValue::new("a", 1)]).build());
    assert!(is_failure(&outer.export(Vec::new()).await, "export 0"));
    assert!(is_failure(&SpanExporter::force_flush(&outer), "flush"));
    assert!(is_failure(&SpanExporter::shutdown(&outer), "shutdown"));
    let timed = SpanExporter::shutdown_with_timeout(&outer, Duration::from_secs(3));
    assert!(is_failure(&timed, "shutdown 3s"));
    assert_eq!(recorder.calls(), ["resource 1", "export 0", "flush", "shutdown", "shutdown 3s"]);
}
