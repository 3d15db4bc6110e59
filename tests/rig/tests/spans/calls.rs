//! Calls that get their answer in one piece.

use crate::program::{assert_call, span, usage};
use tracing_genai::testing::Answer;

#[tokio::test]
async fn a_chat_is_one_span_with_what_only_the_answer_tells() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("Hej.").usage(usage(7, 3)));
        let reply = program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap();
        assert_eq!(reply.text(), "Hej.");
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
    assert!(span.attributes["gen_ai.response.id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")));
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 3);
    assert_eq!(span.attributes["tracing_genai.outcome"], "done");
    assert!(!span.is_failed());
    assert_eq!(span.content(), [""; 0]);
}

#[tokio::test]
async fn cached_tokens_are_told_as_the_conventions_have_them() {
    let span = span(async |program| {
        let mut usage = usage(110, 7);
        (usage.cache_read_input_tokens, usage.cache_write_input_tokens) = (Some(60), Some(40));
        program.provider.enqueue(Answer::text("Hej.").usage(usage));
        program.anthropic().completion("claude-haiku-4-5").call("Hello").await.unwrap();
    })
    .await;
    assert_call(&span, "chat claude-haiku-4-5", "anthropic");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 110);
    assert_eq!(span.attributes["gen_ai.usage.cache_read.input_tokens"], 60);
    assert_eq!(span.attributes["gen_ai.usage.cache_write.input_tokens"], 40);
    assert!(!span.attributes.contains_key("gen_ai.usage.cache_creation.input_tokens"));
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
}

#[tokio::test]
async fn a_response_of_openai_is_one_span() {
    let span = span(async |program| {
        program.openai().responses("gpt-4o-mini").call("Hello").await.unwrap();
    })
    .await;
    assert_call(&span, "chat gpt-4o-mini", "openai");
    assert_eq!(span.attributes["openai.api.type"], "responses");
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
}

#[tokio::test]
async fn a_call_of_gemini_has_the_operation_of_its_own() {
    let span = span(async |program| {
        program.provider.enqueue(Answer::text("Hej.").usage(usage(7, 3)));
        program.gemini().completion("gemini-2.5-flash").call("Hello").await.unwrap();
    })
    .await;
    assert_call(&span, "generate_content gemini-2.5-flash", "gcp.gemini");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 7);
    assert_eq!(span.attributes["gen_ai.response.finish_reasons"], ["stop"]);
}

#[tokio::test]
async fn embeddings_of_gemini_are_one_span() {
    let span = span(async |program| {
        let model = program.gemini().embedding("gemini-embedding-001", None);
        model.call(vec!["sea".to_owned()]).await.unwrap();
    })
    .await;
    assert_call(&span, "embeddings gemini-embedding-001", "gcp.gemini");
    assert!(span.attributes["gen_ai.embeddings.dimension.count"].as_i64().is_some());
}

#[tokio::test]
async fn embeddings_are_one_span() {
    let span = span(async |program| {
        let model = program.openai().embedding("text-embedding-3-small", None);
        model.call(vec!["sea".to_owned(), "sky".to_owned()]).await.unwrap();
    })
    .await;
    assert_call(&span, "embeddings text-embedding-3-small", "openai");
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 2);
    assert_eq!(span.attributes["gen_ai.embeddings.dimension.count"], 1536);
    assert!(!span.attributes.contains_key("gen_ai.usage.output_tokens"), "nobody told it");
}

#[tokio::test]
async fn calls_side_by_side_have_a_span_each() {
    let spans = crate::program::spans(async |program| {
        let openai = program.openai();
        let model = openai.chat("gpt-4o-mini");
        let embedding = openai.embedding("text-embedding-3-small", None);
        let (first, second) = (model.call("One"), embedding.call(vec!["two".to_owned()]));
        let (first, second) = tokio::join!(first, second);
        first.unwrap();
        second.unwrap();
    })
    .await;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["chat gpt-4o-mini", "embeddings text-embedding-3-small"]);
    for span in &spans {
        assert_call(span, &span.name, "openai");
    }
    assert_eq!(spans[0].attributes["gen_ai.usage.input_tokens"], 2);
    assert_eq!(spans[1].attributes["gen_ai.usage.input_tokens"], 1);
}
