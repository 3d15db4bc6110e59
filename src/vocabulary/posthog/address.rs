//! Where a call went, as addresses.

use super::properties::Properties;
use crate::{
    record::Operation,
    semconv::{gen_ai as names, posthog as ph},
};
use serde_json::Value as Json;

/// What follows the base address in the paths of the APIs; of the last two a model's name follows.
const ENDINGS: [&str; 9] = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/messages",
    "/embed",
    "/multimodalembeddings",
    "/models/",
    "/model/",
];

/// The base address and the request's, for `server.address`, which PostHog would show as it is.
pub(super) fn addresses(list: &mut Properties, operation: Option<&Operation>) {
    let server = operation.and_then(|operation| operation.server.as_ref());
    let host = list.take(names::SERVER_ADDRESS);
    let port = list.take(names::SERVER_PORT);
    let host = match (server, host) {
        (Some(server), _) => Some(server.address.clone()),
        (None, Some(Json::String(host))) => Some(host),
        _ => None,
    };
    let port = match (server, port) {
        (Some(server), _) => Some(i64::from(server.port)),
        (None, port) => port.and_then(|port| port.as_i64()),
    };
    let known = operation.and_then(|operation| operation.url.as_deref());
    let url = known.or_else(|| list.text("url.full")).map(without_query);
    let base = match &url {
        Some(url) => Some(base(url).to_owned()),
        None => host.filter(|host| !host.is_empty()).map(|host| origin(&host, port)),
    };
    list.put_text(ph::AI_REQUEST_URL, url.as_deref());
    list.put_text(ph::AI_BASE_URL, base.as_deref());
}

/// The address without credentials, query and fragment, which may hold a key.
fn without_query(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn base(url: &str) -> &str {
    let start = url.find("://").map_or(0, |place| place + 3);
    let place = ENDINGS.iter().find_map(|ending| {
        let place = url.get(start..)?.rfind(ending)? + start;
        (ending.ends_with('/') || url.len() == place + ending.len()).then_some(place)
    });
    let path = place.or_else(|| Some(url.get(start..)?.find('/')? + start));
    path.and_then(|end| url.get(..end)).unwrap_or(url)
}

fn origin(host: &str, port: Option<i64>) -> String {
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    match port {
        None | Some(443) => format!("https://{host}"),
        Some(80) => format!("http://{host}"),
        Some(port) => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_a_client_is_configured_with() {
        for (url, expected) in [
            ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1/embeddings", "https://api.openai.com/v1"),
            ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
            (
                "https://x.googleapis.com/v1beta/models/gemini-2.5:generateContent",
                "https://x.googleapis.com/v1beta",
            ),
            ("https://bedrock.amazonaws.com/model/amazon.nova/converse", "https://bedrock.amazonaws.com"),
            ("http://localhost:8000/other", "http://localhost:8000"),
            ("http://localhost:8000", "http://localhost:8000"),
        ] {
            assert_eq!(base(url), expected);
        }
    }

    #[test]
    fn an_address_has_no_key() {
        assert_eq!(without_query("https://me:key@x.io/v1?key=1#a"), "https://x.io/v1");
        assert_eq!(without_query("https://x.io"), "https://x.io");
    }

    #[test]
    fn a_server_is_an_address_too() {
        assert_eq!(origin("api.openai.com", Some(443)), "https://api.openai.com");
        assert_eq!(origin("::1", Some(8000)), "http://[::1]:8000");
    }
}
