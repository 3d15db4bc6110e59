//! Each kind of operation in every vocabulary, in one table.

use tracing_genai::{
    record::{OperationClass as Class, OperationKind as Kind, Side},
    vocabulary::{posthog, tracia},
};

type Row = (Kind, &'static str, Side, Class, &'static str, Option<&'static str>);

/// Kind, `gen_ai.operation.name`, span kind, class, PostHog's event, Tracia's kind.
const TABLE: [Row; 18] = [
    (Kind::Chat, "chat", Side::Client, Class::Generation, "$ai_generation", Some("LLM")),
    (
        Kind::GenerateContent,
        "generate_content",
        Side::Client,
        Class::Generation,
        "$ai_generation",
        Some("LLM"),
    ),
    (Kind::TextCompletion, "text_completion", Side::Client, Class::Generation, "$ai_generation", Some("LLM")),
    (Kind::Embeddings, "embeddings", Side::Client, Class::Embedding, "$ai_embedding", Some("EMBEDDING")),
    (Kind::Retrieval, "retrieval", Side::Client, Class::Retrieval, "$ai_span", None),
    (Kind::FetchResponse, "fetch_response", Side::Client, Class::Other, "$ai_span", None),
    (Kind::CreateMemoryStore, "create_memory_store", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::DeleteMemoryStore, "delete_memory_store", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::CreateMemory, "create_memory", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::UpdateMemory, "update_memory", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::UpsertMemory, "upsert_memory", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::SearchMemory, "search_memory", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::DeleteMemory, "delete_memory", Side::Client, Class::Memory, "$ai_span", None),
    (Kind::CreateAgent, "create_agent", Side::Client, Class::Agent, "$ai_span", None),
    (Kind::InvokeAgent, "invoke_agent", Side::Internal, Class::Agent, "$ai_span", None),
    (Kind::ExecuteTool, "execute_tool", Side::Internal, Class::Tool, "$ai_span", None),
    (Kind::InvokeWorkflow, "invoke_workflow", Side::Internal, Class::Workflow, "$ai_span", None),
    (Kind::Plan, "plan", Side::Internal, Class::Agent, "$ai_span", None),
];

#[test]
fn each_kind_has_its_word_in_every_vocabulary() {
    for (kind, name, side, class, event, tracia_kind) in TABLE {
        assert_eq!(kind.name(), name);
        assert_eq!(kind.side(), side, "{name}");
        assert_eq!(kind.class(), class, "{name}");
        assert_eq!(posthog::event(kind), event, "{name}");
        assert_eq!(tracia::span_kind(kind), tracia_kind, "{name}");
    }
}

#[test]
fn the_table_holds_every_kind_once() {
    assert_eq!(TABLE.map(|row| row.0).as_slice(), Kind::ALL);
}

#[test]
fn a_kind_is_found_by_its_operation_name() {
    for (kind, name, ..) in TABLE {
        assert_eq!(Kind::from_name(name), Some(kind));
    }
    assert_eq!(Kind::from_name("hum"), None);
}
