use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an operation belongs to: whose it is, which session and conversation it is part of. Set by a
/// [scope](crate::context::scope) that the operation ran in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Marks {
    /// The end user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the user's session with the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The id of the conversation with the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The name of the prompt template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_name: Option<String>,
    /// The version of the prompt template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_version: Option<String>,
    /// Tags, each once, those of outer scopes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Further attributes by key: texts, numbers and booleans.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl Marks {
    /// These, and where they are silent those of `outer`; the tags of both.
    pub(crate) fn over(mut self, outer: &Self) -> Self {
        let take = |own: &mut Option<String>, outer: &Option<String>| {
            if own.is_none() {
                own.clone_from(outer);
            }
        };
        take(&mut self.user, &outer.user);
        take(&mut self.session, &outer.session);
        take(&mut self.conversation, &outer.conversation);
        // A version is one of its name and of no other.
        if self.prompt_name.is_none() {
            self.prompt_name.clone_from(&outer.prompt_name);
            self.prompt_version.clone_from(&outer.prompt_version);
        }
        for (key, value) in &outer.attributes {
            if !self.attributes.contains_key(key) {
                self.attributes.insert(key.clone(), value.clone());
            }
        }
        let mut tags = outer.tags.clone();
        tags.extend(self.tags.into_iter().filter(|tag| !outer.tags.contains(tag)));
        self.tags = tags;
        self
    }
}
