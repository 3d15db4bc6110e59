//! What is told of such a call: one span, with the messages that its items make.

use super::{MODEL, client, events, streamed, thinking, whole};
use serde_json::{Value, json};
use std::time::Duration;
use tracing::instrument::WithSubscriber;
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    testing::{FakeProvider, FakeTracia, OtlpSink},
};
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// A second turn: everything of the first, and the tool's answer.
fn input() -> Vec<Value> {
    let mut input = vec![
        json!({ "role": "developer", "content": "Be brief." }),
        json!({ "role": "user", "content": "Do I need a coat in Lisbon?" }),
    ];
    input.extend(thinking().as_array().unwrap().clone());
    input.push(json!({ "type": "function_call_output", "call_id": "call_1", "output": "18 degrees" }));
    input
}

#[tokio::test]
async fn the_span_and_tracia_have_the_conversation_in_their_own_forms() {
    for is_streamed in [false, true] {
        let (provider, sink, tracia) =
            (FakeProvider::start().unwrap(), OtlpSink::start().unwrap(), FakeTracia::start().unwrap());
        let telemetry = Telemetry::builder()
            .destination(Destination::otlp(sink.endpoint()).content(ContentCapture::on()))
            .destination(
                Destination::tracia(tracia.api_key()).base_url(tracia.url()).content(ContentCapture::on()),
            )
            .build()
            .unwrap();
        provider.enqueue(if is_streamed { events(&streamed(&thinking())) } else { whole(&thinking()) });
        let call = client(&provider).responses(MODEL).items(input()).max_output_tokens(500).user_id("u-7");
        async {
            match is_streamed {
                true => call.stream().await.unwrap().finish().await.unwrap(),
                false => call.await.unwrap(),
            }
        }
        .with_subscriber(Registry::default().with(telemetry.layer()))
        .await;
        let report = telemetry.flush(Duration::from_secs(20)).await.unwrap();
        assert_eq!((report.rejected, report.dropped), (0, 0), "{report:?}");
        assert_eq!(tracia.refusals(), []);

        let [span] = sink.spans().try_into().unwrap_or_else(|spans| panic!("{spans:?}"));
        assert_eq!(span.name, "chat gpt-5-mini");
        assert_eq!(span.attributes["openai.api.type"], "responses");
        assert_eq!(span.attributes["gen_ai.usage.output_tokens"], 21);
        let messages: Value =
            serde_json::from_str(span.attributes["gen_ai.input.messages"].as_str().unwrap()).unwrap();
        let call = json!({
            "type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": { "city": "Lisbon" },
        });
        let said = |content: &str| json!({ "type": "text", "content": content });
        let roles: Vec<_> =
            messages.as_array().unwrap().iter().map(|message| message["role"].clone()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool"]);
        assert_eq!(messages[0]["parts"], json!([said("Be brief.")]));
        let assistant = messages[2]["parts"].as_array().unwrap();
        let thought = json!({ "type": "reasoning", "content": "They want the weather." });
        assert_eq!(assistant[..3], [thought, said("Let me see."), call]);
        assert_eq!(assistant[3]["type"], "dream");
        let answer = json!([{ "type": "tool_call_response", "id": "call_1", "response": "18 degrees" }]);
        assert_eq!(messages[3]["parts"], answer);
        // What only the API can read is in no span.
        assert!(!format!("{span:?}").contains("gAAAAABo"));

        let [told] = tracia.spans().try_into().unwrap_or_else(|spans| panic!("{spans:?}"));
        let mut told: Value = told;
        for differs in ["spanId", "traceId", "latencyMs"] {
            assert!(told.as_object_mut().unwrap().remove(differs).is_some());
        }
        let call = json!({ "id": "call_1", "name": "get_weather", "arguments": { "city": "Lisbon" } });
        let mut part = call.clone();
        part["type"] = json!("tool_call");
        assert_eq!(
            told,
            json!({
                "model": MODEL, "provider": "openai",
                "input": { "messages": [
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": "Do I need a coat in Lisbon?" },
                    { "role": "assistant", "content": [{ "type": "text", "text": "Let me see." }, part] },
                    { "role": "tool", "toolCallId": "call_1", "toolName": "get_weather", "content": "18 degrees" },
                ] },
                "output": "Let me see.", "toolCalls": [call], "variables": null,
                "status": "SUCCESS", "error": null, "maxOutputTokens": 500, "userId": "u-7",
                "inputTokens": 31, "outputTokens": 21, "totalTokens": 52,
            }),
            "streamed: {is_streamed}"
        );
    }
}
