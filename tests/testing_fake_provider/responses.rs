use super::{events, json, provider};
use serde_json::{Value, json};
use tracing_genai::testing::Answer;

const RESPONSES: &str = "/responses";

fn hello() -> Value {
    json!({ "model": "gpt-4o", "instructions": "Be brief.", "input": "Hello there" })
}

fn streamed(mut request: Value) -> Value {
    request["stream"] = json!(true);
    request
}

async fn stream(answer: Answer, request: Value) -> (Vec<String>, Vec<Value>) {
    let provider = provider();
    provider.enqueue(answer);
    let events = events(&provider, RESPONSES, streamed(request)).await;
    let datas: Vec<Value> = events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    for (number, ((name, _), data)) in events.iter().zip(&datas).enumerate() {
        assert_eq!(data["type"], *name);
        assert_eq!(data["sequence_number"], number);
    }
    (events.into_iter().map(|(name, _)| name).collect(), datas)
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = json(&provider(), RESPONSES, hello()).await;
    assert_eq!(answer["object"], "response");
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["output"][0]["type"], "message");
    assert_eq!(answer["output"][0]["content"][0]["text"], "You said: Hello there");
    assert_eq!(answer["usage"]["input_tokens"], 4);
    assert_eq!(answer["usage"]["output_tokens"], 4);
}

#[tokio::test]
async fn reads_input_in_items() {
    let mut request = hello();
    request["input"] = json!([{ "role": "user", "content": [{ "type": "input_text", "text": "in parts" }] }]);
    let answer = json(&provider(), RESPONSES, request).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "You said: in parts");
}

#[tokio::test]
async fn calls_a_tool_and_then_tells_its_result() {
    let provider = provider();
    let mut request = hello();
    request["tools"] = json!([{ "type": "function", "name": "now", "parameters": { "type": "object" } }]);
    let answer = json(&provider, RESPONSES, request.clone()).await;
    let call = &answer["output"][0];
    assert_eq!(
        (&call["type"], &call["name"], &call["arguments"]),
        (&json!("function_call"), &json!("now"), &json!("{}"))
    );
    assert_ne!(call["call_id"], call["id"]);

    request["input"] =
        json!([call, { "type": "function_call_output", "call_id": call["call_id"], "output": "noon" }]);
    let answer = json(&provider, RESPONSES, request).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "The tool said: noon");
}

#[tokio::test]
async fn is_incomplete_at_the_limit_of_tokens() {
    let mut request = hello();
    request["max_output_tokens"] = json!(1);
    let answer = json(&provider(), RESPONSES, request).await;
    assert_eq!(answer["status"], "incomplete");
    assert_eq!(answer["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(answer["output"][0]["content"][0]["text"], "You");
}

#[tokio::test]
async fn streams_text() {
    let (names, datas) = stream(Answer::text("Good day"), hello()).await;
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(datas[5]["delta"], " day");
    assert_eq!(datas[6]["text"], "Good day");
    assert_eq!(datas[9]["response"]["usage"]["total_tokens"], 6);
}

#[tokio::test]
async fn streams_tool_calls() {
    let answer = Answer::tool_calls([("a", r#"{"x":1}"#), ("b", "{}")]);
    let (names, datas) = stream(answer, hello()).await;
    assert_eq!(names.iter().filter(|name| *name == "response.function_call_arguments.done").count(), 2);
    let of_second = datas.iter().filter(|data| data["output_index"] == 1);
    assert_eq!(of_second.filter_map(|data| data["delta"].as_str()).collect::<String>(), "{}");
    assert_eq!(datas.last().unwrap()["response"]["output"][0]["arguments"], r#"{"x":1}"#);
}

#[tokio::test]
async fn streams_a_refusal_as_one() {
    let (names, datas) = stream(Answer::refusal("No."), hello()).await;
    assert!(names.iter().any(|name| name == "response.refusal.delta"));
    assert_eq!(datas.last().unwrap()["response"]["output"][0]["content"][0]["refusal"], "No.");
}

#[tokio::test]
async fn streams_an_end_at_the_limit_of_tokens() {
    let mut request = hello();
    request["max_output_tokens"] = json!(1);
    let (names, _) = stream(Answer::text("Good day"), request).await;
    assert_eq!(names.last().unwrap(), "response.incomplete");
}

#[tokio::test]
async fn fails_in_a_stream_with_an_error_and_a_failed_response() {
    let answer = Answer::text("Good day").mid_stream_error(5, "tokens", "rate_limit_exceeded", "Too many.");
    let (names, datas) = stream(answer, hello()).await;
    assert_eq!(names[4..], ["response.output_text.delta", "error", "response.failed"]);
    assert_eq!(datas[5]["error"]["type"], "tokens");
    assert_eq!(
        datas[6]["response"]["error"],
        json!({ "code": "rate_limit_exceeded", "message": "Too many." })
    );
    assert_eq!(datas[6]["response"]["usage"], Value::Null);
}
