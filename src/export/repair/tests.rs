use super::*;
use crate::{
    export::pipeline::Finished,
    record::{
        Call, Choice, ErrorInfo, ErrorKind, FinishReason, Message, OperationKind, Outcome, Request, Response,
        Role, Server, Usage,
    },
    semconv::former::todays_name,
};
use opentelemetry::{
    KeyValue, Value,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanProcessor as _};
use std::sync::Arc;

fn span(name: &'static str, attributes: Vec<KeyValue>) -> SpanData {
    SpanData { attributes, ..Finished::example(name, 1).span }
}

fn repaired(mut span: SpanData) -> SpanData {
    let origin = origin(&span);
    repair(&mut span, origin, None);
    span
}

/// The value of an attribute that the span has once.
fn only<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key.as_str() == name);
    let value = found.next().map(|attribute| &attribute.value);
    assert!(found.next().is_none(), "{name} twice in {:?}", span.attributes);
    value
}

fn assert_no_key_twice(span: &SpanData) {
    for attribute in &span.attributes {
        only(span, attribute.key.as_str());
    }
}

/// What rig writes for a chat, but for what it could not read.
fn rigs_chat() -> SpanData {
    span(
        "chat",
        vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "azure.openai"),
            KeyValue::new("gen_ai.request.model", "deployment"),
            KeyValue::new("gen_ai.usage.input_tokens", "30"),
            KeyValue::new("gen_ai.usage.output_tokens", "0"),
            KeyValue::new("gen_ai.usage.reasoning_tokens", "2"),
            KeyValue::new("gen_ai.usage.tool_use_prompt_tokens", "4"),
            KeyValue::new("rig.provider_request_id", "req_1"),
        ],
    )
}

/// What an adapter saw of the same chat.
fn seen() -> Operation {
    let request = Request { model: Some("deployment".into()), temperature: Some(0.5), ..Request::default() };
    let message = Message::text(Role::Assistant, "a secret");
    let choice = Choice {
        index: 0,
        message,
        finish_reason: Some(FinishReason::Stop),
        raw_finish_reason: Some("stop".into()),
        stop_sequence: None,
        finish_message: None,
    };
    let usage = Usage {
        input_tokens: Some(34),
        output_tokens: Some(5),
        reasoning_output_tokens: Some(3),
        ..Usage::default()
    };
    let response =
        Response { id: Some("chatcmpl-1".into()), choices: vec![choice], usage, ..Response::default() };
    let call = Call::Inference { request: Box::new(request), response: Arc::new(response) };
    let mut operation = Operation::new(OperationKind::Chat, call);
    operation.provider = Some("azure.ai.openai".into());
    operation.server = Some(Server { address: "mine.openai.azure.com".into(), port: 443 });
    operation.outcome = Outcome::Done;
    operation
}

fn adopted(mut span: SpanData, operation: &Operation) -> SpanData {
    let origin = origin(&span);
    repair(&mut span, origin, Some(operation));
    assert_no_key_twice(&span);
    span
}

#[test]
fn a_span_in_which_a_call_was_seen_has_what_was_seen() {
    let span = adopted(rigs_chat(), &seen());
    for (name, value) in [
        ("gen_ai.operation.name", Value::from("chat")),
        ("gen_ai.provider.name", "azure.ai.openai".into()),
        ("gen_ai.request.model", "deployment".into()),
        ("gen_ai.request.temperature", 0.5.into()),
        ("gen_ai.response.id", "chatcmpl-1".into()),
        ("gen_ai.usage.input_tokens", 34.into()),
        ("gen_ai.usage.output_tokens", 5.into()),
        ("gen_ai.usage.reasoning.output_tokens", 3.into()),
        ("gen_ai.usage.tool_use_prompt_tokens", 4.into()),
        ("server.address", "mine.openai.azure.com".into()),
        ("server.port", 443.into()),
        ("tracing_genai.outcome", "done".into()),
        ("rig.provider_request_id", "req_1".into()),
    ] {
        assert_eq!(only(&span, name), Some(&value), "{name}");
    }
    assert_eq!(only(&span, "gen_ai.usage.reasoning_tokens"), None);
    assert_eq!((span.name.as_ref(), &span.span_kind), ("chat deployment", &SpanKind::Client));
}

#[test]
fn a_count_of_nothing_goes_where_the_answer_did_not_tell_it() {
    let mut span = rigs_chat();
    let cached = KeyValue::new("gen_ai.usage.cache_read.input_tokens", "0");
    span.attributes.retain(|attribute| attribute.key != cached.key);
    span.attributes.push(cached);
    assert_eq!(only(&adopted(span.clone(), &seen()), "gen_ai.usage.cache_read.input_tokens"), None);
    let mut operation = seen();
    if let Call::Inference { response, .. } = &mut operation.call {
        Arc::make_mut(response).usage.output_tokens = Some(0);
    }
    assert_eq!(only(&adopted(span, &operation), "gen_ai.usage.output_tokens"), Some(&0.into()));
}

#[test]
fn a_span_in_which_a_call_was_seen_is_given_no_content() {
    let span = adopted(rigs_chat(), &seen());
    assert!(!format!("{:?}", span.attributes).contains("a secret"));
    let mut with_content = rigs_chat();
    with_content.attributes.push(KeyValue::new("gen_ai.output.messages", "[]"));
    assert_eq!(only(&adopted(with_content, &seen()), "gen_ai.output.messages"), Some(&"[]".into()));
}

#[test]
fn a_span_in_which_a_call_failed_says_how() {
    let mut operation = seen();
    let error = ErrorInfo {
        code: Some("rate_limit_exceeded".into()),
        ..ErrorInfo::new(ErrorKind::RateLimited, "slow down")
    };
    operation.outcome = Outcome::Failed(Box::new(error));
    let span = adopted(rigs_chat(), &operation);
    assert_eq!(span.status, Status::error("slow down"));
    assert_eq!(only(&span, "error.type"), Some(&"rate_limit_exceeded".into()));
    assert_eq!(only(&span, "tracing_genai.outcome"), Some(&"failed".into()));
}

#[test]
fn a_library_may_fail_at_an_answer_that_came_whole() {
    let mut failed = rigs_chat();
    failed.status = Status::error("not the schema");
    assert_eq!(adopted(failed.clone(), &seen()).status, Status::Unset);
    failed.attributes.push(KeyValue::new("error.type", "parse"));
    assert_eq!(adopted(failed, &seen()).status, Status::error("not the schema"));
}

#[test]
fn a_span_of_ours_is_never_repaired() {
    let mut ours = rigs_chat();
    ours.attributes.push(KeyValue::new("tracing_genai.outcome", "done"));
    assert_eq!(repaired(ours.clone()), ours);
    assert_eq!(adopted(ours.clone(), &seen()), ours);
}

#[test]
fn a_span_about_something_else_is_untouched() {
    let other = span(
        "chat gpt-4o",
        vec![
            KeyValue::new("server.port", "443"),
            KeyValue::new("server.port", "443"),
            KeyValue::new("server.address", "api.openai.com"),
            KeyValue::new("llm.token_count.prompt", "12"),
            KeyValue::new("app.gen_ai.usage.input_tokens", "12"),
            KeyValue::new("gen_ai", "yes"),
            KeyValue::new("error.type", "timeout"),
        ],
    );
    assert_eq!(origin(&other), Origin::Unrelated);
    assert_eq!(repaired(other.clone()), other);
}

#[test]
fn a_program_may_call_its_spans_as_it_likes() {
    for name in ["chat", "plan the day", "chat room", "embeddings"] {
        let theirs = span(name, vec![KeyValue::new("gen_ai.conversation.id", "c-1")]);
        assert_eq!(repaired(theirs.clone()), theirs, "{name}");
    }
    let model = || vec![KeyValue::new("gen_ai.request.model", "llama-3")];
    let theirs = span("chat with the user", model());
    assert_eq!(repaired(theirs.clone()), theirs);
    assert_eq!(only(&repaired(span("chat llama-3", model())), "gen_ai.operation.name"), Some(&"chat".into()));
}

#[test]
fn the_provider_is_told_by_the_server_else_by_the_model() {
    let provider = |attributes: &[(&'static str, Value)]| {
        let mut all = vec![KeyValue::new("gen_ai.operation.name", "chat")];
        all.extend(attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone())));
        only(&repaired(span("work", all)), "gen_ai.provider.name").cloned()
    };
    let azure = ("server.address", "mine.openai.azure.com".into());
    let model = ("gen_ai.request.model", Value::from("gpt-4o"));
    assert_eq!(provider(&[azure, model.clone()]), Some("azure.ai.openai".into()));
    assert_eq!(provider(&[model]), Some("openai".into()));
    let ollama = [("server.address", "localhost".into()), ("server.port", "11434".into())];
    assert_eq!(provider(&ollama), Some("ollama".into()));
    assert_eq!(provider(&[("gen_ai.request.model", "llama-3".into())]), None);
}

#[test]
fn only_a_call_of_a_model_becomes_a_clients() {
    let kind = |operation, kind: SpanKind| {
        let attributes = vec![KeyValue::new("gen_ai.operation.name", operation)];
        repaired(SpanData { span_kind: kind, ..span("work", attributes) }).span_kind
    };
    for operation in ["chat", "generate_content", "text_completion", "embeddings", "rerank"] {
        assert_eq!(kind(operation, SpanKind::Internal), SpanKind::Client, "{operation}");
    }
    for operation in ["execute_tool", "invoke_agent", "invoke_workflow", "plan", "search_memory", "a word"] {
        assert_eq!(kind(operation, SpanKind::Internal), SpanKind::Internal, "{operation}");
    }
    assert_eq!(kind("invoke_agent", SpanKind::Client), SpanKind::Client, "an agent that is called");
    assert_eq!(kind("chat", SpanKind::Server), SpanKind::Server, "a model's server");
}

#[test]
fn what_openinference_says_is_said_by_the_conventions_names_too() {
    let theirs = vec![
        KeyValue::new("openinference.span.kind", "LLM"),
        KeyValue::new("llm.model_name", "claude-haiku-4-5"),
        KeyValue::new("llm.provider", "aws"),
        KeyValue::new("llm.token_count.prompt", "12"),
        KeyValue::new("llm.token_count.completion", 3),
    ];
    let span = repaired(span("Messages", theirs));
    for (name, value) in [
        ("gen_ai.operation.name", Value::from("chat")),
        ("gen_ai.request.model", "claude-haiku-4-5".into()),
        ("gen_ai.provider.name", "aws.bedrock".into()),
        ("gen_ai.usage.input_tokens", 12.into()),
        ("gen_ai.usage.output_tokens", 3.into()),
        ("llm.token_count.prompt", 12.into()),
        ("llm.provider", "aws".into()),
    ] {
        assert_eq!(only(&span, name), Some(&value), "{name}");
    }
    assert_eq!((span.name.as_ref(), &span.span_kind), ("Messages", &SpanKind::Client));
}

#[test]
fn what_openllmetry_says_is_said_in_todays_words() {
    let theirs = vec![
        KeyValue::new("llm.request.type", "chat"),
        KeyValue::new("gen_ai.system", "OpenAI"),
        KeyValue::new("gen_ai.request.model", "gpt-4o"),
        KeyValue::new("gen_ai.usage.prompt_tokens", 12),
        KeyValue::new("gen_ai.usage.completion_tokens", 3),
        KeyValue::new("llm.usage.total_tokens", "15"),
        KeyValue::new("gen_ai.prompt.0.content", "Hello"),
    ];
    let span = repaired(span("openai.chat", theirs));
    for (name, value) in [
        ("gen_ai.operation.name", Value::from("chat")),
        ("gen_ai.provider.name", "openai".into()),
        ("gen_ai.usage.input_tokens", 12.into()),
        ("gen_ai.usage.output_tokens", 3.into()),
        ("llm.usage.total_tokens", 15.into()),
        ("gen_ai.prompt.0.content", "Hello".into()),
    ] {
        assert_eq!(only(&span, name), Some(&value), "{name}");
    }
}

/// Spans of every odd value under every name that means something to the repair, in some order.
fn odd_spans() -> impl Iterator<Item = SpanData> {
    let names = [
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.system",
        "gen_ai.request.model",
        "gen_ai.request.top_k",
        "gen_ai.request.temperature",
        "gen_ai.request.stream",
        "gen_ai.request.stop_sequences",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "openinference.span.kind",
        "llm.model_name",
        "llm.token_count.prompt",
        "llm.request.type",
        "traceloop.span.kind",
        "server.address",
        "server.port",
        "error.type",
        "",
        "app.key",
    ];
    let values: Vec<Value> = [
        "",
        "12",
        "-0",
        "1e3",
        "99999999999999999999",
        "chat",
        "LLM",
        "GEMINI",
        "[]",
        "[\"a\"]",
        "[[",
        "\u{0}ß",
    ]
    .map(Value::from)
    .into_iter()
    .chain([i64::MIN, 65_536].map(Value::from))
    .chain([f64::NAN, -0.0, 1e300].map(Value::from))
    .chain([true.into(), Value::Array(vec![1_i64, 2].into()), Value::Array(vec![f64::NAN].into())])
    .collect();
    let titles = ["chat", "chat 12", "", " ", "embeddings GEMINI", "plan"];
    // A linear congruential generator: the same spans each time.
    let mut state = 1_u64;
    let mut below = move |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    (0..20_000).map(move |_| {
        let attributes = (0..below(12))
            .map(|_| KeyValue::new(names[below(names.len())], values[below(values.len())].clone()))
            .collect();
        span(titles[below(titles.len())], attributes)
    })
}

/// Equal, and of a `NaN` the same text.
fn same<T: std::fmt::Debug>(one: &T, other: &T) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

#[test]
fn whatever_a_span_holds_it_is_repaired_once_and_for_all() {
    for span in odd_spans() {
        let once = repaired(span.clone());
        assert!(same(&repaired(once.clone()), &once), "{span:?}");
        if origin(&span) != Origin::Unrelated {
            assert_no_key_twice(&once);
        }
    }
}

#[test]
fn no_value_is_lost_but_to_a_later_one_of_its_key() {
    for span in odd_spans() {
        let once = repaired(span.clone());
        for (place, attribute) in span.attributes.iter().enumerate() {
            let key = attribute.key.as_str();
            let is_last = !span.attributes[place + 1..].iter().any(|later| later.key == attribute.key);
            let is_first = !span.attributes[..place].iter().any(|first| first.key == attribute.key);
            if is_last && is_first {
                let right = value::type_of(key).and_then(|wanted| value::converted(&attribute.value, wanted));
                let right = right.unwrap_or_else(|| attribute.value.clone());
                let word = attributes::word_of_today(&right).unwrap_or_else(|| right.clone());
                let today = todays_name(key).unwrap_or(key);
                let is_there = once.attributes.iter().any(|found| {
                    (found.key.as_str() == key || found.key.as_str() == today)
                        && (same(&found.value, &attribute.value)
                            || same(&found.value, &right)
                            || same(&found.value, &word))
                });
                assert!(is_there, "{key} of {span:?}");
            }
        }
    }
}

/// A span of this id, with its operation on the way.
fn put(id: u64) -> SpanData {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    let (trace, span) = (TraceId::from(u128::from(id)), SpanId::from(id));
    let span_context = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
    joined::put(&span_context, &Arc::new(seen()));
    SpanData { span_context, ..rigs_chat() }
}

#[test]
fn a_processor_and_an_exporter_both_have_the_call_that_was_seen() {
    let (first, second) = (InMemorySpanExporter::default(), InMemorySpanExporter::default());
    let processor = RepairingProcessor::new(SimpleSpanProcessor::new(first.clone()));
    let exporter = SimpleSpanProcessor::new(RepairingExporter::new(second.clone()));
    let span = put(0x4001);
    processor.on_end(span.clone());
    exporter.on_end(span);
    for exporter in [first, second] {
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(only(&spans[0], "gen_ai.usage.output_tokens"), Some(&5.into()));
    }
}

#[test]
fn a_span_that_was_completed_is_not_completed_again() {
    let exporter = InMemorySpanExporter::default();
    let inner = SimpleSpanProcessor::new(RepairingExporter::new(exporter.clone()));
    let processor = RepairingProcessor::new(inner);
    processor.on_end(put(0x4002));
    let once = adopted(rigs_chat(), &seen());
    assert_eq!(exporter.get_finished_spans().unwrap()[0].attributes, once.attributes);
}

#[test]
fn a_call_that_was_seen_brings_the_marks_that_the_span_lacks() {
    let mut marks = crate::record::Marks::default();
    (marks.user, marks.session) = (Some("of the scope".into()), Some("s-1".into()));
    let mut operation = seen();
    operation.marks = Some(Arc::new(marks));
    let mut span = rigs_chat();
    span.attributes.push(KeyValue::new("user.id", "its own"));
    let span = adopted(span, &operation);
    assert_eq!(only(&span, "user.id"), Some(&"its own".into()));
    assert_eq!(only(&span, "session.id"), Some(&"s-1".into()));
}

#[test]
fn a_conversation_alone_makes_no_span_one_of_generative_ai() {
    let marked = span("GET /ask", vec![KeyValue::new("gen_ai.conversation.id", "c-1")]);
    assert_eq!(origin(&marked), Origin::Unrelated);
}
