//! Property names of PostHog's LLM analytics, as its
//! [documentation of manual capture](https://posthog.com/docs/llm-analytics/manual-capture) and its ingestion have
//! them; the doc of each name gives its type.

/// `$ai_agent_name`, string.
pub const AI_AGENT_NAME: &str = "$ai_agent_name";
/// `$ai_audio_input_tokens`, int.
pub const AI_AUDIO_INPUT_TOKENS: &str = "$ai_audio_input_tokens";
/// `$ai_audio_output_tokens`, int.
pub const AI_AUDIO_OUTPUT_TOKENS: &str = "$ai_audio_output_tokens";
/// `$ai_base_url`, string.
pub const AI_BASE_URL: &str = "$ai_base_url";
/// `$ai_cache_creation_1h_input_tokens`, int.
pub const AI_CACHE_CREATION_1H_INPUT_TOKENS: &str = "$ai_cache_creation_1h_input_tokens";
/// `$ai_cache_creation_5m_input_tokens`, int.
pub const AI_CACHE_CREATION_5M_INPUT_TOKENS: &str = "$ai_cache_creation_5m_input_tokens";
/// `$ai_cache_creation_input_tokens`, int.
pub const AI_CACHE_CREATION_INPUT_TOKENS: &str = "$ai_cache_creation_input_tokens";
/// `$ai_cache_read_audio_tokens`, int.
pub const AI_CACHE_READ_AUDIO_TOKENS: &str = "$ai_cache_read_audio_tokens";
/// `$ai_cache_read_input_tokens`, int.
pub const AI_CACHE_READ_INPUT_TOKENS: &str = "$ai_cache_read_input_tokens";
/// `$ai_cache_reporting_exclusive`, boolean: whether the input tokens leave the cached ones out.
pub const AI_CACHE_REPORTING_EXCLUSIVE: &str = "$ai_cache_reporting_exclusive";
/// `$ai_completion_id`, string.
pub const AI_COMPLETION_ID: &str = "$ai_completion_id";
/// `$ai_cost_passthrough`, boolean: the total cost that was sent is kept.
pub const AI_COST_PASSTHROUGH: &str = "$ai_cost_passthrough";
/// `$ai_error`, string.
pub const AI_ERROR: &str = "$ai_error";
/// `$ai_error_type`, string.
pub const AI_ERROR_TYPE: &str = "$ai_error_type";
/// `$ai_evaluation_name`, string.
pub const AI_EVALUATION_NAME: &str = "$ai_evaluation_name";
/// `$ai_evaluation_reasoning`, string.
pub const AI_EVALUATION_REASONING: &str = "$ai_evaluation_reasoning";
/// `$ai_evaluation_result`, boolean.
pub const AI_EVALUATION_RESULT: &str = "$ai_evaluation_result";
/// `$ai_evaluation_start_time`, string, a time of RFC 3339.
pub const AI_EVALUATION_START_TIME: &str = "$ai_evaluation_start_time";
/// `$ai_feedback_text`, string.
pub const AI_FEEDBACK_TEXT: &str = "$ai_feedback_text";
/// `$ai_http_status`, int.
pub const AI_HTTP_STATUS: &str = "$ai_http_status";
/// `$ai_image_input_tokens`, int.
pub const AI_IMAGE_INPUT_TOKENS: &str = "$ai_image_input_tokens";
/// `$ai_image_output_tokens`, int.
pub const AI_IMAGE_OUTPUT_TOKENS: &str = "$ai_image_output_tokens";
/// `$ai_ingestion_source`, string, which the ingestion sets.
pub const AI_INGESTION_SOURCE: &str = "$ai_ingestion_source";
/// `$ai_input`, a text or a list.
pub const AI_INPUT: &str = "$ai_input";
/// `$ai_input_cost_usd`, double.
pub const AI_INPUT_COST_USD: &str = "$ai_input_cost_usd";
/// `$ai_input_state`, any JSON.
pub const AI_INPUT_STATE: &str = "$ai_input_state";
/// `$ai_input_tokens`, int.
pub const AI_INPUT_TOKENS: &str = "$ai_input_tokens";
/// `$ai_instructions`, string.
pub const AI_INSTRUCTIONS: &str = "$ai_instructions";
/// `$ai_is_error`, boolean.
pub const AI_IS_ERROR: &str = "$ai_is_error";
/// `$ai_latency`, double, in seconds.
pub const AI_LATENCY: &str = "$ai_latency";
/// `$ai_lib`, string.
pub const AI_LIB: &str = "$ai_lib";
/// `$ai_lib_version`, string.
pub const AI_LIB_VERSION: &str = "$ai_lib_version";
/// `$ai_max_tokens`, int.
pub const AI_MAX_TOKENS: &str = "$ai_max_tokens";
/// `$ai_metric_name`, string.
pub const AI_METRIC_NAME: &str = "$ai_metric_name";
/// `$ai_metric_value`, string.
pub const AI_METRIC_VALUE: &str = "$ai_metric_value";
/// `$ai_model`, string.
pub const AI_MODEL: &str = "$ai_model";
/// `$ai_model_parameters`, map.
pub const AI_MODEL_PARAMETERS: &str = "$ai_model_parameters";
/// `$ai_output_choices`, list.
pub const AI_OUTPUT_CHOICES: &str = "$ai_output_choices";
/// `$ai_output_cost_usd`, double.
pub const AI_OUTPUT_COST_USD: &str = "$ai_output_cost_usd";
/// `$ai_output_state`, any JSON.
pub const AI_OUTPUT_STATE: &str = "$ai_output_state";
/// `$ai_output_tokens`, int.
pub const AI_OUTPUT_TOKENS: &str = "$ai_output_tokens";
/// `$ai_parent_id`, string, which the ingestion sets.
pub const AI_PARENT_ID: &str = "$ai_parent_id";
/// `$ai_prompt_name`, string.
pub const AI_PROMPT_NAME: &str = "$ai_prompt_name";
/// `$ai_prompt_version`, string.
pub const AI_PROMPT_VERSION: &str = "$ai_prompt_version";
/// `$ai_provider`, string.
pub const AI_PROVIDER: &str = "$ai_provider";
/// `$ai_provider_metadata`, map.
pub const AI_PROVIDER_METADATA: &str = "$ai_provider_metadata";
/// `$ai_reasoning_tokens`, int.
pub const AI_REASONING_TOKENS: &str = "$ai_reasoning_tokens";
/// `$ai_request_url`, string.
pub const AI_REQUEST_URL: &str = "$ai_request_url";
/// `$ai_session_id`, string.
pub const AI_SESSION_ID: &str = "$ai_session_id";
/// `$ai_span_id`, string, which the ingestion sets.
pub const AI_SPAN_ID: &str = "$ai_span_id";
/// `$ai_span_name`, string.
pub const AI_SPAN_NAME: &str = "$ai_span_name";
/// `$ai_span_type`, string.
pub const AI_SPAN_TYPE: &str = "$ai_span_type";
/// `$ai_stop_reason`, string.
pub const AI_STOP_REASON: &str = "$ai_stop_reason";
/// `$ai_stream`, boolean.
pub const AI_STREAM: &str = "$ai_stream";
/// `$ai_target_id`, string.
pub const AI_TARGET_ID: &str = "$ai_target_id";
/// `$ai_target_type`, string, such as `trace_id`.
pub const AI_TARGET_TYPE: &str = "$ai_target_type";
/// `$ai_temperature`, double.
pub const AI_TEMPERATURE: &str = "$ai_temperature";
/// `$ai_text_input_tokens`, int.
pub const AI_TEXT_INPUT_TOKENS: &str = "$ai_text_input_tokens";
/// `$ai_text_output_tokens`, int.
pub const AI_TEXT_OUTPUT_TOKENS: &str = "$ai_text_output_tokens";
/// `$ai_time_to_first_token`, double, in seconds.
pub const AI_TIME_TO_FIRST_TOKEN: &str = "$ai_time_to_first_token";
/// `$ai_tools`, list.
pub const AI_TOOLS: &str = "$ai_tools";
/// `$ai_total_cost_usd`, double.
pub const AI_TOTAL_COST_USD: &str = "$ai_total_cost_usd";
/// `$ai_total_tokens`, int.
pub const AI_TOTAL_TOKENS: &str = "$ai_total_tokens";
/// `$ai_trace_id`, string, which the ingestion sets.
pub const AI_TRACE_ID: &str = "$ai_trace_id";
/// `$ai_usage`, map: the provider's own counts.
pub const AI_USAGE: &str = "$ai_usage";
/// `$lib`, string.
pub const LIB: &str = "$lib";
/// `$lib_version`, string.
pub const LIB_VERSION: &str = "$lib_version";
/// `$process_person_profile`, boolean.
pub const PROCESS_PERSON_PROFILE: &str = "$process_person_profile";
/// `posthog.distinct_id`, string: whose event it is.
pub const POSTHOG_DISTINCT_ID: &str = "posthog.distinct_id";
