//! What `FakeProvider` says as Amazon Bedrock, boto3 understands.
//!
//! `BOTO3_PYTHON` is the path of a python that has [boto3]; without it the tests say that they were
//! skipped, or fail in CI, where nobody would read that.
//!
//! [boto3]: https://boto3.amazonaws.com/v1/documentation/api/latest/index.html
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]
#![allow(clippy::needless_pass_by_value, reason = "requests are written where they are passed")]

use serde_json::{Value, json};
use std::{env, process::Command};
use tracing_genai::testing::{Answer, FakeProvider};

const NOVA: &str = "amazon.nova-lite-v1:0";
const CLAUDE: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

/// What boto3 made of the answer; `None`, and a word about it, where there is no boto3.
fn call(answer: Option<Answer>, operation: &str, parameters: Value) -> Option<Value> {
    let Some(python) = env::var_os("BOTO3_PYTHON").filter(|python| !python.is_empty()) else {
        let missing = "BOTO3_PYTHON is not set";
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
        eprintln!("skipped: {missing}");
        return None;
    };
    let provider = FakeProvider::start().unwrap();
    if let Some(answer) = answer {
        provider.enqueue(answer);
    }
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bedrock_boto3.py"))
        .args([&provider.bedrock_url(), operation, &parameters.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn hello(model: &str) -> Value {
    json!({ "modelId": model, "messages": [{ "role": "user", "content": [{ "text": "Hello there" }] }] })
}

fn weather() -> Value {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tool = json!({ "toolSpec": { "name": "get_weather", "inputSchema": { "json": schema } } });
    let mut request = hello(NOVA);
    request["toolConfig"] = json!({ "tools": [tool] });
    request
}

fn for_claude() -> Value {
    json!({ "modelId": CLAUDE, "body": {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "Hello there" }],
    } })
}

#[test]
fn a_text() {
    let Some(answer) = call(None, "converse", hello(NOVA)) else { return };
    assert_eq!(answer["output"]["message"]["content"], json!([{ "text": "You said: Hello there" }]));
    assert_eq!(answer["stopReason"], "end_turn");
    assert_eq!(answer["usage"], json!({ "inputTokens": 3, "outputTokens": 4, "totalTokens": 7 }));
    assert_eq!(answer["metrics"]["latencyMs"], 42);
    assert_eq!(answer["request_id"], "00000000-0000-4000-8000-000000000001");
}

#[test]
fn a_model_that_is_an_arn() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
    let Some(answer) = call(None, "converse", hello(arn)) else { return };
    assert_eq!(answer["stopReason"], "end_turn", "{answer}");
}

#[test]
fn calls_of_tools() {
    let Some(answer) = call(None, "converse", weather()) else { return };
    let call = &answer["output"]["message"]["content"][0]["toolUse"];
    assert_eq!((&call["name"], &call["input"]), (&json!("get_weather"), &json!({ "city": "text" })));
    assert_eq!(answer["stopReason"], "tool_use");
}

#[test]
fn what_a_tool_returned() {
    let mut request = weather();
    let used = json!({ "toolUseId": "tooluse_1", "name": "get_weather", "input": {} });
    let result = json!({ "toolUseId": "tooluse_1", "content": [{ "json": { "degrees": 18 } }] });
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "content": [{ "toolUse": used }] }));
    messages.push(json!({ "role": "user", "content": [{ "toolResult": result }] }));
    let Some(answer) = call(None, "converse", request) else { return };
    let text = &answer["output"]["message"]["content"][0]["text"];
    assert_eq!(*text, r#"The tool said: {"degrees":18}"#);
}

#[test]
fn a_refusal() {
    let Some(answer) = call(Some(Answer::refusal("No.")), "converse", hello(NOVA)) else { return };
    assert_eq!(answer["stopReason"], "content_filtered");
}

#[test]
fn an_error_of_the_model_s_name() {
    let Some(answer) = call(None, "converse", hello("no-such-model")) else { return };
    let error = json!({
        "class": "ValidationException",
        "code": "ValidationException",
        "message": "The provided model identifier is invalid.",
        "status": 400,
    });
    assert_eq!(answer["error"], error);
}

#[test]
fn throttling() {
    let throttled = Answer::error(429, "ThrottlingException", None, "Slow.");
    let Some(answer) = call(Some(throttled), "converse_stream", hello(NOVA)) else { return };
    let error = json!({
        "class": "ThrottlingException",
        "code": "ThrottlingException",
        "message": "Slow.",
        "status": 429,
    });
    assert_eq!(answer["error"], error);
}

#[test]
fn a_stream() {
    let Some(answer) = call(Some(Answer::text("Good day")), "converse_stream", hello(NOVA)) else { return };
    let delta = |text| json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": text } } });
    let usage = json!({ "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 });
    assert_eq!(
        answer["events"],
        json!([
            { "messageStart": { "role": "assistant" } },
            delta("Good"),
            delta(" day"),
            { "contentBlockStop": { "contentBlockIndex": 0 } },
            { "messageStop": { "stopReason": "end_turn" } },
            { "metadata": { "usage": usage, "metrics": { "latencyMs": 42 } } },
        ])
    );
}

#[test]
fn a_stream_with_calls_of_tools() {
    let Some(answer) = call(None, "converse_stream", weather()) else { return };
    let events = answer["events"].as_array().unwrap();
    assert_eq!(events[1]["contentBlockStart"]["start"]["toolUse"]["name"], "get_weather");
    let pieces =
        events.iter().filter_map(|event| event["contentBlockDelta"]["delta"]["toolUse"]["input"].as_str());
    assert_eq!(pieces.collect::<String>(), r#"{"city":"text"}"#);
}

#[test]
fn an_exception_within_a_stream() {
    let failing = Answer::text("a b").mid_stream_error(2, "modelStreamErrorException", None, "Sorry.");
    let Some(answer) = call(Some(failing), "converse_stream", hello(NOVA)) else { return };
    assert_eq!(answer["events"].as_array().unwrap().len(), 2);
    assert_eq!(answer["error"]["code"], "modelStreamErrorException");
    assert_eq!(answer["error"]["message"], "Sorry.");
}

#[test]
fn a_body_of_claude() {
    let Some(answer) = call(None, "invoke_model", for_claude()) else { return };
    assert_eq!(answer["body"]["content"][0]["text"], "You said: Hello there");
    assert_eq!(answer["contentType"], "application/json");
    assert_eq!(answer["headers"]["x-amzn-bedrock-output-token-count"], "4");
}

#[test]
fn a_stream_of_claude() {
    let Some(answer) = call(None, "invoke_model_with_response_stream", for_claude()) else { return };
    let events = answer["events"].as_array().unwrap();
    assert_eq!(events[0]["type"], "message_start");
    let metrics = &events.last().unwrap()["amazon-bedrock-invocationMetrics"];
    assert_eq!(metrics["outputTokenCount"], 4);
    assert_eq!(answer["contentType"], "application/json");
}

#[test]
fn an_exception_within_a_stream_of_claude() {
    let failing = Answer::text("a b").mid_stream_error(1, "throttlingException", None, "Slow.");
    let Some(answer) = call(Some(failing), "invoke_model_with_response_stream", for_claude()) else {
        return;
    };
    assert_eq!(answer["events"].as_array().unwrap().len(), 1);
    assert_eq!(answer["error"]["code"], "throttlingException");
}

#[test]
fn a_body_of_nova() {
    let messages = hello(NOVA)["messages"].clone();
    let request = json!({ "modelId": NOVA, "body": { "messages": messages } });
    let Some(answer) = call(None, "invoke_model", request) else { return };
    assert_eq!(answer["body"]["output"]["message"]["content"][0]["text"], "You said: Hello there");
}

#[test]
fn a_body_of_llama() {
    let request = json!({ "modelId": "meta.llama3-70b-instruct-v1:0", "body": { "prompt": "Hello" } });
    let Some(answer) = call(None, "invoke_model", request) else { return };
    assert_eq!(answer["body"]["generation"], "You said: Hello");
}

#[test]
fn embeddings_of_cohere() {
    let body = json!({ "texts": ["one", "two"], "input_type": "search_document" });
    let request = json!({ "modelId": "cohere.embed-english-v3", "body": body });
    let Some(answer) = call(None, "invoke_model", request) else { return };
    assert_eq!(answer["body"]["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(answer["headers"]["x-amzn-bedrock-input-token-count"], "2");
}

#[test]
fn embeddings_of_titan() {
    let body = json!({ "inputText": "one", "dimensions": 256 });
    let request = json!({ "modelId": "amazon.titan-embed-text-v2:0", "body": body });
    let Some(answer) = call(None, "invoke_model", request) else { return };
    assert_eq!(answer["body"]["embedding"].as_array().unwrap().len(), 256);
}
