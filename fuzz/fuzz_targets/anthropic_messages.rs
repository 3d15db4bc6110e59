#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use tracing_genai::provider::Api;

fuzz_target!(|data: &[u8]| tracing_genai_fuzz::chat_api(Api::AnthropicMessages, data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    tracing_genai_fuzz::mutate(data, size, max_size, seed)
});
