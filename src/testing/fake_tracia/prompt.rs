//! `/prompts`.

use super::{
    Stored, Wrong, conflict, invalid, known_keys, not_found, now,
    prompt_store::StoredPrompt,
    span::{Rule, filled_text, text, text_or_null},
};
use serde_json::{Value, json};

const KEYS: [(&str, Rule); 5] = [
    ("name", filled_text),
    ("slug", slug),
    ("description", text),
    ("modelConfigurationId", text_or_null),
    ("content", content),
];

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

pub(super) fn list(stored: &Stored) -> Value {
    let prompts: Vec<_> = stored.prompts.iter().map(StoredPrompt::head).collect();
    json!({ "prompts": prompts })
}

pub(super) fn one(stored: &Stored, slug: &str) -> Result<Value, Wrong> {
    Ok(stored.prompts[place(stored, slug)?].whole())
}

pub(super) fn create(stored: &mut Stored, sent: &Value) -> Result<Value, Wrong> {
    check(sent)?;
    for key in ["name", "content"] {
        sent.get(key).ok_or_else(|| invalid(format!("{key} is missing")))?;
    }
    let name = sent["name"].as_str().unwrap_or_default();
    let slug = sent["slug"].as_str().map_or_else(|| slug_of(name), str::to_owned);
    check_free(stored, &slug)?;
    stored.prompts_made += 1;
    let prompt = StoredPrompt {
        id: format!("prompt_{}", stored.prompts_made),
        slug,
        name: name.to_owned(),
        description: described(sent),
        model_configuration_id: sent["modelConfigurationId"].clone(),
        versions: vec![sent["content"].clone()],
        created_at: now(),
        updated_at: now(),
    };
    let shown = prompt.whole();
    stored.prompts.push(prompt);
    Ok(shown)
}

pub(super) fn update(stored: &mut Stored, slug: &str, sent: &Value) -> Result<Value, Wrong> {
    check(sent)?;
    let place = place(stored, slug)?;
    let new_slug = sent["slug"].as_str().filter(|new| *new != slug);
    if let Some(new) = new_slug {
        check_free(stored, new)?;
    }
    let prompt = &mut stored.prompts[place];
    if let Some(new) = new_slug {
        prompt.slug = new.to_owned();
    }
    if let Some(name) = sent["name"].as_str() {
        prompt.name = name.to_owned();
    }
    if sent.get("description").is_some() {
        prompt.description = described(sent);
    }
    if let Some(id) = sent.get("modelConfigurationId") {
        prompt.model_configuration_id = id.clone();
    }
    if let Some(content) = sent.get("content").filter(|content| **content != prompt.content()) {
        prompt.versions.push(content.clone());
    }
    prompt.changed();
    Ok(prompt.whole())
}

pub(super) fn delete(stored: &mut Stored, slug: &str) -> Result<Value, Wrong> {
    let place = place(stored, slug)?;
    stored.prompts.remove(place);
    Ok(json!({"success": true}))
}

pub(super) fn place(stored: &Stored, slug: &str) -> Result<usize, Wrong> {
    let place = stored.prompts.iter().position(|prompt| prompt.slug == slug);
    place.ok_or_else(|| not_found(format!("there is no prompt {slug}")))
}

fn check_free(stored: &Stored, slug: &str) -> Result<(), Wrong> {
    match place(stored, slug) {
        Ok(_) => Err(conflict(format!("a prompt {slug} is there already"))),
        Err(_) => Ok(()),
    }
}

fn check(sent: &Value) -> Result<(), Wrong> {
    known_keys(sent, &KEYS.map(|(key, _)| key))?;
    for (key, rule) in KEYS {
        if let Some(value) = sent.get(key) {
            rule(value).map_err(|expected| invalid(format!("{key} is not {expected}")))?;
        }
    }
    Ok(())
}

/// An empty one is none.
fn described(sent: &Value) -> Option<String> {
    sent["description"].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn slug_of(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

fn slug(value: &Value) -> Result<(), String> {
    filled_text(value)
}

fn content(value: &Value) -> Result<(), String> {
    let messages = value.as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or("a list with a message in it")?;
    let is_message = |message: &Value| {
        let keys = message.as_object().map_or(0, serde_json::Map::len);
        keys == 3
            && message["id"].as_str().is_some_and(|id| !id.is_empty())
            && message["role"].as_str().is_some_and(|role| ROLES.contains(&role))
            && message["content"].is_string()
    };
    if messages.iter().all(is_message) {
        Ok(())
    } else {
        Err("a list of {id, role, content}, each a string".to_owned())
    }
}
