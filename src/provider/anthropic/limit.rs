//! How many tokens a model may answer with: the API wants to be told.

/// What a model of which nothing is known is given: no model of Anthropic's writes less.
const LEAST: u64 = 4096;

/// The `max_tokens` that a request gets which sets none, for the API requires one: the model's
/// documented maximum output, 4096 for a model that is not known.
///
/// | Models | Tokens |
/// |---|---|
/// | Claude 3 | 4096 |
/// | Claude 3.5 | 8192 |
/// | Opus 4, 4.1 | 32,000 |
/// | Sonnet 3.7, 4, 4.5, Haiku 4.5, Opus 4.5 | 64,000 |
/// | 4.6 and newer | 128,000 |
///
/// The name may have something before it, such as `us.anthropic.` or `anthropic/`.
///
/// A request that is not streamed gets at most 21,333, and 8192 of Opus 4 and 4.1:
/// [`write_request`](super::write_request) sees to that. So many tokens take the models ten minutes to
/// write, by the same sum as Anthropic's own clients do, and a connection on which nothing moves for so
/// long is cut on the way.
///
/// ```
/// use tracing_genai::provider::anthropic::default_max_tokens;
///
/// assert_eq!(default_max_tokens("claude-sonnet-4-5-20250929"), 64_000);
/// assert_eq!(default_max_tokens("something-else"), 4096);
/// ```
pub fn default_max_tokens(model: &str) -> u64 {
    documented(model).unwrap_or(LEAST)
}

/// The model's documented maximum output.
pub(super) fn documented(model: &str) -> Option<u64> {
    Some(match version(model)? {
        (_, (3, 7)) => 64_000,
        (_, (3, 5)) => 8192,
        (_, (3, _)) => 4096,
        ("opus", (4, 0 | 1)) => 32_000,
        (_, (4, 0..=5)) => 64_000,
        (_, (4.., _)) => 128_000,
        _ => return None,
    })
}

/// The most that is asked of this model in one piece, without anybody having said how much.
pub(super) fn in_one_piece(model: &str) -> u64 {
    match version(model) {
        Some(("opus", (4, 0 | 1))) => 8192,
        // Ten minutes of a model that takes an hour for 128,000.
        _ => 128_000 / 6,
    }
}

/// The family and version in a name: `claude-3-5-haiku-20241022`, `claude-opus-4-1@20250805`.
fn version(model: &str) -> Option<(&str, (u32, u32))> {
    let (_, name) = model.split_once("claude-")?;
    let mut words = name.split(|character: char| !character.is_ascii_alphanumeric()).peekable();
    // The family came after the version once. A date is no version.
    let small = |word: &&str| word.len() <= 2;
    let number = |word: &str| word.parse::<u32>().ok();
    let first = words.next()?;
    let (family, major) = match number(first) {
        Some(major) => (None, major),
        None => (Some(first), words.next().filter(small).and_then(number)?),
    };
    let minor = words.peek().copied().filter(small).and_then(number);
    let family = family.or_else(|| words.find(|word| ["opus", "sonnet", "haiku"].contains(word)))?;
    Some((family, (major, minor.unwrap_or(0))))
}
