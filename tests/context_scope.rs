//! What a scope says is on every span below it, once, and on no other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use serde_json::json;
use std::{io, panic, sync::Arc};
use tokio::{sync::Barrier, task::yield_now};
use tracing::{Instrument, info_span, instrument::WithSubscriber};
use tracing_genai::{
    Client,
    context::{MarkSpans, Marks, carried, current, scope},
    record::Operation,
    span::{Retrieval, Tool},
    testing::{Answer, FakeProvider, FinishedSpan, capture, capture_async},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn client(provider: &FakeProvider) -> Client {
    Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap()
}

fn named<'a>(spans: &'a [FinishedSpan], name: &str) -> &'a FinishedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

/// The texts of these attributes; `None` for one that is absent.
fn texts<'a, const N: usize>(span: &'a FinishedSpan, keys: [&str; N]) -> [Option<&'a str>; N] {
    assert_eq!(span.duplicate_attributes(), [""; 0], "{}", span.name);
    keys.map(|key| span.attribute(key).map(|value| value.as_str().unwrap()))
}

const IDS: [&str; 3] = ["user.id", "session.id", "gen_ai.conversation.id"];

fn ids(span: &FinishedSpan) -> [Option<&str>; 3] {
    texts(span, IDS)
}

fn user(span: &FinishedSpan) -> Option<&str> {
    texts(span, ["user.id"])[0]
}

fn app_span(name: &'static str) {
    info_span!("app", otel.name = name).in_scope(|| ());
}

fn current_user() -> Option<String> {
    current().marks().and_then(|marks| marks.user.clone())
}

#[tokio::test]
async fn every_span_below_is_marked_the_programs_own_too() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let handler = async {
        client.chat("gpt-4o").user("Hi").send().await.unwrap();
        client.embed("text-embedding-3-small").input("sea").send().await.unwrap();
        Tool::new("saw").run(async { Ok::<_, io::Error>("done") }).await.unwrap();
        Retrieval::new("handbook").run(async { Ok::<_, io::Error>(Vec::new()) }).await.unwrap();
    };
    let work = scope()
        .user("u-7")
        .session("s-1")
        .conversation("c-1")
        .run(async { handler.instrument(info_span!("handle")).await });
    let ((), spans) = capture_async(work).await;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "chat gpt-4o",
            "embeddings text-embedding-3-small",
            "execute_tool saw",
            "retrieval handbook",
            "handle"
        ]
    );
    for span in &spans {
        assert_eq!(ids(span), [Some("u-7"), Some("s-1"), Some("c-1")], "{}", span.name);
    }
}

#[tokio::test]
async fn tags_are_an_array_and_attributes_keep_their_types() {
    let work = scope()
        .tags(["beta", "beta", "paid"])
        .tag("tenant", "acme")
        .tag("seats", 3)
        .tag("share", 0.5)
        .tag("trial", true)
        .tag("nothing", json!(null))
        .tag("limits", json!({"a": [1]}))
        .run(async {
            Tool::new("saw").run(async { Ok::<_, io::Error>("done") }).await.unwrap();
            app_span("app");
        });
    let ((), spans) = capture_async(work).await;
    assert_eq!(spans.len(), 2);
    for span in &spans {
        let tags: Vec<_> = span.attributes["tracing_genai.tags"].as_array().unwrap().iter().collect();
        assert!(tags.len() == 2 && *tags[0] == "beta" && *tags[1] == "paid", "{tags:?}");
        assert_eq!(span.attributes["tenant"], "acme");
        assert_eq!(span.attributes["seats"], 3);
        assert_eq!(span.attributes["share"], 0.5);
        assert_eq!(span.attributes["trial"], true);
        assert_eq!(span.attributes["limits"], r#"{"a":[1]}"#);
        assert!(span.attribute("nothing").is_none());
    }
}

#[tokio::test]
async fn the_prompts_name_is_on_generations_alone() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let work = scope().prompt("greeting", "3").run(async {
        client.chat("gpt-4o").user("Hi").send().await.unwrap();
        client.embed("text-embedding-3-small").input("sea").send().await.unwrap();
        info_span!("of another library", gen_ai.operation.name = "chat").in_scope(|| ());
        app_span("app");
    });
    let ((), spans) = capture_async(work).await;
    let prompt = |name| texts(named(&spans, name), ["gen_ai.prompt.name", "gen_ai.prompt.version"]);
    assert_eq!(prompt("chat gpt-4o"), [Some("greeting"), Some("3")]);
    assert_eq!(prompt("of another library"), [Some("greeting"), Some("3")]);
    assert_eq!(prompt("embeddings text-embedding-3-small"), [None, None]);
    assert_eq!(prompt("app"), [None, None]);
}

#[tokio::test]
async fn a_conversation_that_the_request_names_wins() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let chat = || client.chat("gpt-4o").responses().user("Hi");
    let work = scope().conversation("of the scope").run(async {
        chat().conversation("of the request").send().await.unwrap();
        chat().send().await.unwrap();
    });
    let ((), spans) = capture_async(work).await;
    assert_eq!(ids(&spans[0])[2], Some("of the request"));
    assert_eq!(ids(&spans[1])[2], Some("of the scope"));
}

#[test]
fn what_a_span_has_of_its_own_stays() {
    let spans = capture(|| {
        scope().user("of the scope").session("s-1").tag("tenant", "of the scope").in_scope(|| {
            info_span!("app", user.id = "its own", tenant = "its own").in_scope(|| ());
        });
    });
    assert_eq!(
        texts(&spans[0], ["user.id", "session.id", "tenant"]),
        [Some("its own"), Some("s-1"), Some("its own")]
    );
}

#[tokio::test]
async fn keys_that_spans_are_given_anyway_are_passed_over() {
    let work = scope()
        .user("u-7")
        .tag("gen_ai.tool.name", "bent")
        .tag("tracing_genai.outcome", "bent")
        .tag("target", "bent")
        .tag("error.type", "bent")
        .tag("user.id", "bent")
        .tag("", "bent")
        .run(Tool::new("saw").run(async { Ok::<_, io::Error>("done") }));
    let (_, spans) = capture_async(work).await;
    assert_eq!(user(&spans[0]), Some("u-7"));
    assert!(spans[0].attributes.values().all(|value| *value != "bent"), "{:?}", spans[0].attributes);
}

#[test]
fn an_empty_id_is_none() {
    let marks = scope().user("").session("").conversation("").prompt("", "").tags([""]).in_scope(current);
    assert_eq!(marks.marks(), Some(&Marks::default()));
}

#[tokio::test]
async fn before_after_and_beside_a_scope_no_span_is_marked() {
    let work = async {
        app_span("before");
        let inside = scope().user("u-7").run(async {
            app_span("inside");
            yield_now().await;
            app_span("inside later");
        });
        let beside = async {
            app_span("beside");
            yield_now().await;
            app_span("beside later");
        };
        tokio::join!(inside, beside);
        app_span("after");
    };
    let ((), spans) = capture_async(work).await;
    for (name, expected) in [
        ("before", None),
        ("inside", Some("u-7")),
        ("inside later", Some("u-7")),
        ("beside", None),
        ("beside later", None),
        ("after", None),
    ] {
        assert_eq!(user(named(&spans, name)), expected, "{name}");
    }
}

#[tokio::test]
async fn an_inner_scope_wins_and_tags_add_up() {
    let inner = scope().user("inner").prompt("inner", "").tags(["b", "a"]).tag("tenant", "inner");
    let outer = scope().user("outer").session("s-1").prompt("outer", "1").tags(["a"]).tag("tenant", "outer");
    let work = outer.tag("plan", "free").run(async {
        let inside = inner.run(async { current().marks().cloned().unwrap() }).await;
        (inside, current().marks().cloned().unwrap())
    });
    let (inside, after) = work.await;
    assert_eq!(inside.user.as_deref(), Some("inner"));
    assert_eq!(inside.session.as_deref(), Some("s-1"));
    assert_eq!((inside.prompt_name.as_deref(), inside.prompt_version), (Some("inner"), None));
    assert_eq!(inside.tags, ["a", "b"]);
    assert_eq!(json!(inside.attributes), json!({"plan": "free", "tenant": "inner"}));
    assert_eq!(after.user.as_deref(), Some("outer"));
    assert_eq!(after.tags, ["a"]);
}

#[tokio::test]
async fn a_spawned_task_has_the_scope_where_it_is_carried() {
    let work = scope().user("u-7").run(async {
        let with = async {
            yield_now().await;
            app_span("carried");
        };
        let without = async { app_span("not carried") };
        tokio::spawn(carried(with).with_current_subscriber()).await.unwrap();
        tokio::spawn(without.with_current_subscriber()).await.unwrap();
    });
    let ((), spans) = capture_async(work).await;
    assert_eq!(user(named(&spans, "carried")), Some("u-7"));
    assert_eq!(user(named(&spans, "not carried")), None);
}

#[test]
fn a_thread_has_the_scope_of_a_handle() {
    let handle = scope().user("u-7").in_scope(current);
    let thread = std::thread::spawn(move || (current_user(), handle.in_scope(current_user), current_user()));
    assert_eq!(thread.join().unwrap(), (None, Some("u-7".to_owned()), None));
}

#[test]
fn a_handle_from_where_there_was_no_scope_leaves_one() {
    let outside = current();
    assert_eq!(scope().user("u-7").in_scope(|| outside.in_scope(current_user)), None);
}

#[tokio::test]
async fn a_scope_made_inside_another_stays_there_and_one_made_outside_is_where_it_first_runs() {
    let inside = scope().session("outer").in_scope(|| scope().user("u").run(async { current() }));
    let marks = scope().session("another").run(inside).await;
    assert_eq!(marks.marks().unwrap().session.as_deref(), Some("outer"));

    let outside = scope().user("u").run(async { current() });
    let marks = scope().session("another").run(outside).await;
    assert_eq!(marks.marks().unwrap().session.as_deref(), Some("another"));
    assert_eq!(marks.marks().unwrap().user.as_deref(), Some("u"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_leaks_among_a_thousand_tasks_that_interleave() {
    const TASKS: usize = 1_000;
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(MarkSpans::new())
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let dispatch = tracing::Dispatch::new(Registry::default().with(layer));
    // All are inside their scopes at once before any goes on.
    let barrier = Arc::new(Barrier::new(TASKS));
    let tasks = (0..TASKS).map(|number| {
        let (barrier, dispatch) = (Arc::clone(&barrier), dispatch.clone());
        let turns = async move {
            let expected = format!("u-{number}");
            let name = |turn: usize| format!("{expected} {turn}");
            info_span!("app", otel.name = name(0)).in_scope(|| ());
            barrier.wait().await;
            for turn in 1..4 {
                assert_eq!(current_user().as_deref(), Some(expected.as_str()));
                info_span!("app", otel.name = name(turn)).in_scope(|| ());
                let inner = async {
                    yield_now().await;
                    current().marks().cloned().unwrap()
                };
                let inner = scope().session(name(turn)).run(inner).await;
                assert_eq!((inner.user, inner.session), (Some(expected.clone()), Some(name(turn))));
                yield_now().await;
            }
            let tool = Tool::new(expected.clone());
            tool.run(async {
                yield_now().await;
                Ok::<_, io::Error>("done")
            })
            .await
            .unwrap();
        };
        let task = async move {
            scope().user(format!("u-{number}")).run(turns).await;
            assert_eq!(current_user(), None);
        };
        tokio::spawn(task.with_subscriber(dispatch))
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), TASKS * 5);
    for span in spans {
        let of_span: Vec<_> = span.attributes.iter().filter(|one| one.key.as_str() == "user.id").collect();
        assert_eq!(of_span.len(), 1, "{span:?}");
        let name = span.name.strip_prefix("execute_tool ").unwrap_or(&span.name);
        assert_eq!(of_span[0].value.as_str(), name.split(' ').next().unwrap());
    }
}

#[tokio::test]
async fn a_panic_inside_gives_the_thread_back() {
    let broken = || panic::catch_unwind(|| scope().user("inner").in_scope(|| panic!("broken")));
    scope().user("outer").in_scope(|| {
        broken().unwrap_err();
        assert_eq!(current_user().as_deref(), Some("outer"));
    });
    let task = tokio::spawn(scope().user("task").run(async {
        yield_now().await;
        panic!("broken");
    }));
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(current_user(), None);
}

#[tokio::test]
async fn what_a_dropped_future_does_last_is_in_its_scope() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            app_span("last");
        }
    }
    let last = Last;
    let dropped = async { drop(scope().user("u-7").run(async move { drop(last) })) };
    let ((), spans) = capture_async(dropped).await;
    assert_eq!(user(named(&spans, "last")), Some("u-7"));
    assert_eq!(current_user(), None);
}

#[tokio::test]
async fn an_abandoned_call_keeps_its_marks() {
    let work = async {
        let never = Tool::new("saw").run(std::future::pending::<Result<String, io::Error>>());
        let mut never = Box::pin(scope().user("u-7").run(never));
        let waker = std::task::Waker::noop();
        assert!(never.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    };
    let ((), spans) = capture_async(work).await;
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
    assert_eq!(user(&spans[0]), Some("u-7"));
}

#[tokio::test]
async fn a_stream_that_is_read_after_the_scope_keeps_its_marks() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("Hello."));
    let client = client(&provider);
    let work = async {
        let stream = scope().user("u-7").run(client.chat("gpt-4o").user("Hi").stream()).await.unwrap();
        scope().user("another").run(stream.finish()).await.unwrap()
    };
    let (_, spans) = capture_async(work).await;
    assert_eq!(user(&spans[0]), Some("u-7"));
}

#[tokio::test]
async fn the_record_has_the_marks_and_survives_serde() {
    let work = scope()
        .user("u-7")
        .prompt("greeting", "3")
        .tags(["beta"])
        .tag("seats", 3)
        .run(Tool::new("saw").run(async { Ok::<_, io::Error>("done") }));
    let (_, spans) = capture_async(work).await;
    let operation = spans[0].operation.as_deref().unwrap();
    let written = serde_json::to_value(operation).unwrap();
    assert_eq!(
        written["marks"],
        json!({"user": "u-7", "prompt_name": "greeting", "prompt_version": "3", "tags": ["beta"], "attributes": {"seats": 3}})
    );
    assert_eq!(&serde_json::from_value::<Operation>(written).unwrap(), operation);

    let ((), spans) = capture_async(async {
        Tool::new("saw").run(async { Ok::<_, io::Error>("done") }).await.unwrap();
    })
    .await;
    let written = serde_json::to_value(spans[0].operation.as_deref().unwrap()).unwrap();
    assert_eq!(written.get("marks"), None);
    assert!(serde_json::from_value::<Operation>(written).unwrap().marks.is_none());
}

#[tokio::test]
async fn the_future_of_a_scope_is_as_free_as_what_it_wraps() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    is_send(scope().run(async { yield_now().await })).await;
    is_send(carried(async { yield_now().await })).await;
}

#[test]
fn debug_tells_no_id_and_no_tag() {
    let said = || scope().user("u-secret").session("s-secret").tags(["t-secret"]).tag("k", "v-secret");
    let scoped = said().in_scope(|| format!("{:?} {:?}", current(), carried(std::future::ready(()))));
    let texts = [format!("{:?}", said()), format!("{:?}", said().run(std::future::ready(()))), scoped];
    assert!(texts.iter().all(|text| !text.contains("secret")), "{texts:?}");
}
