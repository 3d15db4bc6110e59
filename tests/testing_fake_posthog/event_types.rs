use super::{chat, event_of, export, post, posthog, span, status, text};
use opentelemetry_proto::tonic::trace::v1::Span;

fn root(span: Span) -> Span {
    Span { parent_span_id: Vec::new(), ..span }
}

#[tokio::test]
async fn the_operation_says_which_event_a_span_is() {
    for (operation, below, root_) in [
        ("chat", "$ai_generation", "$ai_generation"),
        ("embeddings", "$ai_embedding", "$ai_embedding"),
        ("text_completion", "$ai_span", "$ai_trace"),
        ("generate_content", "$ai_span", "$ai_trace"),
        ("invoke_agent", "$ai_span", "$ai_trace"),
        ("execute_tool", "$ai_span", "$ai_trace"),
        ("retrieval", "$ai_span", "$ai_trace"),
    ] {
        let span = span(vec![text("gen_ai.operation.name", operation)]);
        assert_eq!(event_of(span.clone()).await.name, below, "{operation}");
        assert_eq!(event_of(root(span)).await.name, root_, "{operation}");
    }
}

#[tokio::test]
async fn an_ai_span_without_an_operation_is_a_span() {
    assert_eq!(event_of(span(vec![text("gen_ai.request.model", "m")])).await.name, "$ai_span");
}

#[tokio::test]
async fn drops_what_has_no_key_of_ai_without_a_word() {
    for key in ["$ai_model", "llm.model", "openinference.span.kind", "http.route", "gen_ai"] {
        let posthog = posthog();
        let mut span = span(vec![text(key, "x")]);
        span.name = "gen_ai.chat".to_owned();
        assert_eq!(status(post(&posthog, &export(vec![span]))).await, 200);
        assert!(posthog.events().is_empty(), "{key}");
        assert_eq!(posthog.refusals()[0].status, 200);
    }
}

#[tokio::test]
async fn a_key_of_another_library_comes_before_the_conventions() {
    for (key, value, name, middleware) in [
        ("ai.operationId", "ai.generateText.doGenerate", "$ai_generation", Some("vercel-ai")),
        ("ai.operationId", "ai.streamText.doStream", "$ai_generation", Some("vercel-ai")),
        ("ai.operationId", "ai.embedMany.doEmbed", "$ai_embedding", Some("vercel-ai")),
        ("ai.operationId", "ai.generateText", "$ai_span", Some("vercel-ai")),
        ("ai.model.id", "m", "$ai_generation", Some("vercel-ai")),
        ("pydantic_ai.all_messages", "[]", "$ai_span", Some("pydantic-ai")),
        ("traceloop.span.kind", "workflow", "$ai_span", Some("traceloop")),
        ("llm.request.type", "completion", "$ai_generation", Some("traceloop")),
        ("llm.request.type", "embedding", "$ai_embedding", Some("traceloop")),
        ("logfire.msg", "m", "$ai_generation", Some("pydantic-ai")),
        ("gen_ai.request.model", "m", "$ai_generation", None),
    ] {
        let event = event_of(chat(vec![text(key, value)])).await;
        assert_eq!((event.name.as_str(), event.middleware), (name, middleware), "{key}={value}");
    }
}

#[tokio::test]
async fn a_parent_sent_as_an_attribute_keeps_a_root_from_being_a_trace() {
    let agent = |attributes| root(span(attributes));
    let event = event_of(agent(vec![text("gen_ai.agent.name", "a"), text("$ai_parent_id", "p")])).await;
    assert_eq!(event.name, "$ai_span");
    assert_eq!(event.properties["$ai_parent_id"], "p");
}
