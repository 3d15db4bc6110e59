//! Prompts as Tracia has them, and what makes and changes one.

use super::{Message, read};
use crate::Error;
use serde_json::{Map, Value};

/// A prompt, in whichever of Tracia's forms it came.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Prompt {
    /// Tracia's own id.
    pub id: Option<String>,
    /// The name in addresses.
    pub slug: String,
    /// The name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whose model it is run with, in lower case as spans have it: `openai`, `amazon_bedrock`.
    pub provider: Option<String>,
    /// The model that it is run with.
    pub model: Option<String>,
    /// The settings in the dashboard that it is run with.
    pub model_configuration_id: Option<String>,
    /// The temperature that it is run with.
    pub temperature: Option<f64>,
    /// The top-p that it is run with.
    pub top_p: Option<f64>,
    /// The most tokens that a run may answer with.
    pub max_output_tokens: Option<u64>,
    /// The current version, from 1.
    pub current_version: Option<u64>,
    /// The messages of the current version.
    pub content: Vec<Message>,
    /// The names of the `{{variables}}` in them.
    pub variables: Vec<String>,
    /// Every version, where Tracia sends them.
    pub versions: Vec<PromptVersion>,
    /// When it was made, in RFC 3339.
    pub created_at: Option<String>,
    /// When it was last changed, in RFC 3339.
    pub updated_at: Option<String>,
}

/// A version of a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PromptVersion {
    /// Its number, from 1.
    pub version: Option<u64>,
    /// Its messages.
    pub content: Vec<Message>,
    /// The names of the `{{variables}}` in them.
    pub variables: Vec<String>,
    /// When it was made, in RFC 3339.
    pub created_at: Option<String>,
}

/// A prompt in a list, which has it without its messages.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PromptSummary {
    /// Tracia's own id.
    pub id: Option<String>,
    /// The name in addresses.
    pub slug: String,
    /// The name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whose model it is run with, in lower case as spans have it.
    pub provider: Option<String>,
    /// The model that it is run with.
    pub model: Option<String>,
    /// The current version, from 1.
    pub current_version: Option<u64>,
    /// The names of its `{{variables}}`.
    pub variables: Vec<String>,
    /// When it was made, in RFC 3339.
    pub created_at: Option<String>,
    /// When it was last changed, in RFC 3339.
    pub updated_at: Option<String>,
}

fn messages(sent: &Value) -> Vec<Message> {
    read::list(sent, "content").iter().map(Message::read).collect()
}

impl PromptVersion {
    fn read(sent: &Value) -> Self {
        Self {
            version: read::count(sent, "version"),
            content: messages(sent),
            variables: read::texts(sent, "variables"),
            created_at: read::text(sent, "createdAt"),
        }
    }
}

impl PromptSummary {
    pub(super) fn read(sent: &Value) -> Self {
        Self {
            id: read::text(sent, "id"),
            slug: read::text(sent, "slug").unwrap_or_default(),
            name: read::text(sent, "name"),
            description: read::text(sent, "description"),
            provider: read::text(sent, "provider").map(|provider| provider.to_ascii_lowercase()),
            model: read::text(sent, "model"),
            current_version: read::count(sent, "currentVersion"),
            variables: read::texts(sent, "variables"),
            created_at: read::text(sent, "createdAt"),
            updated_at: read::text(sent, "updatedAt"),
        }
    }
}

impl Prompt {
    pub(super) fn read(sent: &Value) -> Self {
        let head = PromptSummary::read(sent);
        let versions: Vec<_> = read::list(sent, "versions").iter().map(PromptVersion::read).collect();
        let mut prompt = Self {
            id: head.id,
            slug: head.slug,
            name: head.name,
            description: head.description,
            provider: head.provider,
            model: head.model,
            model_configuration_id: read::text(sent, "modelConfigurationId"),
            temperature: read::number(sent, "temperature"),
            top_p: read::number(sent, "topP"),
            max_output_tokens: read::count(sent, "maxOutputTokens"),
            current_version: head.current_version,
            content: messages(sent),
            variables: head.variables,
            versions,
            created_at: head.created_at,
            updated_at: head.updated_at,
        };
        prompt.take_from_versions();
        prompt
    }

    /// One form has the messages in its versions alone.
    fn take_from_versions(&mut self) {
        let current = match self.current_version {
            Some(_) => self.versions.iter().find(|version| version.version == self.current_version),
            None => self.versions.iter().max_by_key(|version| version.version),
        };
        let Some(current) = current.cloned() else { return };
        self.current_version = self.current_version.or(current.version);
        if self.content.is_empty() {
            self.content = current.content;
        }
        if self.variables.is_empty() {
            self.variables = current.variables;
        }
    }
}

/// A prompt to be made, by [`Prompts::create`](super::Prompts::create).
///
/// ```
/// use tracing_genai::tracia::NewPrompt;
///
/// let prompt = NewPrompt::new("Weather report")
///     .slug("weather")
///     .system("You are brief.")
///     .user("What is the weather in {{city}}?");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a prompt is made by `Prompts::create`"]
pub struct NewPrompt {
    fields: Map<String, Value>,
    content: Vec<Message>,
}

impl NewPrompt {
    /// A prompt of this name, of which Tracia makes its slug.
    pub fn new(name: impl Into<String>) -> Self {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), name.into().into());
        Self { fields, content: Vec::new() }
    }

    /// The name in addresses; Tracia makes one of the name by default.
    pub fn slug(self, slug: impl Into<String>) -> Self {
        self.field("slug", slug.into())
    }

    /// What it is for.
    pub fn description(self, description: impl Into<String>) -> Self {
        self.field("description", description.into())
    }

    /// The settings of the dashboard that it is run with.
    pub fn model_configuration_id(self, id: impl Into<String>) -> Self {
        self.field("modelConfigurationId", id.into())
    }

    /// One more message.
    pub fn message(mut self, message: Message) -> Self {
        self.content.push(message);
        self
    }

    /// Instructions.
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::system(text))
    }

    /// What the user says.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// What the model is shown to have said.
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::assistant(text))
    }

    /// A key of the request that has no method here, as Tracia names it: `temperature`, `model` and others that some
    /// of its versions take.
    pub fn field(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }

    pub(super) fn body(self) -> Result<Value, Error> {
        let Self { mut fields, content } = self;
        for key in ["name", "slug"] {
            check_filled(&fields, key)?;
        }
        if content.is_empty() {
            return Err(Error::configuration(
                "the prompt has no message: give `.user(..)` or `.message(..)`",
            ));
        }
        fields.insert("content".to_owned(), with_ids(&content));
        Ok(fields.into())
    }
}

/// What is to change of a prompt, by [`Prompts::update`](super::Prompts::update): what is not named stays.
///
/// ```
/// use tracing_genai::tracia::{Message, PromptUpdate};
///
/// let update = PromptUpdate::new().content([Message::user("And in {{city}}?")]).description("");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a prompt is changed by `Prompts::update`"]
pub struct PromptUpdate {
    fields: Map<String, Value>,
    content: Option<Vec<Message>>,
}

impl PromptUpdate {
    /// Changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name for people.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.field("name", name.into())
    }

    /// Another name in addresses.
    pub fn slug(self, slug: impl Into<String>) -> Self {
        self.field("slug", slug.into())
    }

    /// Another description; an empty one takes it away.
    pub fn description(self, description: impl Into<String>) -> Self {
        self.field("description", description.into())
    }

    /// Other settings of the dashboard.
    pub fn model_configuration_id(self, id: impl Into<String>) -> Self {
        self.field("modelConfigurationId", id.into())
    }

    /// Other messages. They make a new version if they differ from those there are.
    pub fn content(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.content = Some(messages.into_iter().collect());
        self
    }

    /// A key of the request that has no method here, as Tracia names it.
    pub fn field(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }

    pub(super) fn body(self) -> Result<Value, Error> {
        let Self { mut fields, content } = self;
        for key in ["name", "slug"] {
            check_filled(&fields, key)?;
        }
        if let Some(content) = content {
            if content.is_empty() {
                return Err(Error::configuration("the prompt is left without a message"));
            }
            fields.insert("content".to_owned(), with_ids(&content));
        }
        Ok(fields.into())
    }
}

/// What is given must not be blank.
fn check_filled(fields: &Map<String, Value>, key: &str) -> Result<(), Error> {
    match fields.get(key).and_then(Value::as_str) {
        Some(text) if text.trim().is_empty() => {
            Err(Error::configuration(format!("the {key} of the prompt is empty or blank")))
        }
        _ => Ok(()),
    }
}

/// Tracia wants an id of each message; one that is made up differs from those that are given.
fn with_ids(content: &[Message]) -> Value {
    let given: Vec<_> = content.iter().filter_map(|message| message.id.as_deref()).collect();
    let mut made = (1..).map(|number: u32| format!("message_{number}"));
    let with_id = |message: &Message| match &message.id {
        Some(_) => message.to_json(),
        None => {
            let id = made.by_ref().find(|id| !given.contains(&id.as_str())).unwrap_or_default();
            message.clone().id(id).to_json()
        }
    };
    content.iter().map(with_id).collect::<Vec<_>>().into()
}
