//! Whose model it is: what Converse has no field for goes to each family in its own words.

/// A family of models, by the words it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Anthropic,
    Nova,
    /// The second generation of Nova, which reasons.
    Nova2,
    Mistral,
    Other,
    /// Behind the ARN of an application's inference profile, of provisioned throughput or of a prompt.
    Hidden,
}

impl Family {
    /// The family of the model with this id or ARN.
    pub(super) fn of(model: Option<&str>) -> Self {
        let model = model.unwrap_or_default();
        let last = model.rsplit('/').next().unwrap_or_default();
        if model.contains("anthropic.") || model.contains("claude") {
            Self::Anthropic
        } else if model.contains("nova-2") {
            Self::Nova2
        } else if model.contains("nova-") {
            Self::Nova
        } else if model.contains("mistral.") {
            Self::Mistral
        // The id of a model or of Amazon's own profile has its maker's name before a dot.
        } else if model.is_empty() || model.starts_with("arn:") && !last.contains('.') {
            Self::Hidden
        } else {
            Self::Other
        }
    }

    pub(super) fn is_nova(self) -> bool {
        matches!(self, Self::Nova | Self::Nova2)
    }
}
