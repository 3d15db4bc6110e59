use super::redaction::Redaction;
use crate::{
    diagnosis::{self, Finding},
    record::{ErrorInfo, ErrorKind, Operation},
};
use std::{borrow::Cow, sync::OnceLock};

/// The standard variable that switches content capture, see [`ContentCapture::from_env`].
const VARIABLE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/// Whether prompts, answers, tool arguments and the like are recorded: **off** unless asked for.
///
/// Token counts, models, finish reasons and the other facts about a call are recorded either way;
/// this is about what people and models said.
///
/// ```
/// use tracing_genai::ContentCapture;
///
/// assert!(!ContentCapture::default().is_on());
/// let content = ContentCapture::on().tool_parameters(true);
/// assert!(content.is_on());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentCapture {
    on: bool,
    tool_parameters: bool,
    redaction: Option<Redaction>,
}

impl ContentCapture {
    /// Record no content: the default. Of a provider's words in an error the status has the first 512 bytes, unless they
    /// repeat what was said.
    pub const fn off() -> Self {
        Self { on: false, tool_parameters: false, redaction: None }
    }

    /// Record content: messages, system instructions, tools on offer, tool arguments and results,
    /// queries and documents, memories, comments of users and reasons of judges, and the whole of what a
    /// provider says in an error. Without content a span's status has 512 bytes of that, and none if they repeat
    /// what was said.
    pub const fn on() -> Self {
        Self { on: true, tool_parameters: false, redaction: None }
    }

    /// Record descriptions and parameter schemas of the tools on offer too; off by default, since
    /// they are large and the same in each call.
    pub fn tool_parameters(mut self, record: bool) -> Self {
        self.tool_parameters = record;
        self
    }

    /// Gives each text to `redact` first, and records what that gives. It sees what people, models and tools
    /// said, wherever that is recorded: messages, instructions, arguments and results, queries, documents, comments,
    /// and the words of errors, of which there are some with content [off](Self::off) too. Of JSON it sees each text, number and name by itself, of an image or the like the
    /// address or the base64.
    ///
    /// It is called where the span ends, or, for a [destination](crate::export::Destination::content)'s policy, on a
    /// thread of the export, for each text once for each such policy; it must be quick. A text at which it panics is
    /// recorded as `[redaction failed]`. The call itself, and the reply, are not touched.
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use tracing_genai::ContentCapture;
    ///
    /// let content = ContentCapture::on().redact(|text| match text.contains('@') {
    ///     true => Cow::Owned(text.replace('@', " at ")), // or a regex's `replace_all`, which gives such a `Cow`
    ///     false => Cow::Borrowed(text),
    /// });
    /// # drop(content);
    /// ```
    #[must_use]
    pub fn redact(
        mut self,
        redact: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static,
    ) -> Self {
        self.redaction = Some(Redaction::new(redact));
        self
    }

    /// What `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says, in any letter case:
    /// `SPAN_ONLY` and `SPAN_AND_EVENT` record content on spans; `NO_CONTENT` does not, nor does
    /// `EVENT_ONLY`, since content meant for events never falls back to spans. Unset or empty
    /// means [`off`](Self::off).
    ///
    /// # Errors
    /// Any other value, `true` among them, is an error that lists the allowed ones. Where the
    /// crate reads the variable by itself it then records no content and says so once: by an event of the
    /// level WARN, and in [`diagnosis`](crate::diagnosis()).
    pub fn from_env() -> Result<Self, crate::Error> {
        match std::env::var(VARIABLE) {
            Ok(value) => Self::parse(&value),
            Err(_) => Ok(Self::off()),
        }
    }

    /// The policy of the environment, read once; [`off`](Self::off) with a warning where it cannot
    /// be read.
    pub(crate) fn from_env_or_off() -> Self {
        static POLICY: OnceLock<ContentCapture> = OnceLock::new();
        let read = || {
            Self::from_env().unwrap_or_else(|error| {
                // Perhaps there is no subscriber yet that takes the event.
                diagnosis::note(Finding::ContentVariableUnreadable);
                tracing::warn!(target: "tracing_genai", "{error}; no content is recorded");
                Self::off()
            })
        };
        POLICY.get_or_init(read).clone()
    }

    /// Whether any content is recorded.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Whether tools on offer are recorded with descriptions and parameters.
    pub(crate) const fn has_tool_parameters(&self) -> bool {
        self.tool_parameters
    }

    /// What redacts what is recorded, if anything does: the words of errors where content is off.
    pub(crate) fn redaction(&self) -> Option<&Redaction> {
        self.redaction.as_ref()
    }

    /// The operation with what may be recorded of its texts.
    pub(crate) fn redacted<'a>(&self, operation: &'a Operation) -> Cow<'a, Operation> {
        match self.redaction() {
            Some(redaction) => Cow::Owned(redaction.operation(operation)),
            None => Cow::Borrowed(operation),
        }
    }

    fn parse(value: &str) -> Result<Self, crate::Error> {
        match value.trim().to_ascii_uppercase().as_str() {
            "SPAN_ONLY" | "SPAN_AND_EVENT" => Ok(Self::on()),
            "" | "NO_CONTENT" | "EVENT_ONLY" => Ok(Self::off()),
            _ => Err(ErrorInfo::new(
                ErrorKind::Configuration,
                format!(
                    "{VARIABLE} is {value:?}; it takes NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT"
                ),
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_values_are_read_in_any_letter_case() {
        assert_eq!(ContentCapture::parse("span_only").unwrap(), ContentCapture::on());
        assert_eq!(ContentCapture::parse("Span_And_Event").unwrap(), ContentCapture::on());
        assert_eq!(ContentCapture::parse("NO_CONTENT").unwrap(), ContentCapture::off());
        assert_eq!(ContentCapture::parse("").unwrap(), ContentCapture::off());
    }

    #[test]
    fn content_meant_for_events_never_falls_back_to_spans() {
        assert_eq!(ContentCapture::parse("EVENT_ONLY").unwrap(), ContentCapture::off());
    }

    #[test]
    fn a_boolean_is_refused_with_the_values_it_takes() {
        let error = ContentCapture::parse("true").unwrap_err().to_string();
        assert!(error.contains(VARIABLE) && error.contains("SPAN_ONLY"), "{error}");
    }
}
