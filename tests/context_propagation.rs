//! The trace's ids leave the program only when asked, and come from another only when they are whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider};
use serde_json::{Value, json};
use tracing::{Instrument, info_span, instrument::WithSubscriber};
use tracing_genai::{
    Client,
    client::{Endpoint, Provider},
    context::{
        carried, extract, from_baggage, inject_traceparent, mcp_meta, parent_from_headers,
        parent_from_mcp_meta, scope,
    },
    testing::{Answer, FakeProvider, FinishedSpan, capture, capture_async},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::filter_fn, layer::SubscriberExt};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traceparent_of(span: &FinishedSpan) -> String {
    format!("00-{}-{}-01", span.trace_id, span.span_id)
}

fn injected() -> Option<String> {
    let mut headers = HeaderMap::new();
    inject_traceparent(&mut headers);
    headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned())
}

fn ids_of(context: &Context) -> (String, String) {
    let span = context.span().span_context().clone();
    (span.trace_id().to_string(), span.span_id().to_string())
}

/// The program's own OpenTelemetry.
fn theirs() -> (SdkTracerProvider, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    (SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build(), exporter)
}

fn tracer() -> SdkTracer {
    theirs().0.tracer("test")
}

// Calls of a client.

/// A client of OpenAI's and Anthropic's formats at `provider`; `tell` says which tell their trace.
fn client(provider: &FakeProvider, tell: [Option<bool>; 2]) -> Client {
    let set = |endpoint: Endpoint, tell: Option<bool>| match tell {
        Some(tell) => endpoint.trace_context(tell),
        None => endpoint,
    };
    let [openai, anthropic] = tell;
    let at = Endpoint::new(Provider::OpenAi).base_url(provider.base_url()).api_key("sk-test");
    let builder = Client::builder().endpoint(set(at, openai));
    let at = Endpoint::new(Provider::Anthropic).base_url(provider.anthropic_url()).api_key("sk-ant-test");
    builder.endpoint(set(at, anthropic)).build().unwrap()
}

#[tokio::test]
async fn a_request_tells_its_trace_only_where_its_endpoint_says_so() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider, [Some(true), None]);
    let work = async {
        client.chat("gpt-4o").user("Hi").send().await.unwrap();
        client.embed("text-embedding-3-small").input("sea").send().await.unwrap();
        client.chat("gpt-4o").user("Hi").stream().await.unwrap().finish().await.unwrap();
        client.chat("claude-haiku-4-5").user("Hi").send().await.unwrap();
    };
    let ((), spans) = capture_async(work.instrument(info_span!("handle"))).await;
    let requests = provider.requests();
    assert_eq!(requests.len(), 4);
    for (request, span) in requests.iter().zip(&spans).take(3) {
        assert_eq!(request.header("traceparent"), Some(traceparent_of(span).as_str()), "{}", span.name);
        assert_eq!(request.header("tracestate"), None);
    }
    assert_eq!(requests[3].header("traceparent"), None, "of Anthropic nothing was said");
}

#[tokio::test]
async fn a_request_tells_nothing_unless_asked_whatever_is_current() {
    let provider = FakeProvider::start().unwrap();
    let ids = scope().user("u-7").session("s-1").baggage(true);
    for tell in [None, Some(false)] {
        let client = client(&provider, [tell, None]);
        let call = ids.clone().run(client.chat("gpt-4o").user("Hi").send());
        capture_async(async { call.instrument(info_span!("handle")).await.unwrap() }).await;
    }
    for request in provider.requests() {
        let told: Vec<_> =
            ["traceparent", "tracestate", "baggage"].iter().filter_map(|name| request.header(name)).collect();
        assert!(told.is_empty(), "{told:?}");
        assert!(!String::from_utf8_lossy(&request.body).contains("u-7"));
    }
}

#[tokio::test]
async fn every_attempt_tells_the_one_span_of_the_call() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::error(503, "server_error", None, "Busy.").header("retry-after", "0"));
    provider.enqueue(Answer::text("Hello."));
    let client = client(&provider, [Some(true), None]);
    let (reply, spans) = capture_async(client.chat("gpt-4o").user("Hi").send()).await;
    reply.unwrap();
    let told: Vec<_> =
        provider.requests().iter().map(|one| one.header("traceparent").map(str::to_owned)).collect();
    assert_eq!(told, [Some(traceparent_of(&spans[0])), Some(traceparent_of(&spans[0]))]);
}

#[tokio::test]
async fn without_opentelemetry_there_is_no_trace_to_tell() {
    let provider = FakeProvider::start().unwrap();
    client(&provider, [Some(true), None]).chat("gpt-4o").user("Hi").send().await.unwrap();
    assert_eq!(provider.requests()[0].header("traceparent"), None);
}

#[tokio::test]
async fn what_is_said_of_a_provider_by_its_name_holds_for_the_clients_address() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder()
        .base_url(provider.base_url())
        .api_key("sk-test")
        .endpoint(Endpoint::new(Provider::OpenAi).trace_context(true))
        .build()
        .unwrap();
    let (_, spans) = capture_async(client.chat("gpt-4o").user("Hi").send()).await;
    assert_eq!(provider.requests()[0].header("traceparent"), Some(traceparent_of(&spans[0]).as_str()));
}

#[tokio::test]
async fn a_call_that_is_not_told_does_not_tell_the_trace_around_it() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider, [Some(true), None]);
    let call = client.chat("gpt-4o").user("Hi").send_trace(false).send();
    let around = tracing::info_span!("around");
    capture_async(call.instrument(around)).await.0.unwrap();
    assert_eq!(provider.requests()[0].header("traceparent"), None);
}

#[cfg(feature = "bedrock")]
#[tokio::test]
async fn a_signature_of_aws_stays_clear_of_the_trace() {
    let provider = FakeProvider::start().unwrap();
    let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let endpoint = Endpoint::new(Provider::Bedrock)
        .base_url(provider.bedrock_url())
        .location("eu-west-1")
        .credentials(credentials)
        .trace_context(true);
    let client = Client::builder().endpoint(endpoint).build().unwrap();
    let call = client.chat("amazon.nova-lite-v1:0").provider(Provider::Bedrock).user("Hi").send();
    let (reply, spans) = capture_async(call).await;
    reply.unwrap();
    let requests = provider.requests();
    assert_eq!(requests[0].header("traceparent"), Some(traceparent_of(&spans[0]).as_str()));
    let signature = requests[0].header("authorization").unwrap();
    assert!(signature.contains("SignedHeaders=") && !signature.contains("traceparent"), "{signature}");
}

// The current span.

#[test]
fn the_headers_name_the_current_span_and_lose_what_they_had() {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_static("stale"));
    headers.insert("tracestate", HeaderValue::from_static("stale=1"));
    let spans = capture(|| info_span!("app").in_scope(|| inject_traceparent(&mut headers)));
    assert_eq!(headers["traceparent"], traceparent_of(&spans[0]));
    assert!(!headers.contains_key("tracestate"));
}

#[test]
fn a_trace_state_goes_along() {
    let state = TraceState::from_key_value([("vendor", "a"), ("other", "b")]).unwrap();
    let (trace, span) = (TraceId::from_hex(TRACE).unwrap(), SpanId::from_hex(SPAN).unwrap());
    let remote = SpanContext::new(trace, span, TraceFlags::default(), true, state);
    let _attached = Context::new().with_remote_span_context(remote).attach();
    let mut headers = HeaderMap::new();
    inject_traceparent(&mut headers);
    assert_eq!(headers["traceparent"], format!("00-{TRACE}-{SPAN}-00"));
    assert_eq!(headers["tracestate"], "vendor=a,other=b");
}

#[test]
fn a_span_that_opentelemetry_does_not_have_is_passed_over() {
    let (provider, exporter) = theirs();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let layer = layer.with_filter(filter_fn(|metadata| metadata.name() != "dropped"));
    let subscriber =
        Registry::default().with(layer).with(tracing_subscriber::fmt::layer().with_writer(std::io::sink));
    let told = tracing::subscriber::with_default(subscriber, || {
        info_span!("app").in_scope(|| info_span!("dropped").in_scope(injected))
    });
    let app = exporter.get_finished_spans().unwrap().remove(0).span_context;
    assert_eq!(told, Some(format!("00-{}-{}-01", app.trace_id(), app.span_id())));
}

#[test]
fn the_innermost_span_is_found_in_every_set_up() {
    for activation in [true, false] {
        let tracer = tracer();
        let layer =
            tracing_opentelemetry::layer().with_tracer(tracer.clone()).with_context_activation(activation);
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            let app = info_span!("app");
            let ids = ids_of(&app.context());
            let told = app.in_scope(injected);
            assert_eq!(told, Some(format!("00-{}-{}-01", ids.0, ids.1)), "activation {activation}");

            // Below one that the program attached by hand.
            let by_hand = Context::current_with_span(tracer.start("by hand"));
            let _attached = by_hand.attach();
            let inner = info_span!("inner");
            let ids = ids_of(&inner.context());
            let told = inner.in_scope(injected);
            assert_eq!(told, Some(format!("00-{}-{}-01", ids.0, ids.1)), "activation {activation}");
        });
    }
    // And one attached by hand inside it.
    let tracer = tracer();
    let layer = tracing_opentelemetry::layer().with_tracer(tracer.clone());
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        let _app = info_span!("app").entered();
        let by_hand = Context::current_with_span(tracer.start("by hand"));
        let ids = ids_of(&by_hand);
        let _attached = by_hand.attach();
        assert_eq!(injected(), Some(format!("00-{}-{}-01", ids.0, ids.1)));
    });
}

// A request's headers, at the server.

fn request_with(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn a_servers_span_joins_the_trace_and_the_scope_of_its_caller() {
    let mut headers = request_with(&[("baggage", "user.id=u-7")]);
    let client = capture(|| info_span!("client").in_scope(|| inject_traceparent(&mut headers)));
    let server = capture(|| {
        let span = info_span!("server");
        span.set_parent(parent_from_headers(&headers)).unwrap();
        extract(&headers).in_scope(|| span.in_scope(|| ()));
    });
    assert_eq!(server[0].trace_id, client[0].trace_id);
    assert_eq!(server[0].parent_span_id.as_ref(), Some(&client[0].span_id));
    assert_eq!(server[0].attributes["user.id"], "u-7");
}

#[test]
fn a_request_tells_its_state_and_whether_it_is_sampled() {
    for (flags, sampled) in [("01", true), ("00", false)] {
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let fields =
            [("traceparent", &*parent), ("tracestate", "vendor=a, other=b"), ("tracestate", "third=c")];
        let context = parent_from_headers(&request_with(&fields));
        let span = context.span().span_context().clone();
        assert_eq!(ids_of(&context), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(span.is_remote() && span.is_sampled() == sampled);
        assert_eq!(span.trace_state().header(), "vendor=a,other=b,third=c");
    }
}

#[test]
fn headers_that_name_no_one_span_leave_the_current_one() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let other = format!("00-{TRACE}-{}-01", "1".repeat(16));
    let here =
        SpanContext::new(TraceId::from(7), SpanId::from(7), TraceFlags::SAMPLED, false, TraceState::NONE);
    let _attached = Context::new().with_remote_span_context(here.clone()).attach();
    for fields in [
        vec![],
        vec![("tracestate", "vendor=a")],
        vec![("traceparent", "00-zz")],
        vec![("traceparent", "é")],
        vec![("traceparent", &*parent), ("traceparent", &*other)],
    ] {
        assert_eq!(*parent_from_headers(&request_with(&fields)).span().span_context(), here, "{fields:?}");
    }
}

#[test]
fn a_state_that_is_too_long_or_none_costs_no_parent() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let long = format!("a={}", "x".repeat(3_000));
    for states in [vec![&*long, &*long], vec!["no state"]] {
        let fields = states.iter().map(|state| ("tracestate", *state)).chain([("traceparent", &*parent)]);
        let context = parent_from_headers(&request_with(&fields.collect::<Vec<_>>()));
        assert_eq!(ids_of(&context).1, SPAN);
        assert_eq!(context.span().span_context().trace_state().header(), "");
    }
}

// A spawned task.

#[tokio::test]
async fn a_spawned_task_keeps_the_span_where_it_is_asked_to_and_the_scope() {
    let later = || async { info_span!("later").in_scope(|| ()) }.with_current_subscriber();
    let work = async {
        tokio::spawn(carried(later()).in_current_span()).await.unwrap();
        tokio::spawn(carried(later())).await.unwrap();
    };
    let request = scope().user("u-7").run(async { work.instrument(info_span!("handle")).await });
    let ((), spans) = capture_async(request).await;
    let handle = spans.iter().find(|span| span.name == "handle").unwrap();
    let later: Vec<_> = spans.iter().filter(|span| span.name == "later").collect();
    let parents: Vec<_> = later.iter().map(|span| span.parent_span_id.as_ref()).collect();
    assert_eq!(parents, [Some(&handle.span_id), None]);
    assert!(later.iter().all(|span| span.attributes["user.id"] == "u-7"));
}

// MCP.

#[test]
fn mcp_meta_names_the_current_span_without_a_prefix() {
    let mut meta = serde_json::Map::new();
    let spans = capture(|| scope().user("u-7").in_scope(|| meta = info_span!("app").in_scope(mcp_meta)));
    assert_eq!(Value::from(meta), json!({ "traceparent": traceparent_of(&spans[0]) }));
    assert!(mcp_meta().is_empty());
}

#[test]
fn an_mcp_servers_span_joins_the_trace_and_the_scope_of_its_caller() {
    let mut meta = Value::Null;
    let client = scope()
        .user("Søren, 50%; \"x\"=y")
        .session("s-1")
        .tags(["a,b", "c"])
        .tag("tenant", "acme")
        .baggage(true);
    let spans = capture(|| client.in_scope(|| meta = info_span!("client").in_scope(mcp_meta).into()));
    assert!(meta["baggage"].is_string() && !meta["baggage"].as_str().unwrap().contains("acme"), "{meta}");
    let wire: Value = serde_json::from_str(&meta.to_string()).unwrap();

    let server = capture(|| {
        let parent = parent_from_mcp_meta(&wire);
        from_baggage(&parent).in_scope(|| {
            let span = info_span!("server");
            span.set_parent(parent).unwrap();
            span.in_scope(|| ());
        });
    });
    assert_eq!(server[0].trace_id, spans[0].trace_id);
    assert_eq!(server[0].parent_span_id.as_ref(), Some(&spans[0].span_id));
    assert_eq!(server[0].attributes["user.id"], "Søren, 50%; \"x\"=y");
    assert_eq!(server[0].attributes["session.id"], "s-1");
    let tags: Vec<_> = server[0].attributes["tracing_genai.tags"].as_array().unwrap().iter().collect();
    assert!(*tags[0] == "a,b" && *tags[1] == "c", "{tags:?}");
}

#[test]
fn a_callers_context_keeps_its_state_and_whether_it_is_sampled() {
    for (flags, sampled) in [("01", true), ("00", false), ("ff", true)] {
        let meta = json!({"traceparent": format!("00-{TRACE}-{SPAN}-{flags}"), "tracestate": "vendor=a"});
        let context = parent_from_mcp_meta(&meta);
        let span = context.span().span_context().clone();
        assert_eq!(ids_of(&context), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(span.is_remote() && span.is_sampled() == sampled && span.trace_flags().to_u8() < 2);
        assert_eq!(span.trace_state().header(), "vendor=a");
    }
    let later = json!({"traceparent": format!("cc-{TRACE}-{SPAN}-01-what-follows")});
    assert_eq!(ids_of(&parent_from_mcp_meta(&later)).1, SPAN);
}

#[test]
fn what_is_no_trace_context_changes_nothing() {
    let zeros = "0".repeat(32);
    for parent in [
        json!(""),
        json!(7),
        json!("00"),
        json!("é".repeat(40)),
        json!(format!("00-{TRACE}-{SPAN}")),
        json!(format!("00-{TRACE}-{SPAN}-1")),
        json!(format!("00-{TRACE}-{SPAN}-01-more")),
        json!(format!("cc-{TRACE}-{SPAN}-01more")),
        json!(format!("ff-{TRACE}-{SPAN}-01")),
        json!(format!("00-{}-{SPAN}-01", TRACE.to_uppercase())),
        json!(format!("00-+{}-{SPAN}-01", &TRACE[1..])),
        json!(format!("00-{}--{SPAN}-01", &TRACE[1..])),
        json!(format!("00-{zeros}-{SPAN}-01")),
        json!(format!("00-{TRACE}-{}-01", &zeros[..16])),
    ] {
        let context = parent_from_mcp_meta(&json!({ "traceparent": parent }));
        assert!(!context.span().span_context().is_valid(), "{parent}");
    }
    for meta in [json!(null), json!([]), json!({})] {
        assert!(!parent_from_mcp_meta(&meta).has_active_span(), "{meta}");
    }
    let long = json!({"traceparent": format!("00-{TRACE}-{SPAN}-01"), "tracestate": format!("a={}", "x".repeat(5_000))});
    assert_eq!(parent_from_mcp_meta(&long).span().span_context().trace_state().header(), "");
}
