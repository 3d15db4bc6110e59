//! Clients that try again by a middleware.

use crate::program::{Program, Seen, assert_call, spans_of, unrepaired};
use http::Extensions;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Middleware, Next, Result};
use tracing_genai::testing::Answer;

/// Tries once more after a 429.
struct Again;

#[async_trait::async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let again = request.try_clone().unwrap();
        let response = next.clone().run(request, extensions).await?;
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS => next.run(again, extensions).await,
            _ => Ok(response),
        }
    }
}

async fn ask_twice(program: &Program) {
    program.provider.enqueue(Answer::error(429, "requests", "rate_limit_exceeded", "Slow down."));
    program.provider.enqueue(Answer::text("Hej."));
    program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap();
    assert_eq!(program.provider.requests().len(), 2);
}

fn assert_done(spans: &[Seen]) {
    assert_eq!(spans.len(), 1);
    assert_call(&spans[0], "chat gpt-4o-mini", "openai");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert!(!spans[0].attributes.contains_key("error.type"));
    assert!(!spans[0].is_failed());
}

#[tokio::test]
async fn attempts_inside_of_the_middleware_are_one_span() {
    let program = || Program::with(|client, watched| client.with(watched).with(Again));
    assert_done(&spans_of(program, ask_twice).await);
}

#[tokio::test]
async fn attempts_around_the_middleware_are_the_one_span_of_rig() {
    let program = || Program::with(|client, watched| client.with(Again).with(watched));
    assert_done(&spans_of(program, ask_twice).await);
}

#[tokio::test]
async fn a_provider_that_repairs_nothing_gets_each_key_once_too() {
    let program = Program::with(|client, watched| client.with(watched).with(Again));
    let spans = unrepaired(&program, ask_twice).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert_eq!(spans[0].attributes["server.address"], "127.0.0.1");
}
