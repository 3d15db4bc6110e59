//! What clients take for the addresses of the real ones.

use super::FakeProvider;

impl FakeProvider {
    /// For `https://api.openai.com/v1`: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        self.url("/v1")
    }

    /// For `https://RESOURCE.openai.azure.com`: `http://127.0.0.1:PORT/azure`, to which a client adds
    /// `/openai/deployments/…`.
    pub fn azure_url(&self) -> String {
        self.url("/azure")
    }

    /// For `https://api.anthropic.com`: `http://127.0.0.1:PORT/anthropic`, to which a client adds
    /// `/v1/messages`.
    pub fn anthropic_url(&self) -> String {
        self.url("/anthropic")
    }

    /// For `https://generativelanguage.googleapis.com`: `http://127.0.0.1:PORT/google`, to which a
    /// client adds `/v1beta/models/…`.
    pub fn google_url(&self) -> String {
        self.url("/google")
    }

    /// For `https://REGION-aiplatform.googleapis.com`: `http://127.0.0.1:PORT/vertex`, to which a
    /// client adds `/v1/projects/…`.
    pub fn vertex_url(&self) -> String {
        self.url("/vertex")
    }

    /// For `https://api.voyageai.com/v1`: `http://127.0.0.1:PORT/voyage/v1`.
    pub fn voyage_url(&self) -> String {
        self.url("/voyage/v1")
    }

    /// For `https://bedrock-runtime.REGION.amazonaws.com`: `http://127.0.0.1:PORT/bedrock`, to which a
    /// client adds `/model/…`. It wants a signature or a token, and takes any.
    pub fn bedrock_url(&self) -> String {
        self.url("/bedrock")
    }

    /// For `https://api.mistral.ai/v1`: `http://127.0.0.1:PORT/mistral/v1`.
    pub fn mistral_url(&self) -> String {
        self.url("/mistral/v1")
    }

    /// For `https://api.cohere.ai/compatibility/v1`:
    /// `http://127.0.0.1:PORT/cohere/compatibility/v1`.
    pub fn cohere_url(&self) -> String {
        self.url("/cohere/compatibility/v1")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }
}
