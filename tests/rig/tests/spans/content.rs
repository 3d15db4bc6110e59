//! Content: nowhere unless somebody allowed it.

use crate::program::{Program, Seen, exported, sent};
use rig_core::completion::CompletionRequest;
use tracing_genai::{ContentCapture, testing::Answer};

const ASKED: &str = "What does a lighthouse keeper read?";
const ANSWERED: &str = "The tide tables.";

async fn ask(program: &Program) {
    program.provider.enqueue(Answer::text(ANSWERED));
    program.openai().chat("gpt-4o-mini").call(ASKED).await.unwrap();
}

/// With the flag by which rig writes content itself.
async fn ask_with_rigs_content(program: &Program) {
    program.provider.enqueue(Answer::text(ANSWERED));
    let mut request = CompletionRequest::new(ASKED).preamble("You keep the light.".to_owned());
    request.record_telemetry_content = true;
    program.openai().chat("gpt-4o-mini").call(request).await.unwrap();
}

fn text(span: &Seen) -> String {
    format!("{span:?}")
}

#[tokio::test]
async fn a_destination_without_it_gets_none() {
    let spans = sent(ContentCapture::off(), &Program::new(), ask).await;
    assert_eq!(spans[0].content(), [""; 0]);
    assert!(!text(&spans[0]).contains("lighthouse") && !text(&spans[0]).contains("tide"));
}

#[tokio::test]
async fn a_destination_that_may_have_it_gets_what_went_over_the_network() {
    let spans = sent(ContentCapture::on(), &Program::new(), ask).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].content(), ["gen_ai.input.messages", "gen_ai.output.messages"]);
    assert!(text(&spans[0]).contains(ASKED) && text(&spans[0]).contains(ANSWERED));
}

#[tokio::test]
async fn a_destination_without_it_gets_none_of_rigs_either() {
    let spans = sent(ContentCapture::off(), &Program::new(), ask_with_rigs_content).await;
    assert_eq!(spans[0].content(), [""; 0]);
    assert!(!text(&spans[0]).contains("keep the light"));
}

#[tokio::test]
async fn a_programs_own_exporter_gets_what_rig_was_told_to_write_and_no_more() {
    let spans = exported(&Program::new(), ask_with_rigs_content).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].content(), ["gen_ai.system_instructions"]);
    let spans = exported(&Program::new(), ask).await;
    assert_eq!(spans[0].content(), [""; 0]);
}
