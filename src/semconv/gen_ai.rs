//! Attribute names of the GenAI conventions, and the few stable ones that their spans borrow.
//!
//! From `open-telemetry/semantic-conventions-genai` at commit
//! [`6fd0d76`](https://github.com/open-telemetry/semantic-conventions-genai/commit/6fd0d76) (2026-10-09). All of `gen_ai.*`, `openai.*` and `aws.bedrock.*` has the
//! stability *development* there; the doc of each name gives its type.

/// The commit of the conventions that these names follow.
pub const COMMIT: &str = "6fd0d76";
/// The schema URL of those conventions, written on our instrumentation scope.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";

/// `aws.bedrock.guardrail.id`, string.
pub const AWS_BEDROCK_GUARDRAIL_ID: &str = "aws.bedrock.guardrail.id";
/// `aws.bedrock.knowledge_base.id`, string.
pub const AWS_BEDROCK_KNOWLEDGE_BASE_ID: &str = "aws.bedrock.knowledge_base.id";
/// `gen_ai.agent.description`, string.
pub const GEN_AI_AGENT_DESCRIPTION: &str = "gen_ai.agent.description";
/// `gen_ai.agent.id`, string.
pub const GEN_AI_AGENT_ID: &str = "gen_ai.agent.id";
/// `gen_ai.agent.name`, string.
pub const GEN_AI_AGENT_NAME: &str = "gen_ai.agent.name";
/// `gen_ai.agent.version`, string.
pub const GEN_AI_AGENT_VERSION: &str = "gen_ai.agent.version";
/// `gen_ai.conversation.compacted`, boolean.
pub const GEN_AI_CONVERSATION_COMPACTED: &str = "gen_ai.conversation.compacted";
/// `gen_ai.conversation.id`, string.
pub const GEN_AI_CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// `gen_ai.data_source.id`, string.
pub const GEN_AI_DATA_SOURCE_ID: &str = "gen_ai.data_source.id";
/// `gen_ai.embeddings.dimension.count`, int.
pub const GEN_AI_EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
/// `gen_ai.evaluation.explanation`, string.
pub const GEN_AI_EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";
/// `gen_ai.evaluation.name`, string.
pub const GEN_AI_EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// `gen_ai.evaluation.result`, the name of an event.
pub const GEN_AI_EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
/// `gen_ai.evaluation.score.label`, string.
pub const GEN_AI_EVALUATION_SCORE_LABEL: &str = "gen_ai.evaluation.score.label";
/// `gen_ai.evaluation.score.value`, double.
pub const GEN_AI_EVALUATION_SCORE_VALUE: &str = "gen_ai.evaluation.score.value";
/// `gen_ai.input.messages`, JSON, as a string on spans.
pub const GEN_AI_INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// `gen_ai.main_agent.description`, string.
pub const GEN_AI_MAIN_AGENT_DESCRIPTION: &str = "gen_ai.main_agent.description";
/// `gen_ai.main_agent.id`, string.
pub const GEN_AI_MAIN_AGENT_ID: &str = "gen_ai.main_agent.id";
/// `gen_ai.main_agent.name`, string.
pub const GEN_AI_MAIN_AGENT_NAME: &str = "gen_ai.main_agent.name";
/// `gen_ai.memory.query.text`, string.
pub const GEN_AI_MEMORY_QUERY_TEXT: &str = "gen_ai.memory.query.text";
/// `gen_ai.memory.record.count`, int.
pub const GEN_AI_MEMORY_RECORD_COUNT: &str = "gen_ai.memory.record.count";
/// `gen_ai.memory.record.id`, string.
pub const GEN_AI_MEMORY_RECORD_ID: &str = "gen_ai.memory.record.id";
/// `gen_ai.memory.records`, JSON, as a string on spans.
pub const GEN_AI_MEMORY_RECORDS: &str = "gen_ai.memory.records";
/// `gen_ai.memory.store.id`, string.
pub const GEN_AI_MEMORY_STORE_ID: &str = "gen_ai.memory.store.id";
/// `gen_ai.operation.name`, string.
pub const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
/// `gen_ai.output.messages`, JSON, as a string on spans.
pub const GEN_AI_OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// `gen_ai.output.type`, string.
pub const GEN_AI_OUTPUT_TYPE: &str = "gen_ai.output.type";
/// `gen_ai.prompt.name`, string.
pub const GEN_AI_PROMPT_NAME: &str = "gen_ai.prompt.name";
/// `gen_ai.prompt.variable`, prefix of a name; string.
pub const GEN_AI_PROMPT_VARIABLE: &str = "gen_ai.prompt.variable";
/// `gen_ai.prompt.version`, string.
pub const GEN_AI_PROMPT_VERSION: &str = "gen_ai.prompt.version";
/// `gen_ai.provider.name`, string.
pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
/// `gen_ai.request.choice.count`, int.
pub const GEN_AI_REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
/// `gen_ai.request.encoding_formats`, array of strings.
pub const GEN_AI_REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
/// `gen_ai.request.frequency_penalty`, double.
pub const GEN_AI_REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// `gen_ai.request.max_tokens`, int.
pub const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// `gen_ai.request.model`, string.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// `gen_ai.request.presence_penalty`, double.
pub const GEN_AI_REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// `gen_ai.request.previous_response.id`, string.
pub const GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID: &str = "gen_ai.request.previous_response.id";
/// `gen_ai.request.reasoning.level`, string.
pub const GEN_AI_REQUEST_REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
/// `gen_ai.request.seed`, int.
pub const GEN_AI_REQUEST_SEED: &str = "gen_ai.request.seed";
/// `gen_ai.request.stop_sequences`, array of strings.
pub const GEN_AI_REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// `gen_ai.request.stream`, boolean.
pub const GEN_AI_REQUEST_STREAM: &str = "gen_ai.request.stream";
/// `gen_ai.request.stream_cursor`, string.
pub const GEN_AI_REQUEST_STREAM_CURSOR: &str = "gen_ai.request.stream_cursor";
/// `gen_ai.request.temperature`, double.
pub const GEN_AI_REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// `gen_ai.request.top_k`, int.
pub const GEN_AI_REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// `gen_ai.request.top_p`, double.
pub const GEN_AI_REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// `gen_ai.response.finish_reasons`, array of strings.
pub const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// `gen_ai.response.id`, string.
pub const GEN_AI_RESPONSE_ID: &str = "gen_ai.response.id";
/// `gen_ai.response.model`, string.
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
/// `gen_ai.response.status`, string.
pub const GEN_AI_RESPONSE_STATUS: &str = "gen_ai.response.status";
/// `gen_ai.response.time_to_first_chunk`, double.
pub const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// `gen_ai.retrieval.documents`, JSON, as a string on spans.
pub const GEN_AI_RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
/// `gen_ai.retrieval.query.text`, string.
pub const GEN_AI_RETRIEVAL_QUERY_TEXT: &str = "gen_ai.retrieval.query.text";
/// `gen_ai.retrieval.top_k`, int.
pub const GEN_AI_RETRIEVAL_TOP_K: &str = "gen_ai.retrieval.top_k";
/// `gen_ai.skill.description`, string.
pub const GEN_AI_SKILL_DESCRIPTION: &str = "gen_ai.skill.description";
/// `gen_ai.skill.name`, string.
pub const GEN_AI_SKILL_NAME: &str = "gen_ai.skill.name";
/// `gen_ai.skill.resource.name`, string.
pub const GEN_AI_SKILL_RESOURCE_NAME: &str = "gen_ai.skill.resource.name";
/// `gen_ai.skill.source.uri`, string.
pub const GEN_AI_SKILL_SOURCE_URI: &str = "gen_ai.skill.source.uri";
/// `gen_ai.system_instructions`, JSON, as a string on spans.
pub const GEN_AI_SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// `gen_ai.token.modality`, string.
pub const GEN_AI_TOKEN_MODALITY: &str = "gen_ai.token.modality";
/// `gen_ai.tool.call.arguments`, JSON, as a string on spans.
pub const GEN_AI_TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// `gen_ai.tool.call.id`, string.
pub const GEN_AI_TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// `gen_ai.tool.call.result`, JSON, as a string on spans.
pub const GEN_AI_TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// `gen_ai.tool.definitions`, JSON, as a string on spans.
pub const GEN_AI_TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
/// `gen_ai.tool.description`, string.
pub const GEN_AI_TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
/// `gen_ai.tool.name`, string.
pub const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
/// `gen_ai.tool.type`, string.
pub const GEN_AI_TOOL_TYPE: &str = "gen_ai.tool.type";
/// `gen_ai.usage.audio.cache_read.input_tokens`, int.
pub const GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.audio.cache_read.input_tokens";
/// `gen_ai.usage.audio.input_tokens`, int.
pub const GEN_AI_USAGE_AUDIO_INPUT_TOKENS: &str = "gen_ai.usage.audio.input_tokens";
/// `gen_ai.usage.audio.output_tokens`, int.
pub const GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS: &str = "gen_ai.usage.audio.output_tokens";
/// `gen_ai.usage.cache_read.input_tokens`, int.
pub const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// `gen_ai.usage.cache_write.input_tokens`, int.
pub const GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
/// `gen_ai.usage.image.cache_read.input_tokens`, int.
pub const GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.image.cache_read.input_tokens";
/// `gen_ai.usage.image.input_tokens`, int.
pub const GEN_AI_USAGE_IMAGE_INPUT_TOKENS: &str = "gen_ai.usage.image.input_tokens";
/// `gen_ai.usage.image.output_tokens`, int.
pub const GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.image.output_tokens";
/// `gen_ai.usage.input_tokens`, int.
pub const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// `gen_ai.usage.output_tokens`, int.
pub const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// `gen_ai.usage.reasoning.output_tokens`, int.
pub const GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// `gen_ai.usage.text.cache_read.input_tokens`, int.
pub const GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.text.cache_read.input_tokens";
/// `gen_ai.usage.text.input_tokens`, int.
pub const GEN_AI_USAGE_TEXT_INPUT_TOKENS: &str = "gen_ai.usage.text.input_tokens";
/// `gen_ai.usage.text.output_tokens`, int.
pub const GEN_AI_USAGE_TEXT_OUTPUT_TOKENS: &str = "gen_ai.usage.text.output_tokens";
/// `gen_ai.workflow.name`, string.
pub const GEN_AI_WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// `openai.api.type`, string.
pub const OPENAI_API_TYPE: &str = "openai.api.type";
/// `openai.request.service_tier`, string.
pub const OPENAI_REQUEST_SERVICE_TIER: &str = "openai.request.service_tier";
/// `openai.response.service_tier`, string.
pub const OPENAI_RESPONSE_SERVICE_TIER: &str = "openai.response.service_tier";
/// `openai.response.system_fingerprint`, string.
pub const OPENAI_RESPONSE_SYSTEM_FINGERPRINT: &str = "openai.response.system_fingerprint";
/// `error.type`, string.
pub const ERROR_TYPE: &str = "error.type";
/// `server.address`, string.
pub const SERVER_ADDRESS: &str = "server.address";
/// `server.port`, int.
pub const SERVER_PORT: &str = "server.port";
/// `session.id`, string, of the general conventions' registry.
pub const SESSION_ID: &str = "session.id";
/// `user.id`, string, of the general conventions' registry.
pub const USER_ID: &str = "user.id";
