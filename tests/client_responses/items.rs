//! Items out and back.

use super::{MODEL, client, items, thinking, whole};
use serde_json::{Value, json};
use tracing_genai::{
    record::{Message, Part, Role, ToolDefinition},
    testing::{Answer, FakeProvider},
};

#[tokio::test]
async fn a_conversation_hands_everything_back_as_it_came() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider);
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let ask = || {
        let tool = ToolDefinition::function("get_weather", "The weather", schema.clone());
        client.responses(MODEL).tool(tool).max_output_tokens(500).option("store", false)
    };
    provider.enqueue(whole(&thinking()));
    let mut input = vec![
        json!({ "role": "developer", "content": "Be brief." }),
        json!({ "role": "user", "content": "Do I need a coat in Lisbon?" }),
    ];
    let first = ask().items(input.clone()).await.unwrap();
    assert_eq!(items(&first), thinking());
    assert_eq!(first.text(), "Let me see.");
    let call = first.tool_calls()[0];
    assert_eq!((call.id.as_deref(), call.item_id.as_deref()), (Some("call_1"), Some("fc_1")));
    assert_eq!(first.usage().reasoning_output_tokens, Some(14));

    input.extend(first.output_items().iter().map(Value::from));
    input.push(json!({ "type": "function_call_output", "call_id": "call_1", "output": "18 degrees" }));
    let second = ask().items(input.clone()).await.unwrap();
    assert_eq!(second.output_items().len(), 1);

    let requests = provider.requests();
    assert!(requests.iter().all(|request| request.route().ends_with("/responses")));
    let body = requests[1].json();
    assert_eq!(body["input"], Value::Array(input));
    assert_eq!(body["max_output_tokens"], 500);
    assert_eq!(body["store"], false);
    assert_eq!(body["tools"][0]["name"], "get_weather");
}

#[tokio::test]
async fn items_and_messages_go_out_in_the_order_in_which_they_are_given() {
    let provider = FakeProvider::start().unwrap();
    let reasoning = thinking()[0].clone();
    let call =
        client(&provider).responses(MODEL).developer("Be brief.").user("Weather?").item(reasoning.clone());
    let call = call.items([thinking()[2].clone()]).tool_result("call_1", "18").user("And tomorrow?");
    call.await.unwrap();
    let input = provider.requests()[0].json()["input"].clone();
    assert_eq!(
        input,
        json!([
            { "type": "message", "role": "developer", "content": "Be brief." },
            { "type": "message", "role": "user", "content": "Weather?" },
            reasoning,
            thinking()[2],
            { "type": "function_call_output", "call_id": "call_1", "output": "18" },
            { "type": "message", "role": "user", "content": "And tomorrow?" },
        ])
    );
}

#[tokio::test]
async fn what_is_new_is_enough_where_the_api_keeps_the_rest() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).responses(MODEL).previous_response("resp_1");
    call.item(json!({ "type": "function_call_output", "call_id": "call_1", "output": "18" })).await.unwrap();
    let body = provider.requests()[0].json();
    assert_eq!(body["previous_response_id"], "resp_1");
    assert_eq!(body["input"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_answer_to_a_custom_tool_is_one_after_its_item_too() {
    let provider = FakeProvider::start().unwrap();
    let item = json!({ "type": "custom_tool_call", "call_id": "call_9", "name": "sql", "input": "select 1" });
    client(&provider).responses(MODEL).user("Count.").item(item).tool_result("call_9", "1").await.unwrap();
    assert_eq!(provider.requests()[0].json()["input"][2]["type"], "custom_tool_call_output");
}

#[tokio::test]
async fn variables_are_put_into_messages_and_not_into_items() {
    let provider = FakeProvider::start().unwrap();
    let call = client(&provider).responses(MODEL).user("Hi {{name}}").variables([("name", "Ada")]);
    call.item(json!({ "role": "user", "content": "{{name}}" })).await.unwrap();
    let input = provider.requests()[0].json()["input"].clone();
    assert_eq!(input[0]["content"], "Hi Ada");
    assert_eq!(input[1]["content"], "{{name}}");
}

#[tokio::test]
async fn answers_of_other_apis_have_no_items() {
    let provider = FakeProvider::start().unwrap();
    let reply = client(&provider).chat("gpt-4o").user("Hi").await.unwrap();
    assert!(reply.output_items().is_empty());
    let reply = client(&provider).chat("gpt-4o").responses().user("Hi").await.unwrap();
    assert_eq!(reply.output_items()[0].to_value()["content"][0]["text"], reply.text());
}

#[tokio::test]
async fn what_a_message_says_in_parts_of_its_own_is_no_item() {
    let provider = FakeProvider::start().unwrap();
    provider.enqueue(Answer::text("Hm."));
    let part =
        Part::Other { kind: "input_text".to_owned(), value: json!({ "type": "input_text", "text": "Hi" }) };
    client(&provider).responses(MODEL).message(Message::new(Role::User, vec![part])).await.unwrap();
    assert_eq!(provider.requests()[0].json()["input"][0]["content"][0]["text"], "Hi");
}
