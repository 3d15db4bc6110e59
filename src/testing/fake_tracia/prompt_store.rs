//! A prompt with its versions.

use super::now;
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(super) struct StoredPrompt {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) model_configuration_id: Value,
    /// The content of each, from version 1.
    pub(super) versions: Vec<Value>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

impl StoredPrompt {
    pub(super) fn content(&self) -> Value {
        self.versions.last().cloned().unwrap_or_default()
    }

    pub(super) fn changed(&mut self) {
        self.updated_at = now();
    }

    /// As a list has it.
    pub(super) fn head(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut put = |key: &str, value: Value| _ = shown.insert(key.to_owned(), value);
        put("id", self.id.as_str().into());
        put("slug", self.slug.as_str().into());
        put("name", self.name.as_str().into());
        put("description", self.description.clone().into());
        put("model", Value::Null);
        put("modelConfigurationId", self.model_configuration_id.clone());
        put("currentVersion", self.versions.len().into());
        put("variables", variables(&self.content()).into());
        put("createdAt", self.created_at.as_str().into());
        put("updatedAt", self.updated_at.as_str().into());
        shown
    }

    pub(super) fn whole(&self) -> Value {
        let mut shown = self.head();
        shown.insert("content".to_owned(), self.content());
        shown.into()
    }
}

/// The pieces of a text: what stands as it is, and the names in double braces.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Names are of letters, digits and underscores of ASCII; anything else between braces is text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut from, mut place) = (Vec::new(), 0, 0);
    while let Some(found) = text[place..].find("{{") {
        let open = place + found;
        let rest = &text[open + 2..];
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if length > 0 && rest[length..].starts_with("}}") {
            pieces.push(Piece::Text(&text[from..open]));
            pieces.push(Piece::Variable(&rest[..length]));
            from = open + 2 + length + 2;
            place = from;
        } else {
            // The second brace may be the first of the pair that counts.
            place = open + 1;
        }
    }
    pieces.push(Piece::Text(&text[from..]));
    pieces
}

/// The names of the variables in these messages, each once.
pub(super) fn variables(content: &Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for message in content.as_array().into_iter().flatten() {
        for piece in pieces(message["content"].as_str().unwrap_or_default()) {
            match piece {
                Piece::Variable(name) if !names.iter().any(|known| known == name) => {
                    names.push(name.to_owned());
                }
                _ => {}
            }
        }
    }
    names
}

/// The messages with these values in place of the variables.
pub(super) fn rendered(content: &Value, values: &Value) -> Value {
    let fill = |text: &str| -> String {
        let fill = |piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Variable(name) => values[name].as_str().unwrap_or_default().to_owned(),
        };
        pieces(text).into_iter().map(fill).collect()
    };
    let messages = content.as_array().into_iter().flatten();
    let filled = messages.map(|message| {
        json!({
            "role": message["role"],
            "content": fill(message["content"].as_str().unwrap_or_default()),
        })
    });
    filled.collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_word_between_double_braces() {
        let content =
            json!([{"role": "user", "content": "{{a}} {{ a }} {{b-c}} {{{d_1}}} {{}} {{a}} {{é}} {x}"}]);
        assert_eq!(variables(&content), ["a", "d_1"]);
        let rendered = rendered(&content, &json!({"a": "{{d_1}}", "d_1": "D"}));
        assert_eq!(rendered[0]["content"], "{{d_1}} {{ a }} {{b-c}} {D} {{}} {{d_1}} {{é}} {x}");
    }
}
