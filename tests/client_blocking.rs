//! Calls that block their thread: the same calls, for programs without a runtime.

#![cfg(all(feature = "blocking", feature = "export"))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};
use tracing_genai::{
    Client, Error, blocking,
    client::{Chat, ChatEvent},
    context,
    record::ErrorKind,
    testing::{Answer, FakeProvider, FinishedSpan, Gate, capture},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn client(provider: &FakeProvider) -> Client {
    let builder = Client::builder().base_url(provider.base_url()).api_key("sk-test").provider_name("openai");
    builder.max_retries(0).build().unwrap()
}

fn world() -> (FakeProvider, Client) {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    (provider, client)
}

fn asked(client: &Client) -> Chat {
    client.chat("gpt-4o").user("Count.").timeout(PATIENCE)
}

/// `One two three.`, that stops after `One two` until the gate is released.
fn held(gate: &Gate) -> Answer {
    Answer::text("One two three.").held_after(3, gate)
}

fn captured<T>(work: impl FnOnce() -> T) -> (T, Vec<FinishedSpan>) {
    let mut output = None;
    let spans = capture(|| output = Some(work()));
    (output.unwrap(), spans)
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn is_refused<T>(result: Result<T, Error>) -> bool {
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    let words = error.to_string();
    words.contains(".await") && words.contains("spawn_blocking")
}

#[test]
fn a_call_in_one_piece() {
    let (provider, client) = world();
    provider.enqueue(Answer::text("Hej."));
    let (reply, spans) = captured(|| asked(&client).temperature(0.5).send_blocking().unwrap());
    assert_eq!(reply.text(), "Hej.");
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
    assert_eq!(spans[0].attributes["gen_ai.request.temperature"], 0.5);
    assert_eq!(reply.span_id(), Some(spans[0].span_id.clone()));
}

#[test]
fn a_stream() {
    let (provider, client) = world();
    provider.enqueue(Answer::text("One two three."));
    let ((events, result), spans) = captured(|| {
        let mut stream = asked(&client).stream_blocking().unwrap();
        let result = stream.result();
        let events: Vec<_> = stream.by_ref().map(Result::unwrap).collect();
        assert!(stream.next().is_none());
        (events, blocking::wait(result).unwrap())
    });
    let text = |event: &ChatEvent| match event {
        ChatEvent::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(text).collect::<String>(), "One two three.");
    assert!(matches!(events.last(), Some(ChatEvent::Done(reply)) if reply.text() == "One two three."));
    assert!(!result.is_aborted());
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].attributes["gen_ai.request.stream"], true);
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
}

#[test]
fn the_text_of_a_stream_alone_and_its_whole_answer() {
    let (provider, client) = world();
    provider.enqueue(Answer::text("One two three."));
    let mut stream = asked(&client).stream_blocking().unwrap();
    assert_eq!(stream.text().next().unwrap().unwrap(), "One");
    assert_eq!(stream.text().map(Result::unwrap).collect::<String>(), " two three.");
    assert_eq!(stream.finish().unwrap().text(), "One two three.");
}

#[test]
fn an_embedding() {
    let (provider, client) = world();
    provider.enqueue(Answer::embeddings(vec![vec![0.1, 0.2]]));
    let (reply, spans) =
        captured(|| client.embed("text-embedding-3-small").input("sea").send_blocking().unwrap());
    assert_eq!(reply.vectors(), [[0.1, 0.2]]);
    assert_eq!(spans[0].attributes["gen_ai.operation.name"], "embeddings");
}

#[test]
fn a_stream_is_aborted_from_another_thread_while_its_reader_waits() {
    let (provider, client) = world();
    let gate = Gate::new();
    provider.enqueue(held(&gate));
    let ((came, result), spans) = captured(|| {
        let mut stream = asked(&client).stream_blocking().unwrap();
        let (stop, at) = (stream.abort_handle(), gate.clone());
        let other = thread::spawn(move || {
            // What comes before the gate is sent; the reader has it, or waits for it.
            assert!(at.reached());
            stop.abort();
        });
        let came: String = stream.text().map(Result::unwrap).collect();
        other.join().unwrap();
        (came, blocking::wait(stream.result()).unwrap())
    });
    assert!("One two".starts_with(&came), "{came}");
    assert!(result.is_aborted());
    assert!(gate.client_gone(), "the connection is closed");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
}

#[test]
fn a_stream_that_is_dropped_half_way_cancels_the_call() {
    let (provider, client) = world();
    let gate = Gate::new();
    provider.enqueue(held(&gate));
    let (result, spans) = captured(|| {
        let mut stream = asked(&client).stream_blocking().unwrap();
        let text: String = stream.text().take(2).map(Result::unwrap).collect();
        assert_eq!(text, "One two");
        let result = stream.result();
        drop(stream);
        blocking::wait(result).unwrap()
    });
    assert!(gate.client_gone());
    assert!(result.is_aborted());
    assert_eq!(result.text(), "One two");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
}

#[test]
fn a_reader_that_panics_drops_its_stream_and_the_thread_calls_on() {
    let (provider, client) = world();
    let gate = Gate::new();
    provider.enqueue(held(&gate));
    let ((), spans) = captured(|| {
        let mut stream = asked(&client).stream_blocking().unwrap();
        let reader = AssertUnwindSafe(move || {
            for text in stream.text() {
                assert_ne!(text.unwrap(), " two", "the reader is at fault");
            }
        });
        assert!(catch_unwind(reader).is_err());
        assert!(gate.client_gone());
        assert!(asked(&client).send_blocking().is_ok());
    });
    let outcomes: Vec<_> = spans.iter().map(|span| &span.attributes["tracing_genai.outcome"]).collect();
    assert_eq!(outcomes, ["abandoned", "done"]);
}

#[test]
fn sixty_four_threads_call_at_once() {
    let (provider, client) = world();
    let gate = Gate::new();
    for _ in 0..64 {
        provider.enqueue(Answer::text("Hej.").held(&gate));
    }
    thread::scope(|scope| {
        let calls: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| captured(|| asked(&client).send_blocking().map(|reply| reply.text()))))
            .collect();
        let patience = Instant::now() + PATIENCE;
        while provider.requests().len() < 64 && Instant::now() < patience {
            thread::yield_now();
        }
        assert_eq!(provider.requests().len(), 64, "all are on their way before one is answered");
        gate.release();
        for call in calls {
            let (text, spans) = call.join().unwrap();
            assert_eq!(text.unwrap(), "Hej.");
            assert_eq!(spans.len(), 1);
        }
    });
}

#[test]
fn the_span_is_below_the_current_one_and_has_its_scope() {
    let (provider, client) = world();
    provider.enqueue(Answer::text("Hej."));
    provider.enqueue(Answer::text("Hej."));
    let ((), spans) = captured(|| {
        let _handler = tracing::info_span!("GET /ask").entered();
        context::scope().user("u-7").session("s-1").tags(["beta"]).in_scope(|| {
            asked(&client).send_blocking().unwrap();
            asked(&client).stream_blocking().unwrap().finish().unwrap();
        });
        let current = tracing::Span::current();
        assert_eq!(current.metadata().unwrap().name(), "GET /ask", "the thread has its span back");
    });
    let [whole, streamed, handler] = spans.as_slice() else { panic!("{spans:?}") };
    for call in [whole, streamed] {
        assert_eq!(call.parent_span_id, Some(handler.span_id.clone()));
        assert_eq!(call.trace_id, handler.trace_id);
        assert_eq!(call.attributes["user.id"], "u-7");
        assert_eq!(call.attributes["session.id"], "s-1");
    }
}

#[test]
fn a_threads_own_subscriber_gets_its_calls_and_no_other_threads() {
    let (_provider, client) = world();
    let call = |user: &'static str| {
        let (reply, spans) = captured(|| asked(&client).user_id(user).send_blocking().unwrap());
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].attributes["user.id"], user);
        assert_eq!(reply.span_id(), Some(spans[0].span_id.clone()));
    };
    thread::scope(|scope| {
        let others = ["u-1", "u-2"].map(|user| scope.spawn(move || call(user)));
        call("u-0");
        let unseen = scope.spawn(|| asked(&client).send_blocking().unwrap().span_id());
        assert_eq!(unseen.join().unwrap(), None, "a thread without a subscriber has no spans");
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn inside_a_task_it_is_an_error_that_says_what_to_do_and_nothing_is_sent() {
    let (provider, client) = world();
    for runtime in [current_thread(), multi_thread()] {
        let spans = capture(|| {
            runtime.block_on(async {
                assert!(is_refused(asked(&client).send_blocking()));
                assert!(is_refused(asked(&client).stream_blocking()));
                assert!(is_refused(client.embed("text-embedding-3-small").input("sea").send_blocking()));
                tokio::task::yield_now().await;
                assert!(is_refused(asked(&client).send_blocking()), "after a break too");
            });
        });
        assert!(spans.is_empty());
        let again = client.clone();
        runtime.block_on(async {
            let task = tokio::spawn(async move { is_refused(asked(&again).send_blocking()) });
            assert!(task.await.unwrap());
        });
        let local = tokio::task::LocalSet::new();
        let again = client.clone();
        let task = local.spawn_local(async move { is_refused(asked(&again).send_blocking()) });
        runtime.block_on(local);
        assert!(runtime.block_on(task).unwrap());
    }
    assert!(provider.requests().is_empty());
}

#[test]
fn a_task_goes_on_after_the_error() {
    let (_provider, client) = world();
    let reply = current_thread().block_on(async {
        assert!(is_refused(asked(&client).send_blocking()));
        asked(&client).send().await.unwrap()
    });
    assert_eq!(reply.text(), "You said: Count.");
}

#[test]
fn a_stream_that_is_read_inside_a_task_ends_with_the_error() {
    let (provider, client) = world();
    let gate = Gate::new();
    provider.enqueue(held(&gate));
    let ((), spans) = captured(|| {
        let mut stream = asked(&client).stream_blocking().unwrap();
        current_thread().block_on(async {
            assert!(is_refused(stream.next().unwrap()));
            assert!(stream.next().is_none(), "a loop over it ends");
        });
    });
    assert!(gate.client_gone());
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "abandoned");
}

#[test]
fn inside_spawn_blocking_it_is_made() {
    for runtime in [current_thread(), multi_thread()] {
        let (_provider, client) = world();
        let call = move || asked(&client).send_blocking().map(|reply| reply.text());
        let text = runtime.block_on(async { tokio::task::spawn_blocking(call).await.unwrap() });
        assert_eq!(text.unwrap(), "You said: Count.");
    }
}

#[test]
fn inside_block_in_place_it_is_made() {
    let (_provider, client) = world();
    let call = || asked(&client).send_blocking().map(|reply| reply.text());
    let text = multi_thread().block_on(async { tokio::task::block_in_place(call) });
    assert_eq!(text.unwrap(), "You said: Count.");
}

#[test]
fn on_a_thread_that_only_entered_a_runtime_it_is_made() {
    let (_provider, client) = world();
    let runtime = current_thread();
    let _entered = runtime.enter();
    assert_eq!(asked(&client).send_blocking().unwrap().text(), "You said: Count.");
}

#[test]
fn connections_of_a_runtime_that_stands_still_are_not_waited_for() {
    let (provider, client) = world();
    let runtime = current_thread();
    runtime.block_on(asked(&client).send()).unwrap();
    // Its connection is kept open, and nobody drives it now.
    assert_eq!(asked(&client).send_blocking().unwrap().text(), "You said: Count.");
    runtime.block_on(asked(&client).send()).unwrap();
    assert_eq!(provider.requests().len(), 3);
}

#[test]
fn no_answer_in_time_is_a_timeout() {
    let (provider, client) = world();
    provider.enqueue(Answer::never());
    let (error, spans) =
        captured(|| asked(&client).timeout(Duration::from_millis(50)).send_blocking().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(spans[0].attributes["error.type"], "timeout");
}

#[test]
fn a_stream_that_falls_silent_is_out_of_time() {
    let (provider, client) = world();
    provider.enqueue(held(&Gate::new()));
    let mut stream = asked(&client).silence_timeout(Duration::from_millis(50)).stream_blocking().unwrap();
    let error = stream.find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(stream.next().is_none());
}

#[test]
fn a_call_that_is_refused_is_the_providers_error() {
    let (provider, client) = world();
    let answer = || Answer::error(429, "rate_limit_error", Some("rate_limit_exceeded"), "Slow down.");
    provider.enqueue(answer());
    provider.enqueue(answer());
    let (errors, spans) = captured(|| {
        [asked(&client).send_blocking().unwrap_err(), asked(&client).stream_blocking().unwrap_err()]
    });
    for (error, span) in errors.iter().zip(&spans) {
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::RateLimited, Some(429)));
        assert_eq!(span.attributes["error.type"], "rate_limit_exceeded");
    }
    assert_eq!(spans.len(), 2);
}

#[test]
fn ids_and_variables_are_those_of_the_call() {
    let (provider, client) = world();
    let id = "sp_1234567890abcdef";
    let (reply, spans) = captured(|| {
        let call = client.chat("gpt-4o").user("Hi {{name}}").variables([("name", "Ada")]).span_id(id);
        call.send_blocking().unwrap()
    });
    assert_eq!(reply.text(), "You said: Hi Ada");
    assert_eq!(reply.span_id().as_deref(), Some(id));
    assert_eq!(spans[0].attributes["tracing_genai.span_id"], id);
    assert!(String::from_utf8_lossy(&provider.requests()[0].body).contains("Hi Ada"));
}

#[test]
fn a_call_that_is_not_told_has_no_span() {
    let (_provider, client) = world();
    let (reply, spans) = captured(|| asked(&client).send_trace(false).send_blocking().unwrap());
    assert!(spans.is_empty());
    assert_eq!(reply.span_id(), None);
}

#[test]
fn a_failure_that_passes_is_tried_again_within_one_span() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder().base_url(provider.base_url()).api_key("sk-test").build().unwrap();
    provider.enqueue(Answer::error(500, "server_error", None, "Broken.").header("retry-after-ms", "1"));
    let (reply, spans) = captured(|| asked(&client).send_blocking().unwrap());
    assert_eq!(reply.text(), "You said: Count.");
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].attributes["tracing_genai.attempts"], 2);
}

#[cfg(feature = "tracia")]
#[test]
fn tracias_own_api_is_waited_for_too() {
    use tracing_genai::{
        testing::FakeTracia,
        tracia::{Api, NewPrompt},
    };

    let tracia = FakeTracia::start().unwrap();
    let api = Api::builder("tr_key").base_url(tracia.url()).build().unwrap();
    let prompt = NewPrompt::new("Greeting").user("Say hello to {{name}}.");
    let made = blocking::wait(api.prompts().create(prompt)).unwrap();
    let answer = blocking::wait(api.prompts().run(&made.slug).variable("name", "Ann").send()).unwrap();
    let span = blocking::wait(api.spans().get(&answer.span_id.unwrap())).unwrap();
    assert_eq!(span.summary.prompt_slug, Some(made.slug));

    // A runtime that made a connection and stands still holds up nobody.
    let runtime = current_thread();
    assert_eq!(runtime.block_on(api.prompts().list()).unwrap().len(), 1);
    assert_eq!(blocking::wait(api.prompts().list()).unwrap().len(), 1);
    runtime.block_on(async { assert!(is_refused(blocking::wait(api.prompts().list()))) });
}
