//! What Tracia is sent of some exchanges, whole: one or two of each provider.

use serde_json::Value;

/// The file of each, and what is sent without content, but for ids and time.
const EXACT: [(&str, &str); 12] = [
    (
        "anthropic/messages/cache_creation-cache_read-document_input__claude-sonnet-5__ellmer.json",
        r#"{
            "model": "claude-sonnet-5",
            "provider": "anthropic",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 1696,
            "outputTokens": 7,
            "totalTokens": 1703,
            "maxOutputTokens": 4096
        }"#,
    ),
    (
        "anthropic/messages/stream-tool_call_parallel__claude-haiku-4-5-20251001__llm-anthropic.json",
        r#"{
            "model": "claude-haiku-4-5-20251001",
            "provider": "anthropic",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 542,
            "outputTokens": 62,
            "totalTokens": 604,
            "temperature": 1.0,
            "maxOutputTokens": 8192
        }"#,
    ),
    (
        "azure_openai/chat/stream-plain__openllmetry-testing__openllmetry.json",
        r#"{
            "model": "openllmetry-testing",
            "provider": "openai",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0
        }"#,
    ),
    (
        "bedrock/converse/cache_read-system__amazon.nova-lite-v1-0__rig.json",
        r#"{
            "model": "amazon.nova-lite-v1:0",
            "provider": "amazon_bedrock",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 27,
            "outputTokens": 48,
            "totalTokens": 75
        }"#,
    ),
    (
        "bedrock/invoke_model_with_response_stream/error_midstream__amazon.nova-micro-v1-0__opentelemetry-java-instrumentation.json",
        r#"{
            "model": "amazon.nova-micro-v1:0",
            "provider": "amazon_bedrock",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "ERROR",
            "error": "The system encountered an unexpected error during processing. Try your request again.",
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0
        }"#,
    ),
    (
        "google/batchEmbedContents/embed_batch-embed_dimensions__gemini-embedding-001__rig.json",
        r#"{
            "spanKind": "EMBEDDING",
            "model": "gemini-embedding-001",
            "provider": "google",
            "input": {"text": []},
            "output": "{\"dimensions\":256,\"count\":3}",
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0
        }"#,
    ),
    (
        "google/generateContent/tool_call_single-tool_result_turn-reasoning_tokens-system__gemini-3.5-flash__ellmer.json",
        r#"{
            "model": "gemini-3.5-flash",
            "provider": "google",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 280,
            "outputTokens": 144,
            "totalTokens": 424,
            "temperature": 0.0
        }"#,
    ),
    (
        "google_vertex/generateContent/error_400__gemini-2.5-flash__ruby-llm.json",
        r#"{
            "model": "gemini-2.5-flash",
            "provider": "google",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "ERROR",
            "error": "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0
        }"#,
    ),
    (
        "openai/chat/stream-cache_read-system__gpt-4.1__crewai.json",
        r#"{
            "model": "gpt-4.1",
            "provider": "openai",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 1144,
            "outputTokens": 2,
            "totalTokens": 1146
        }"#,
    ),
    (
        "openai/chat/tool_call_parallel__gpt-4o__raix.json",
        r#"{
            "model": "gpt-4o",
            "provider": "openai",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 49,
            "outputTokens": 45,
            "totalTokens": 94,
            "temperature": 0.0,
            "maxOutputTokens": 16384
        }"#,
    ),
    (
        "openai/embeddings/embed_batch-embed_dimensions__text-embedding-3-small__rig.json",
        r#"{
            "spanKind": "EMBEDDING",
            "model": "text-embedding-3-small",
            "provider": "openai",
            "input": {"text": []},
            "output": "{\"dimensions\":512,\"count\":3}",
            "variables": null,
            "status": "SUCCESS",
            "error": null,
            "inputTokens": 31,
            "outputTokens": 0,
            "totalTokens": 31
        }"#,
    ),
    (
        "openai/responses/error_401__gpt-4.1-nano__ruby-llm.json",
        r#"{
            "model": "gpt-4.1-nano",
            "provider": "openai",
            "input": {"messages": []},
            "output": null,
            "variables": null,
            "status": "ERROR",
            "error": "Incorrect API key provided: invalid-key. You can find your API key at https://platform.openai.com/account/api-keys.",
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0
        }"#,
    ),
];

/// What is to be sent of an exchange without content, where that is known.
pub(crate) fn expected(file: &str) -> Option<Value> {
    let (_, json) = EXACT.into_iter().find(|(known, _)| *known == file)?;
    Some(serde_json::from_str(json).unwrap())
}

pub(crate) fn count() -> usize {
    EXACT.len()
}
