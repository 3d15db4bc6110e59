//! Programs whose filters or other middlewares stand between rig's span and this crate.

use crate::program::{Program, assert_call, exported, in_program_with};
use tracing_genai::testing::Answer;
use tracing_subscriber::filter::{LevelFilter, Targets};

fn without_rig() -> Targets {
    Targets::new().with_default(LevelFilter::INFO).with_target("rig", LevelFilter::OFF)
}

#[tokio::test]
async fn where_rigs_spans_are_kept_from_the_layer_the_call_has_one_of_ours() {
    let spans = in_program_with(without_rig(), &Program::new(), async |program| {
        program.provider.enqueue(Answer::text("Hej."));
        program.openai().chat("gpt-4o-mini").call("Hello").await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 1);
    assert_call(&spans[0], "chat gpt-4o-mini", "openai");
    assert_eq!(spans[0].attributes["tracing_genai.outcome"], "done");
}

#[tokio::test]
async fn where_rigs_spans_are_kept_from_the_layer_the_programs_own_span_stays_its_own() {
    let spans = in_program_with(without_rig(), &Program::new(), async |program| {
        use tracing::Instrument;
        let call = program.openai().chat("gpt-4o-mini").call("Hello");
        call.instrument(tracing::info_span!("GET /ask")).await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].name, "GET /ask");
    assert!(spans[0].attributes.keys().all(|key| !key.starts_with("gen_ai.")), "{:?}", spans[0]);
    assert_eq!(spans[1].parent.as_ref(), Some(&spans[0].id));
    assert_call(&spans[1], "chat gpt-4o-mini", "openai");
}

#[tokio::test]
async fn a_call_below_the_programs_own_span_is_its_child() {
    let spans = exported(&Program::new(), async |program| {
        use tracing::Instrument;
        let call = program.openai().chat("gpt-4o-mini").call("Hello");
        call.instrument(tracing::info_span!("GET /ask")).await.unwrap();
    })
    .await;
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[1].parent.as_ref(), Some(&spans[0].id));
    assert_call(&spans[1], "chat gpt-4o-mini", "openai");
}
