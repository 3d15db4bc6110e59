//! Amazon Bedrock `InvokeModel` and `InvokeModelWithResponseStream`: each family of models has its own format.
//!
//! Which one a body is in its shape tells, not the model's name, which an ARN hides. Claude's messages are
//! read by [`anthropic`](crate::provider::anthropic), and what is shaped like OpenAI's chat completions (AI21
//! Jamba, Mistral's newer models, endpoints of one's own) by [`openai::chat`](crate::provider::openai::chat).

mod answer;
mod chat;
mod chunk;
mod nova;
mod plain;
mod prompt;
mod request;
mod response;
mod stream;

pub use request::read_request;
pub use response::read_response;
pub use stream::StreamReader;
