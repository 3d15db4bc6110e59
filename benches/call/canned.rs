//! What the provider answers: as long as OpenAI's answers are, and the same in every run.

/// The words of every answer.
const WORDS: [&str; 8] = [" the", " quick", " brown", " fox", " jumps", " over", " one", " lazy"];

pub(crate) const MODEL: &str = "gpt-4o-mini";
pub(crate) const SYSTEM: &str = "You answer in one paragraph and name your sources.";
pub(crate) const KEY: &str = "sk-not-a-key";

/// What is asked: about 1 KB.
pub(crate) fn prompt() -> String {
    "Explain why the sky is blue, and what changes at sunset. ".repeat(18)
}

/// The text of an answer of this many words.
pub(crate) fn text(words: usize) -> String {
    (0..words).map(|index| WORDS[index % WORDS.len()]).collect()
}

/// How many words the whole answer has; its body is about 2 KB.
pub(crate) const WHOLE_WORDS: usize = 230;

/// The body of a request, for the client that writes none by itself.
pub(crate) fn request(is_stream: bool) -> Vec<u8> {
    let mut body = serde_json::json!({
        "model": MODEL,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt()}],
        "temperature": 0.2,
        "max_tokens": 800,
    });
    if is_stream {
        body["stream"] = true.into();
        body["stream_options"] = serde_json::json!({"include_usage": true});
    }
    body.to_string().into_bytes()
}

/// An answer in one piece, head and all.
pub(crate) fn whole() -> Vec<u8> {
    let body = format!(
        r#"{{
  "id": "chatcmpl-CeXkZ3m0hQ1wq8n2Vb5t7Yp4Ld9Rg",
  "object": "chat.completion",
  "created": 1761000000,
  "model": "gpt-4o-mini-2024-07-18",
  "choices": [
    {{
      "index": 0,
      "message": {{
        "role": "assistant",
        "content": "{}",
        "refusal": null,
        "annotations": []
      }},
      "logprobs": null,
      "finish_reason": "stop"
    }}
  ],
  "usage": {USAGE},
  "service_tier": "default",
  "system_fingerprint": "fp_560af6e559"
}}
"#,
        text(WHOLE_WORDS)
    );
    let mut answer = head("application/json", &format!("content-length: {}", body.len()));
    answer.extend_from_slice(body.as_bytes());
    answer
}

/// An answer of this many pieces of text, each an event of about 300 bytes and an HTTP chunk.
pub(crate) fn stream(pieces: usize) -> Vec<u8> {
    let mut answer = head("text/event-stream; charset=utf-8", "transfer-encoding: chunked");
    let mut event = |choices: &str, usage: &str, padding: usize| {
        let data = format!(
            r#"data: {{"id":"chatcmpl-CeXkZ3m0hQ1wq8n2Vb5t7Yp4Ld9Rg","object":"chat.completion.chunk","created":1761000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559","choices":{choices},"usage":{usage},"obfuscation":"{}"}}"#,
            &"aB3xk9Qz7LpW"[..padding]
        );
        chunk(&mut answer, &data);
    };
    let choice = |delta: &str, reason: &str| {
        format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}]"#)
    };
    event(&choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null"), "null", 4);
    for index in 0..pieces {
        let delta = format!(r#"{{"content":"{}"}}"#, WORDS[index % WORDS.len()]);
        event(&choice(&delta, "null"), "null", 4 + index % 8);
    }
    event(&choice("{}", r#""stop""#), "null", 4);
    event("[]", USAGE, 4);
    chunk(&mut answer, "data: [DONE]");
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

const USAGE: &str = r#"{"prompt_tokens":271,"completion_tokens":230,"total_tokens":501,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#;

fn chunk(answer: &mut Vec<u8>, event: &str) {
    answer.extend_from_slice(format!("{:x}\r\n{event}\n\n\r\n", event.len() + 2).as_bytes());
}

fn head(content_type: &str, framing: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ndate: Mon, 20 Oct 2025 22:40:00 GMT\r\ncontent-type: {content_type}\r\n{framing}\r\n\
         openai-processing-ms: 612\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n\
         x-ratelimit-remaining-requests: 9999\r\nx-request-id: req_8f1b2c3d4e5f60718293a4b5c6d7e8f9\r\n\
         server: cloudflare\r\n\r\n"
    )
    .into_bytes()
}
