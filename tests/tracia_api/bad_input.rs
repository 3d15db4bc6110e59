//! What is wrong is told before anything is sent.

use super::{SPAN, api, greeting, tracia};
use std::time::{Duration, UNIX_EPOCH};
use tracing_genai::{
    Error,
    record::ErrorKind,
    tracia::{ErrorCode, Message, NewPrompt, NewSpan, PromptUpdate},
};

#[track_caller]
fn refused<T: std::fmt::Debug>(came: Result<T, Error>, about: &str) {
    let error = came.unwrap_err();
    assert_eq!((error.kind(), error.tracia_code()), (ErrorKind::Configuration, ErrorCode::InvalidRequest));
    assert!(error.to_string().contains(about), "{error}");
}

#[tokio::test]
async fn a_slug_that_is_none_is_not_asked_for() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    for slug in ["", " \t", ".", ".."] {
        refused(prompts.get(slug).await, "slug");
        refused(prompts.update(slug, PromptUpdate::new().name("x")).await, "slug");
        refused(prompts.delete(slug).await, "slug");
        refused(prompts.run(slug).send().await, "slug");
    }
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn a_prompt_without_a_name_or_a_message_is_not_made() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    refused(prompts.create(NewPrompt::new(" ").user("Hi")).await, "name");
    refused(prompts.create(greeting().slug("")).await, "slug");
    refused(prompts.create(NewPrompt::new("Greeting")).await, "message");
    refused(prompts.update("greeting", PromptUpdate::new().name("")).await, "name");
    refused(prompts.update("greeting", PromptUpdate::new().content([])).await, "message");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn a_run_with_blanks_is_not_begun() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    refused(prompts.run("greeting").model(" ").send().await, "model");
    refused(prompts.run("greeting").version(0).send().await, "version");
    refused(prompts.run("greeting").messages(Vec::<Message>::new()).send().await, "messages");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn spans_are_not_asked_for_by_what_tracia_cannot_take() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    refused(spans.list().limit(0).send().await, "limit");
    refused(spans.list().limit(101).send().await, "limit");
    refused(spans.list().limit(101).pages().next_page().await, "limit");
    refused(spans.list().tag("a,b").send().await, "comma");
    refused(spans.list().tag("").send().await, "blank");
    refused(spans.list().user_id(" ").send().await, "userId");
    refused(spans.list().start_date(UNIX_EPOCH - Duration::from_secs(1)).send().await, "startDate");
    refused(spans.list().end_date(UNIX_EPOCH + Duration::from_secs(40_000_000_000)).send().await, "endDate");
    refused(spans.get(" ").await, "id of the span");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn a_value_that_is_no_number_is_not_sent() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(spans.evaluate(SPAN, "quality", value).send().await, "value");
    }
    refused(spans.evaluate(SPAN, " ", 1).send().await, "evaluator");
    refused(spans.evaluate("", "quality", 1).send().await, "id of the span");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn a_span_that_tracia_has_no_form_for_is_not_sent() {
    let tracia = tracia();
    let spans = api(&tracia).spans();
    let call = || NewSpan::llm("openai", "gpt-4o");
    refused(spans.create(NewSpan::llm("openai", " ")).await, "model");
    refused(spans.create(NewSpan::llm("groq", "llama")).await, "amazon_bedrock");
    refused(spans.create(call().span_id("sp_1")).await, "spanId");
    refused(spans.create(call().span_id("")).await, "spanId");
    refused(spans.create(call().trace_id(SPAN)).await, "traceId");
    refused(spans.create(call().parent_span_id("banana")).await, "parentSpanId");
    refused(spans.create(call().temperature(f64::NAN)).await, "temperature");
    refused(spans.create(call().top_p(f64::INFINITY)).await, "topP");
    assert!(tracia.requests().is_empty());
}

#[tokio::test]
async fn ids_of_old_and_in_capitals_are_taken() {
    let tracia = tracia();
    for id in ["tr_0000000000000001", "sp_00000000000000AB"] {
        api(&tracia).spans().create(NewSpan::llm("openai", "gpt-4o").span_id(id)).await.unwrap();
    }
    assert!(tracia.refusals().is_empty());
}
