//! `{{name}}` in what is said.

use crate::{
    Error,
    record::{Part, Request},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

pub(super) type Variables = BTreeMap<String, String>;

/// Puts the request's variables into its texts: of the instructions, of each message's text parts, of what tools
/// answered.
///
/// # Errors
/// A name without a value, if each `must_be_there`.
pub(super) fn apply(request: &mut Request, must_be_there: bool) -> Result<(), Error> {
    let variables = std::mem::take(&mut request.variables);
    if variables.is_empty() && !must_be_there {
        return Ok(());
    }
    let mut missing = BTreeSet::new();
    let of_messages = request.messages.iter_mut().flat_map(|message| &mut message.parts);
    for part in request.system_instructions.iter_mut().chain(of_messages) {
        let text = match part {
            Part::Text(text) => text,
            Part::ToolResult(result) => &mut result.content,
            _ => continue,
        };
        let filled = match interpolate(text, &variables, |name| _ = missing.insert(name.to_owned())) {
            Cow::Owned(filled) => filled,
            Cow::Borrowed(_) => continue,
        };
        *text = filled;
    }
    request.variables = variables;
    if must_be_there && !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|name| format!("{{{{{name}}}}}")).collect();
        return Err(Error::configuration(format!(
            "no value for {}: give one by `.variables(..)`, without blanks between the braces, or call without \
             `.require_variables()`",
            names.join(", ")
        )));
    }
    Ok(())
}

/// `text` with the value of each `{{name}}` in its place, in one pass; one without a value stays, and is told.
pub(super) fn interpolate<'a>(
    text: &'a str,
    variables: &Variables,
    mut on_missing: impl FnMut(&str),
) -> Cow<'a, str> {
    let mut filled = String::new();
    // What is copied up to, and where the search goes on.
    let (mut copied, mut from) = (0, 0);
    while let Some(start) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
        let Some(name) = text.get(start + 2..).and_then(named) else {
            // Of `{{{x}}}` it is the inner pair.
            from = start + 1;
            continue;
        };
        from = start + 2 + name.len() + 2;
        match variables.get(name) {
            Some(value) => {
                filled.push_str(&text[copied..start]);
                filled.push_str(value);
                copied = from;
            }
            None => on_missing(name),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    filled.push_str(&text[copied..]);
    Cow::Owned(filled)
}

/// The name that `}}` follows.
fn named(rest: &str) -> Option<&str> {
    let end = rest.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))?;
    let (name, after) = rest.split_at(end);
    (!name.is_empty() && after.starts_with("}}")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Message, Role, ToolCall, ToolResult};

    fn with(variables: &[(&str, &str)], text: &str) -> String {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        interpolate(text, &variables.collect(), |_| ()).into_owned()
    }

    fn x(text: &str) -> String {
        with(&[("x", "VALUE"), ("y", "2")], text)
    }

    #[test]
    fn each_name_is_replaced_wherever_it_is() {
        assert_eq!(x("{{x}} and {{y}}, {{x}}"), "VALUE and 2, VALUE");
        assert_eq!(x("{{x}}{{y}}"), "VALUE2");
        assert_eq!(x("é{{x}}é"), "éVALUEé");
    }

    #[test]
    fn a_name_is_of_ascii_letters_digits_and_underscores_and_may_begin_with_a_digit() {
        let variables =
            [("1st", "a"), ("_", "b"), ("a_B9", "c"), ("é", "no"), ("a-b", "no"), ("a.b", "no"), ("", "no")];
        let replaced = with(&variables, "{{1st}}{{_}}{{a_B9}} {{é}} {{a-b}} {{a.b}} {{}}");
        assert_eq!(replaced, "abc {{é}} {{a-b}} {{a.b}} {{}}");
    }

    #[test]
    fn blanks_are_no_part_of_the_form() {
        assert_eq!(x("{{ x }} {{x }} { {x}} {x}"), "{{ x }} {{x }} { {x}} {x}");
    }

    #[test]
    fn names_are_case_sensitive() {
        assert_eq!(x("{{X}}"), "{{X}}");
    }

    #[test]
    fn of_three_braces_the_inner_pair_counts() {
        assert_eq!(x("{{{x}}}"), "{VALUE}");
        assert_eq!(x("{{{{x}}}}"), "{{VALUE}}");
        assert_eq!(x("{{x}"), "{{x}");
        assert_eq!(x("{{x{{x}}"), "{{xVALUE");
    }

    #[test]
    fn values_are_not_read_again() {
        assert_eq!(with(&[("a", "{{b}}"), ("b", "{{a}}")], "{{a}}{{b}}"), "{{b}}{{a}}");
    }

    #[test]
    fn a_missing_one_stays_and_an_empty_value_replaces() {
        assert_eq!(x("{{z}} {{constructor}}"), "{{z}} {{constructor}}");
        assert_eq!(with(&[("x", "")], "[{{x}}]"), "[]");
    }

    #[test]
    fn without_a_match_nothing_is_copied() {
        let none = Variables::new();
        assert!(matches!(interpolate("{{x}} {", &none, |_| ()), Cow::Borrowed(_)));
    }

    fn request(variables: &[(&str, &str)]) -> Request {
        let system_instructions = vec![Part::Text("I {{x}}".to_owned())];
        let call = ToolCall { arguments: r#"{"a":"{{x}}"}"#.to_owned(), ..ToolCall::default() };
        let result = ToolResult { content: "R {{x}}".to_owned(), ..ToolResult::from("1") };
        let messages = vec![
            Message::text(Role::System, "S {{x}}"),
            Message::new(Role::User, vec![Part::Text("U {{x}}".to_owned()), Part::Text("{{y}}".to_owned())]),
            Message::new(Role::Assistant, vec![Part::Text("A {{x}}".to_owned()), Part::ToolCall(call)]),
            Message::new(Role::Tool, vec![Part::ToolResult(result)]),
        ];
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request { system_instructions, messages, variables: variables.collect(), ..Request::default() }
    }

    #[test]
    fn texts_of_every_role_have_them_and_arguments_of_tool_calls_have_not() {
        let mut request = request(&[("x", "1")]);
        apply(&mut request, false).unwrap();
        let texts = request.messages.iter().flat_map(|message| &message.parts).map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::ToolCall(call) => call.arguments.as_str(),
            Part::ToolResult(result) => result.content.as_str(),
            _ => "",
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["S 1", "U 1", "{{y}}", "A 1", r#"{"a":"{{x}}"}"#, "R 1"]);
        assert_eq!(request.system_instructions, [Part::Text("I 1".to_owned())]);
        assert_eq!(request.variables["x"], "1");
    }

    #[test]
    fn a_missing_one_is_an_error_where_each_is_required() {
        let error = apply(&mut request(&[("x", "1")]), true).unwrap_err().to_string();
        assert!(error.contains("{{y}}") && !error.contains("{{x}}"), "{error}");
        let error = apply(&mut request(&[]), true).unwrap_err().to_string();
        assert!(error.contains("{{x}}, {{y}}"), "{error}");
        assert!(apply(&mut request(&[("x", "1"), ("y", "")]), true).is_ok());
    }

    #[test]
    fn without_variables_nothing_changes() {
        let mut request = request(&[]);
        let before = request.clone();
        apply(&mut request, false).unwrap();
        assert_eq!(request, before);
    }
}
