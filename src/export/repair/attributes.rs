//! The attributes of a span as a map, which they are not: the SDK keeps each that was ever written.

use super::value::{converted, is_of, type_of};
use crate::semconv::{
    former::{provider_word, todays_name},
    gen_ai as names,
};
use opentelemetry::{KeyValue, Value};

pub(super) fn find<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| &attribute.value)
}

/// The text of an attribute that is a string and not empty.
pub(super) fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    match find(attributes, name) {
        Some(Value::String(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

pub(super) fn has(attributes: &[KeyValue], name: &str) -> bool {
    find(attributes, name).is_some()
}

/// Types, names and words as the conventions have them today, and no key twice.
pub(super) fn tidy(attributes: &mut Vec<KeyValue>) {
    for attribute in attributes.iter_mut() {
        let right = type_of(attribute.key.as_str()).and_then(|wanted| converted(&attribute.value, wanted));
        if let Some(right) = right {
            attribute.value = right;
        }
    }
    deduplicate(attributes);
    rename(attributes);
    for attribute in attributes.iter_mut() {
        if attribute.key.as_str() == names::GEN_AI_PROVIDER_NAME {
            if let Some(word) = word_of_today(&attribute.value) {
                attribute.value = word;
            }
        }
    }
}

/// Of each key the last value of the right type, else the last, at the place of its first.
fn deduplicate(attributes: &mut Vec<KeyValue>) {
    let mut place = 0;
    while place < attributes.len() {
        let wanted = type_of(attributes[place].key.as_str());
        let mut other = place + 1;
        while other < attributes.len() {
            if attributes[other].key != attributes[place].key {
                other += 1;
                continue;
            }
            let later = attributes.remove(other).value;
            let is_better = wanted.is_none() || is_of(&later, wanted);
            if is_better || !is_of(&attributes[place].value, wanted) {
                attributes[place].value = later;
            }
        }
        place += 1;
    }
}

/// Former names to today's. Where today's is there, the former one goes if both say the same, and stays if
/// they do not: which of the two is right nobody knows.
fn rename(attributes: &mut Vec<KeyValue>) {
    let mut place = 0;
    while place < attributes.len() {
        let Some(today) = todays_name(attributes[place].key.as_str()) else {
            place += 1;
            continue;
        };
        match find(attributes, today) {
            None => attributes[place].key = today.into(),
            Some(value) if *value == attributes[place].value => {
                attributes.remove(place);
                continue;
            }
            Some(_) => {}
        }
        place += 1;
    }
}

/// The conventions' word for the provider, where this is another.
pub(super) fn word_of_today(value: &Value) -> Option<Value> {
    match value {
        Value::String(word) => provider_word(word.as_str()).map(|word| Value::String(word.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(pairs: &[(&'static str, Value)]) -> Vec<(String, Value)> {
        let mut attributes: Vec<KeyValue> =
            pairs.iter().map(|(key, value)| KeyValue::new(*key, value.clone())).collect();
        tidy(&mut attributes);
        attributes.into_iter().map(|attribute| (attribute.key.as_str().to_owned(), attribute.value)).collect()
    }

    fn pair(key: &str, value: impl Into<Value>) -> (String, Value) {
        (key.to_owned(), value.into())
    }

    #[test]
    fn a_former_name_becomes_todays() {
        let tidied =
            tidied(&[("gen_ai.system", "aws_bedrock".into()), ("gen_ai.usage.prompt_tokens", "7".into())]);
        assert_eq!(
            tidied,
            [pair("gen_ai.provider.name", "aws.bedrock"), pair("gen_ai.usage.input_tokens", 7)]
        );
    }

    #[test]
    fn a_former_name_that_says_the_same_as_todays_goes() {
        let tidied =
            tidied(&[("gen_ai.usage.input_tokens", 7.into()), ("gen_ai.usage.prompt_tokens", "7".into())]);
        assert_eq!(tidied, [pair("gen_ai.usage.input_tokens", 7)]);
    }

    #[test]
    fn a_former_name_that_says_another_thing_stays() {
        let tidied =
            tidied(&[("gen_ai.usage.prompt_tokens", "8".into()), ("gen_ai.usage.input_tokens", 7.into())]);
        assert_eq!(tidied, [pair("gen_ai.usage.prompt_tokens", 8), pair("gen_ai.usage.input_tokens", 7)]);
    }

    #[test]
    fn of_a_key_twice_the_last_right_typed_value_stays() {
        let twice = tidied(&[
            ("gen_ai.usage.input_tokens", 1.into()),
            ("gen_ai.usage.input_tokens", "2".into()),
            ("gen_ai.usage.input_tokens", "many".into()),
            ("app.key", 1.into()),
            ("app.key", "two".into()),
        ]);
        assert_eq!(twice, [pair("gen_ai.usage.input_tokens", 2), pair("app.key", "two")]);
        let none_right =
            tidied(&[("gen_ai.request.seed", "many".into()), ("gen_ai.request.seed", "more".into())]);
        assert_eq!(none_right, [pair("gen_ai.request.seed", "more")]);
    }
}
