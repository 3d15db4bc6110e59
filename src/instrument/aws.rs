//! An interceptor for [`aws-sdk-bedrockruntime`](https://docs.rs/aws-sdk-bedrockruntime): `Converse`,
//! `InvokeModel` and both of their streams.
//!
//! ```ignore
//! use tracing_genai::instrument::aws::GenAiInterceptor;
//!
//! let sdk_config = aws_config::load_from_env().await;
//! let config = aws_sdk_bedrockruntime::config::Builder::from(&sdk_config)
//!     .interceptor(GenAiInterceptor::new())
//!     .build();
//! let client = aws_sdk_bedrockruntime::Client::from_conf(config);
//! ```
//!
//! It needs no [`Rule`](super::Rule) for other addresses of Bedrock's: whatever the client is pointed at, an
//! endpoint of a VPC or a server on this machine, is Amazon Bedrock. Rules that
//! [ignore](super::Rule::ignore) hold.
//!
//! # One span for each call
//!
//! It begins when the request is first sent and ends when the SDK gives up, or when the answer is whole: of a
//! stream, when its last event was received or it was dropped. All attempts are one span, which tells their
//! number. A call for which there are no credentials is not sent and has no span.
//!
//! Its parent is the span that is current when the SDK begins the call. The SDK has spans of its own of the
//! level DEBUG; where a subscriber takes them, they stand in between.
//!
//! # What an interceptor cannot do
//!
//! It is asked between the steps of a call and not around them, so the span is not *current* while the SDK
//! waits: events that the SDK or its HTTP client write belong to the parent.

mod seen;

use super::{
    Instrumentation, RequestBody,
    rule::{Address, Target},
};
use crate::{
    provider::Api,
    record::{ErrorInfo, ErrorKind, Server},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
                BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
            },
        },
        orchestrator::{HttpRequest, OrchestratorError},
        result::ConnectorError,
        retries::RequestAttempts,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag, timeout::TimeoutConfig};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use seen::{AnswerBody, Seen, Watch, described, header_map, lock};
use std::sync::{Arc, Mutex};
use tracing::Span;

/// Makes spans of calls of models; see the [module](self).
#[derive(Clone, Debug, Default)]
pub struct GenAiInterceptor(Instrumentation);

impl GenAiInterceptor {
    /// An interceptor with [the settings to begin with](Instrumentation::new).
    pub fn new() -> Self {
        Self::default()
    }

    /// The call of a model that this request is, if it is one.
    fn target(&self, request: &HttpRequest) -> Option<Target> {
        let uri: Uri = request.uri().parse().ok()?;
        let headers = HeaderMap::new();
        let address = Address::of(&uri, &headers)?;
        let api = bedrock_api(address.path)?;
        if request.method() != Method::POST.as_str() || self.0.ignores(address) {
            return None;
        }
        let server = Server { address: address.host.trim_matches(['[', ']']).to_owned(), port: address.port };
        let (provider, path) = ("aws.bedrock".into(), address.path.to_owned());
        let is_plain = address.is_plain;
        Some(Target { api, provider, server, is_plain, path, query: None, by_rule: false })
    }
}

impl From<Instrumentation> for GenAiInterceptor {
    fn from(instrumentation: Instrumentation) -> Self {
        Self(instrumentation)
    }
}

impl Intercept for GenAiInterceptor {
    fn name(&self) -> &'static str {
        "tracing-genai"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(Watch::new());
        Ok(())
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(watch) = cfg.get_mut_from_interceptor_state::<Watch>() {
            // Later the span of an attempt may be current.
            watch.parent = Span::current();
        }
        Ok(())
    }

    fn read_after_serialization(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(watch) = cfg.get_mut_from_interceptor_state::<Watch>() else { return Ok(()) };
        let request = context.request();
        if bedrock_api(request.uri()).is_some() {
            // Later it may be wrapped in what measures how fast it is sent.
            watch.written = request.body().try_clone().and_then(|body| RequestBody::look(body).1);
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = attempt(cfg);
        if let Some(watch) = cfg.get_mut_from_interceptor_state::<Watch>() {
            if let Some(seen) = &watch.seen {
                lock(seen).attempt(attempt);
            }
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (attempt, timeout) = (attempt(cfg), cfg.load::<TimeoutConfig>());
        let timeout = timeout.and_then(TimeoutConfig::operation_timeout);
        let Some(watch) = cfg.get_mut_from_interceptor_state::<Watch>() else { return Ok(()) };
        if watch.seen.is_some() {
            return Ok(());
        }
        let request = context.request();
        let Some(target) = self.target(request) else { return Ok(()) };
        let body = watch.body_of(request);
        let mut headers = header_map(request.headers());
        let call = watch.parent.in_scope(|| self.0.begin(target, &mut headers, body.as_ref()));
        if call.is_open() {
            watch.timeout = timeout;
            watch.seen = Some(Arc::new(Mutex::new(Seen::new(call, attempt))));
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let watch = cfg.get_mut_from_interceptor_state::<Watch>();
        let Some(seen) = watch.and_then(|watch| watch.seen.as_ref()) else { return Ok(()) };
        let response = context.response_mut();
        let is_first = lock(seen).head(response.status().as_u16(), response.headers());
        if !is_first {
            return Ok(());
        }
        if let Some(body) = response.body().bytes() {
            // In memory, it is whole, and stays what it is.
            let mut seen = lock(seen);
            seen.call.piece(&Bytes::copy_from_slice(body));
            seen.came_whole();
        } else {
            let inner = response.take_body();
            let body = AnswerBody { inner, seen: Arc::clone(seen) };
            *response.body_mut() = SdkBody::from_body_1_x(body);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let watch = cfg.get_mut_from_interceptor_state::<Watch>();
        let Some(seen) = watch.and_then(|watch| watch.seen.take()) else { return Ok(()) };
        match context.output_or_error() {
            Some(Ok(_)) => {
                let whole = lock(&seen).hand_over();
                if let Some(mut call) = whole {
                    call.end();
                }
            }
            Some(Err(error)) => {
                let (mut call, broken) = lock(&seen).give_up();
                let info = broken.unwrap_or_else(|| failure(error));
                if info.kind == ErrorKind::Timeout {
                    // A refusal of an attempt before is not what the caller gets.
                    call.discard();
                }
                call.fail(info);
            }
            // It was not sent.
            None => {}
        }
        Ok(())
    }
}

/// The API of Bedrock's that this path speaks, if it calls a model.
fn bedrock_api(path: &str) -> Option<Api> {
    Api::from_path(path)
        .filter(|api| matches!(api, Api::BedrockConverse | Api::BedrockInvokeModel | Api::BedrockEmbeddings))
}

/// Which attempt is under way, from 1.
fn attempt(cfg: &ConfigBag) -> u32 {
    cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts)
}

/// What failed where no answer tells it.
fn failure(error: &OrchestratorError<Error>) -> ErrorInfo {
    let connector = error.as_connector_error();
    let (kind, what) = if error.is_timeout_error() || connector.is_some_and(ConnectorError::is_timeout) {
        (ErrorKind::Timeout, "no answer in time")
    } else if connector.is_some_and(|error| !error.is_user()) {
        (ErrorKind::Connection, "the provider cannot be reached, or the connection broke")
    } else if error.is_response_error() || error.is_operation_error() {
        (ErrorKind::Protocol, "the answer cannot be read")
    } else {
        (ErrorKind::Other, "the SDK gave up")
    };
    described(kind, what, error)
}
