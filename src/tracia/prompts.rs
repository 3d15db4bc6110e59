use super::{
    Api, NewPrompt, Prompt, PromptSummary, PromptUpdate, RunPrompt,
    address::segment,
    exchange::{Answered, Request},
    read,
};
use crate::Error;
use reqwest::Method;
use serde_json::Value;

/// The prompts that Tracia keeps, of [`Api::prompts`].
///
/// ```
/// use tracing_genai::tracia::{Api, Message, NewPrompt, PromptUpdate};
///
/// # async fn run(tracia: Api) -> Result<(), tracing_genai::Error> {
/// let prompts = tracia.prompts();
/// let made = prompts.create(NewPrompt::new("Greeting").user("Say hello to {{name}}.")).await?;
/// assert_eq!((made.slug.as_str(), made.current_version), ("greeting", Some(1)));
///
/// let update = PromptUpdate::new().content([Message::user("Say good day to {{name}}.")]);
/// assert_eq!(prompts.update("greeting", update).await?.current_version, Some(2));
/// prompts.delete("greeting").await?;
/// # Ok(())
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "testing")]
/// # {
/// #     let tracia = tracing_genai::testing::FakeTracia::start()?;
/// #     let api = Api::builder("tr_key").base_url(tracia.url()).build()?;
/// #     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(api))?;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Prompts {
    api: Api,
}

const PROMPT: &str = "the prompt";

impl Prompts {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Every prompt, without its messages.
    ///
    /// # Errors
    /// What Tracia or the network says.
    pub async fn list(&self) -> Result<Vec<PromptSummary>, Error> {
        let answered = self.api.exchange(Request::get("/prompts")).await?;
        let object = answered.object("a list of prompts")?;
        match &object["prompts"] {
            Value::Array(prompts) => Ok(prompts.iter().map(PromptSummary::read).collect()),
            _ => Err(answered.unreadable("a list of prompts")),
        }
    }

    /// The prompt of this slug.
    ///
    /// # Errors
    /// A blank slug; `NOT_FOUND`, or what else Tracia or the network says.
    pub async fn get(&self, slug: &str) -> Result<Prompt, Error> {
        let path = of_prompt(slug)?;
        prompt(&self.api.exchange(Request::get(path)).await?)
    }

    /// Makes a prompt, of version 1.
    ///
    /// # Errors
    /// A blank name or slug, no message; `CONFLICT` if there is one of that slug, or what else Tracia or the network
    /// says.
    pub async fn create(&self, prompt: NewPrompt) -> Result<Prompt, Error> {
        let request = Request::with_body(Method::POST, "/prompts", prompt.body()?);
        self::prompt(&self.api.exchange(request).await?)
    }

    /// Changes a prompt. Other messages than those there are make a new version.
    ///
    /// # Errors
    /// A blank slug or name; `NOT_FOUND`, `CONFLICT` if another has the new slug, or what else Tracia or the network says.
    pub async fn update(&self, slug: &str, update: PromptUpdate) -> Result<Prompt, Error> {
        let request = Request::with_body(Method::PUT, of_prompt(slug)?, update.body()?);
        prompt(&self.api.exchange(request).await?)
    }

    /// Deletes a prompt with all its versions.
    ///
    /// # Errors
    /// A blank slug; `NOT_FOUND`, or what else Tracia or the network says.
    pub async fn delete(&self, slug: &str) -> Result<(), Error> {
        let request = Request { method: Method::DELETE, path: of_prompt(slug)?, body: None };
        let answered = self.api.exchange(request).await?;
        if answered.is_empty() {
            return Ok(());
        }
        match answered.object("a word that the prompt is deleted")?.get("success") {
            Some(Value::Bool(false)) => Err(answered.unreadable("a word that the prompt is deleted")),
            _ => Ok(()),
        }
    }

    /// Runs a prompt: Tracia calls the model, and keeps the span of that call.
    pub fn run(&self, slug: impl Into<String>) -> RunPrompt {
        RunPrompt::new(self.api.clone(), slug.into())
    }
}

pub(super) fn of_prompt(slug: &str) -> Result<String, Error> {
    Ok(format!("/prompts/{}", segment(slug, "slug of the prompt")?))
}

fn prompt(answered: &Answered) -> Result<Prompt, Error> {
    let object = answered.object(PROMPT)?;
    let prompt = Prompt::read(&object);
    // An object of something else says nothing of the prompt.
    if prompt.slug.is_empty() && read::text(&object, "id").is_none() {
        return Err(answered.unreadable(PROMPT));
    }
    Ok(prompt)
}
