//! What spans are given beside the conventions' attributes.

use super::ContentCapture;
use crate::{
    diagnosis::{self, Finding},
    record::{ErrorInfo, ErrorKind},
};
use std::sync::OnceLock;

/// Whether spans carry PostHog's properties, see [`vocabulary::posthog`](crate::vocabulary::posthog).
const VARIABLE: &str = "TRACING_GENAI_POSTHOG_ATTRIBUTES";

/// What spans carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) content: ContentCapture,
    /// Whether they carry what PostHog does not derive from the rest.
    pub(crate) posthog: bool,
}

impl Recording {
    /// What is given, and the environment's word for what is not.
    pub(crate) fn or_env(content: Option<ContentCapture>, posthog: Option<bool>) -> Self {
        Self {
            content: content.unwrap_or_else(ContentCapture::from_env_or_off),
            posthog: posthog.unwrap_or_else(posthog_from_env_or_off),
        }
    }
}

/// What the variable says, read once; off with a warning where it cannot be read.
fn posthog_from_env_or_off() -> bool {
    static POSTHOG: OnceLock<bool> = OnceLock::new();
    *POSTHOG.get_or_init(|| {
        let value = std::env::var(VARIABLE).unwrap_or_default();
        parse(&value).unwrap_or_else(|error| {
            // Perhaps there is no subscriber yet that takes the event.
            diagnosis::note(Finding::PostHogVariableUnreadable);
            tracing::warn!(target: "tracing_genai", "{error}; no properties of PostHog are recorded");
            false
        })
    })
}

fn parse(value: &str) -> Result<bool, crate::Error> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => {
            let message = format!("{VARIABLE} is {value:?}; it takes true or false");
            Err(ErrorInfo::new(ErrorKind::Configuration, message).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boolean_is_read_in_any_letter_case_and_nothing_is_off() {
        for (value, expected) in [
            ("true", true),
            ("TRUE", true),
            ("1", true),
            (" on ", true),
            ("", false),
            ("False", false),
            ("0", false),
        ] {
            assert_eq!(parse(value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn another_value_is_refused_by_the_variables_name() {
        let error = parse("SPAN_ONLY").unwrap_err().to_string();
        assert!(error.contains(VARIABLE) && error.contains("true"), "{error}");
    }
}
