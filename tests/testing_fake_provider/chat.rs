use super::{chunks, json, provider};
use serde_json::{Value, json};
use tracing_genai::testing::Answer;

const CHAT: &str = "/chat/completions";

fn hello() -> Value {
    json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "Hello there" }] })
}

fn weather() -> Value {
    let mut request = hello();
    request["tools"] = json!([{ "type": "function", "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": { "type": "string" },
                "unit": { "enum": ["celsius", "fahrenheit"] },
                "days": { "type": "integer", "minimum": 2 },
                "at": { "$ref": "#/$defs/place" },
            },
            "$defs": { "place": { "type": "object", "properties": { "lat": { "type": "number" } } } },
        },
    } }]);
    request
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

#[tokio::test]
async fn repeats_the_user() {
    let answer = json(&provider(), CHAT, hello()).await;
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "gpt-4o-mini-2024-07-18");
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: Hello there");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    assert_eq!(answer["usage"]["total_tokens"], 7);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
}

#[tokio::test]
async fn answers_the_same_in_every_run() {
    assert_eq!(json(&provider(), CHAT, hello()).await, json(&provider(), CHAT, hello()).await);
}

#[tokio::test]
async fn answers_with_the_dated_name_of_a_model() {
    for (asked, answered) in [("gpt-5", "gpt-5-2024-07-18"), ("gpt-5-2025-08-07", "gpt-5-2025-08-07")] {
        let answer = json(&provider(), CHAT, with(hello(), "model", json!(asked))).await;
        assert_eq!(answer["model"], answered);
    }
}

#[tokio::test]
async fn gives_each_answer_its_own_id() {
    let provider = provider();
    assert_ne!(json(&provider, CHAT, hello()).await["id"], json(&provider, CHAT, hello()).await["id"]);
}

#[tokio::test]
async fn gives_as_many_choices_as_asked_for() {
    let answer = json(&provider(), CHAT, with(hello(), "n", json!(3))).await;
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["choices"][2]["index"], 2);
    assert_eq!(answer["usage"]["completion_tokens"], 12);
}

#[tokio::test]
async fn stops_at_the_limit_of_tokens() {
    for limit in ["max_tokens", "max_completion_tokens"] {
        let answer = json(&provider(), CHAT, with(hello(), limit, json!(2))).await;
        assert_eq!(answer["choices"][0]["message"]["content"], "You said:");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], 2);
    }
}

#[tokio::test]
async fn calls_the_first_tool_with_arguments_after_its_schema() {
    let answer = json(&provider(), CHAT, weather()).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "get_weather");
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({ "city": "text", "unit": "celsius", "days": 2, "at": { "lat": 1.5 } }));
}

#[tokio::test]
async fn tells_what_a_tool_returned() {
    let mut request = weather();
    let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "sunny" });
    request["messages"].as_array_mut().unwrap().push(result);
    let answer = json(&provider(), CHAT, request).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "The tool said: sunny");
}

#[tokio::test]
async fn calls_no_tool_if_told_so() {
    let answer = json(&provider(), CHAT, with(weather(), "tool_choice", json!("none"))).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn finishes_a_forced_call_with_stop() {
    let choice = json!({ "type": "function", "function": { "name": "get_weather" } });
    let answer = json(&provider(), CHAT, with(weather(), "tool_choice", choice)).await;
    assert_eq!(answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().len(), 1);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn follows_a_schema_of_the_answer() {
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": schema } });
    let answer = json(&provider(), CHAT, with(hello(), "response_format", format)).await;
    assert_eq!(answer["choices"][0]["message"]["content"], r#"{"ok":true}"#);
}

#[tokio::test]
async fn refuses() {
    let provider = provider();
    provider.enqueue(Answer::refusal("I cannot."));
    let answer = json(&provider, CHAT, hello()).await;
    assert_eq!(answer["choices"][0]["message"]["refusal"], "I cannot.");
    assert_eq!(answer["choices"][0]["message"]["content"], Value::Null);
}

#[tokio::test]
async fn streams_a_word_in_each_chunk() {
    let chunks = chunks(&provider(), with(hello(), "stream", json!(true))).await;
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({ "role": "assistant", "content": "", "refusal": null })
    );
    let deltas = chunks.iter().map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap_or(""));
    assert_eq!(deltas.collect::<Vec<_>>(), ["", "You", " said:", " Hello", " there", ""]);
    assert_eq!(chunks[5]["choices"][0]["finish_reason"], "stop");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[tokio::test]
async fn streams_usage_in_a_last_chunk_without_choices() {
    let mut request = with(hello(), "stream", json!(true));
    request["stream_options"] = json!({ "include_usage": true });
    let chunks = chunks(&provider(), request).await;
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 7);
    assert!(others.iter().all(|chunk| chunk["usage"] == Value::Null && chunk.get("usage").is_some()));
}

#[tokio::test]
async fn streams_parallel_tool_calls_by_index() {
    let provider = provider();
    provider.enqueue(Answer::tool_calls([("one", r#"{"a":"first"}"#), ("two", "")]));
    let chunks = chunks(&provider, with(hello(), "stream", json!(true))).await;
    let calls: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
    let arguments = calls.iter().filter(|call| call["index"] == 0);
    let arguments: String = arguments.filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, r#"{"a":"first"}"#);
    let names: Vec<_> = calls.iter().filter_map(|call| call["function"]["name"].as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn streams_a_refusal_as_one() {
    let provider = provider();
    provider.enqueue(Answer::refusal("I cannot."));
    let chunks = chunks(&provider, with(hello(), "stream", json!(true))).await;
    let words = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["refusal"].as_str());
    assert_eq!(words.collect::<String>(), "I cannot.");
}

#[tokio::test]
async fn streams_choices_by_index() {
    let mut request = with(hello(), "stream", json!(true));
    request["n"] = json!(2);
    let chunks = chunks(&provider(), request).await;
    let second = chunks.iter().filter(|chunk| chunk["choices"][0]["index"] == 1);
    assert_eq!(second.count(), 6);
}
