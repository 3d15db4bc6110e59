//! Ids travel to another service as baggage: only when asked, whole or not at all, and within limits.
#![allow(clippy::unwrap_used, reason = "a test")]

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanId, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::BaggagePropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tracing::{Instrument, info_span, instrument::WithSubscriber};
use tracing_genai::context::{
    Handle, Scope, current, extract, extract_keys, from_baggage, from_baggage_keys, mcp_meta, scope,
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn ids_of(context: &Context) -> (String, String) {
    let span = context.span().span_context().clone();
    (span.trace_id().to_string(), span.span_id().to_string())
}

fn theirs() -> (SdkTracerProvider, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    (SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build(), exporter)
}

/// Headers as propagators see them.
struct Headers(HeaderMap);

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        let name = http::HeaderName::try_from(key).unwrap();
        self.0.insert(name, value.try_into().unwrap());
    }
}

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// What an instrumented HTTP client with a baggage propagator sends from here.
fn sent() -> HeaderMap {
    let mut headers = Headers(HeaderMap::new());
    BaggagePropagator::new().inject_context(&Context::current(), &mut headers);
    headers.0
}

fn member(key: &str) -> Option<String> {
    Context::map_current(|context| context.baggage().get(key).map(ToString::to_string))
}

fn marks_of(scope: Scope) -> Value {
    serde_json::to_value(scope.in_scope(current).marks()).unwrap()
}

fn baggage_of(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static("baggage"),
        HeaderValue::from_bytes(value.as_bytes()).unwrap(),
    )])
}

#[test]
fn ids_are_no_baggage_unless_asked() {
    assert!(scope().user("u-7").session("s-1").tags(["beta"]).in_scope(sent).is_empty());
}

#[tokio::test]
async fn marks_go_round_between_two_services() {
    let scope = scope()
        .user("Søren, \"x\";=y")
        .session("s-1")
        .conversation("c-1")
        .tags(["a,b", "c"])
        .tag("tenant", "acme");
    let layer = tracing_opentelemetry::layer().with_tracer(theirs().0.tracer("test"));
    let call = async {
        yield_now().await;
        async { sent() }.instrument(info_span!("HTTP client")).await
    };
    let work = async { scope.baggage(true).run(call).instrument(info_span!("handle")).await };
    let headers = work.with_subscriber(Registry::default().with(layer)).await;
    let expected =
        json!({"user": "Søren, \"x\";=y", "session": "s-1", "conversation": "c-1", "tags": ["a,b", "c"]});
    assert_eq!(marks_of(extract(&headers)), expected);
    let context = BaggagePropagator::new().extract(&Headers(headers));
    assert_eq!(marks_of(from_baggage(&context)), expected);
}

#[test]
fn an_inner_scope_hands_on_and_may_hold_back() {
    let outer = scope().user("outer").session("s-1").baggage(true);
    outer.in_scope(|| {
        scope().user("inner").in_scope(|| {
            assert_eq!((member("user.id"), member("session.id")), (Some("inner".into()), Some("s-1".into())));
        });
        scope().baggage(false).in_scope(|| {
            assert!(sent().is_empty());
            assert_eq!(current().marks().unwrap().user.as_deref(), Some("outer"));
        });
        Handle::default().in_scope(|| assert!(sent().is_empty()));
        assert_eq!(member("user.id").as_deref(), Some("outer"));
    });
    assert!(sent().is_empty());
}

#[test]
fn the_programs_own_baggage_and_span_stay() {
    let context = Context::new().with_baggage([KeyValue::new("region", "eu")]);
    let span = theirs().0.tracer("test").start_with_context("app", &context);
    let _attached = context.with_span(span).attach();
    let before = ids_of(&Context::current());
    scope().user("u-7").baggage(true).in_scope(|| {
        assert_eq!((member("region"), member("user.id")), (Some("eu".into()), Some("u-7".into())));
        assert_eq!(ids_of(&Context::current()), before);
        scope().baggage(false).in_scope(|| assert_eq!(member("region").as_deref(), Some("eu")));
    });
    assert_eq!((member("region"), member("user.id")), (Some("eu".into()), None));
}

#[tokio::test]
async fn baggage_leaves_the_tree_of_spans_as_it_is() {
    for activation in [true, false] {
        let (provider, exporter) = theirs();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("test"))
            .with_context_activation(activation);
        let request = |number: usize| {
            let inner = async move {
                info_span!("app", otel.name = format!("{number} before")).in_scope(|| ());
                yield_now().await;
                let user = async { (yield_now().await, member("user.id")).1 };
                let user = user.instrument(info_span!("app", otel.name = format!("{number} after"))).await;
                assert_eq!(user, Some(format!("u-{number}")));
            };
            let scoped = async move { scope().user(format!("u-{number}")).baggage(true).run(inner).await };
            scoped.instrument(info_span!("app", otel.name = format!("{number} handle")))
        };
        async { tokio::join!(request(1), request(2), request(3)) }
            .with_subscriber(Registry::default().with(layer))
            .await;
        assert_eq!(ids_of(&Context::current()), ids_of(&Context::new()), "nothing stays attached");
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 9);
        let id = |name: String| spans.iter().find(|span| span.name == name).unwrap();
        for number in 1..=3 {
            let handle = id(format!("{number} handle"));
            assert_eq!(handle.parent_span_id, SpanId::INVALID);
            for name in ["before", "after"] {
                let child = id(format!("{number} {name}"));
                assert_eq!(
                    child.parent_span_id,
                    handle.span_context.span_id(),
                    "{name}, activation {activation}"
                );
            }
        }
    }
}

#[test]
fn only_keys_that_are_allowed_are_taken() {
    let headers = baggage_of("user.id=u-7,tenant=acme,session.id=s-1,gen_ai.request.model=bent");
    assert_eq!(marks_of(extract(&headers)), json!({"user": "u-7", "session": "s-1"}));
    let keys = ["session.id", "tenant", "gen_ai.request.model"];
    assert_eq!(
        marks_of(extract_keys(&headers, &keys)),
        json!({"session": "s-1", "attributes": {"tenant": "acme"}})
    );
    let context = BaggagePropagator::new().extract(&Headers(headers));
    assert_eq!(marks_of(from_baggage_keys(&context, &["user.id"])), json!({"user": "u-7"}));
}

#[test]
fn foreign_forms_of_baggage_are_read() {
    let forms = [
        (" user.id = u%2D7 ;secret;a=b , session.id=s-1", json!({"user": "u-7", "session": "s-1"})),
        ("tracing_genai.tags=beta%2C paid", json!({"tags": ["beta", "paid"]})),
        (
            "user.id=a=b,session.id=100%,gen_ai.conversation.id=%zz",
            json!({"user": "a=b", "session": "100%", "conversation": "%zz"}),
        ),
        ("tracing_genai.tags=[%22a%22%2C%22b\\nc%22]", json!({"tags": ["a"]})),
        ("tracing_genai.tags=[1%2C2]", json!({})),
        ("user.id=first,user.id=last", json!({"user": "last"})),
        ("user.id,=,,;,session.id=", json!({})),
        ("user.id=%ff", json!({})),
        ("user.id=a%0Ab,session.id=s-1", json!({"session": "s-1"})),
    ];
    for (text, expected) in forms {
        assert_eq!(marks_of(extract(&baggage_of(text))), expected, "{text}");
    }
    let mut headers = baggage_of("user.id=u-7");
    headers.append("baggage", HeaderValue::from_static("session.id=s-1"));
    assert_eq!(marks_of(extract(&headers)), json!({"user": "u-7", "session": "s-1"}));
}

#[test]
fn what_is_too_long_is_left_out_whole() {
    let long = "x".repeat(1_025);
    assert_eq!(
        marks_of(extract(&baggage_of(&format!("user.id={long},session.id=s-1")))),
        json!({"session": "s-1"})
    );
    let longest = &long[1..];
    assert_eq!(marks_of(extract(&baggage_of(&format!("user.id={longest}")))), json!({"user": longest}));

    let huge = format!("user.id=u-7,filler={}", "x".repeat(8_192));
    assert_eq!(marks_of(extract(&baggage_of(&huge))), json!({}));

    let many: String = (0..64).map(|number| format!("k{number}=v,")).collect();
    assert_eq!(marks_of(extract(&baggage_of(&format!("{many}user.id=u-7")))), json!({}));

    let tags: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    let marks = marks_of(extract(&baggage_of(&format!("tracing_genai.tags={}", tags.join("%2C")))));
    assert_eq!(marks["tags"].as_array().unwrap().len(), 32);
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let long = "x".repeat(9_000);
    scope().user(long.clone()).session("s-1").baggage(true).in_scope(|| {
        assert_eq!((member("user.id"), member("session.id")), (None, Some("s-1".into())));
        assert_eq!(mcp_meta()["baggage"], "session.id=s-1");
    });
}

#[test]
fn a_span_keeps_the_baggage_that_there_was_when_it_was_made() {
    let layer = tracing_opentelemetry::layer().with_tracer(theirs().0.tracer("test"));
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        let before = info_span!("made before");
        scope().user("u-7").baggage(true).in_scope(|| {
            assert_eq!(before.in_scope(|| member("user.id")), None);
            assert_eq!(info_span!("made inside").in_scope(|| member("user.id")).as_deref(), Some("u-7"));
        });
    });
}
