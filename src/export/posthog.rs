//! PostHog's own API: events in batches of JSON.
//!
//! A body is one line for each span, with its events. So it lies in the spool; no key is in it.

use super::{
    answer::Answer,
    encode::{self, View},
    http::HttpTransport,
    pipeline::Finished,
    selection::Judgement,
};
use crate::{time, vocabulary::posthog};
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use std::sync::Arc;

/// The most bytes of one event: PostHog takes 8 MiB.
const EVENT_BYTES: usize = (8 << 20) - (64 << 10);

/// `spans` in as few bodies as the limits allow, each with the number of its spans.
pub(super) fn bodies(
    spans: &[Arc<Finished>],
    view: &View,
    has_spans: bool,
    batch: usize,
    body_bytes: usize,
) -> Vec<(u64, Bytes)> {
    let mut bodies = Vec::new();
    let (mut count, mut body) = (0, String::new());
    for finished in spans {
        let line = line(finished, view, has_spans);
        if count > 0 && (count >= batch as u64 || body.len() + line.len() > body_bytes) {
            bodies.push((std::mem::take(&mut count), std::mem::take(&mut body).into()));
        }
        body.push_str(&line);
        count += 1;
    }
    if count > 0 {
        bodies.push((count, body.into()));
    }
    bodies
}

/// The events of one span, with commas between them.
fn line(finished: &Finished, view: &View, has_spans: bool) -> String {
    let mut most = EVENT_BYTES / 2;
    loop {
        let events = events(finished, view, has_spans, most);
        let events: Vec<String> = events.iter().map(Json::to_string).collect();
        // What is escaped grows, so that a span that was small enough may make an event that is not.
        if most < 1024 || events.iter().all(|event| event.len() <= EVENT_BYTES) {
            return events.join(",") + "\n";
        }
        most /= 2;
    }
}

fn events(finished: &Finished, view: &View, has_spans: bool, most: usize) -> Vec<Json> {
    let facts = encode::facts(finished, view);
    let mut span = encode::conventional(finished, view);
    let mut events = posthog::judgements(&span, &facts);
    if has_spans && Judgement::of(&finished.span) != Judgement::All {
        posthog::translate(&mut span, &facts);
        posthog::shorten(&mut span, most);
        events.insert(0, posthog::captured_event(&span, facts.resource));
    }
    events
}

/// A body as two, where it holds more than one line.
pub(super) fn halves(body: &[u8]) -> Option<[(u64, Bytes); 2]> {
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', body).map(|end| end + 1).collect();
    let half = ends.len() / 2;
    let middle = *ends.get(half.checked_sub(1)?)?;
    let part = |range: &[u8], count: usize| (count as u64, Bytes::copy_from_slice(range));
    Some([part(body.get(..middle)?, half), part(body.get(middle..)?, ends.len() - half)])
}

#[derive(Debug)]
pub(super) struct CaptureTransport {
    http: HttpTransport,
    key: SecretString,
}

impl CaptureTransport {
    pub(super) fn new(http: HttpTransport, key: SecretString) -> Self {
        Self { http, key }
    }

    /// One try.
    pub(super) async fn send(&self, body: &Bytes) -> Answer {
        self.http.send_as(self.payload(body, time::now_unix_nanos()), "application/json").await
    }

    /// The request: PostHog tells by `sent_at` how far this host's clock is from its own.
    fn payload(&self, body: &[u8], sent_at: u64) -> Bytes {
        let key = Json::from(self.key.expose_secret());
        let sent_at = time::rfc3339(sent_at);
        let head = format!(
            "{{\"api_key\":{key},\"historical_migration\":false,\"sent_at\":\"{sent_at}\",\"batch\":["
        );
        let mut payload = head.into_bytes();
        payload.extend(body.trim_ascii_end().iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }));
        payload.extend(b"]}");
        payload.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{destination::Compression, secrets::Secrets};
    use reqwest::header::HeaderMap;
    use std::time::Duration;

    const BODY: &[u8] = b"{\"event\":\"a\"}\n{\"event\":\"b\"},{\"event\":\"c\"}\n{\"event\":\"d\"}\n";

    fn transport() -> CaptureTransport {
        let http = HttpTransport {
            client: crate::export::http::client(false).unwrap(),
            url: "http://localhost".parse().unwrap(),
            headers: HeaderMap::new(),
            compression: Compression::None,
            timeout: Duration::from_secs(1),
            secrets: Secrets::of(&HeaderMap::new(), None),
            advice: &crate::export::answer::POSTHOG,
        };
        CaptureTransport::new(http, SecretString::from("phc_\"key"))
    }

    #[test]
    fn a_request_has_the_key_when_it_was_sent_and_the_events_of_all_spans() {
        let payload: Json = serde_json::from_slice(&transport().payload(BODY, 0)).unwrap();
        assert_eq!(payload["api_key"], "phc_\"key");
        assert_eq!(payload["sent_at"], "1970-01-01T00:00:00.000000000Z");
        assert_eq!(payload["historical_migration"], false);
        let names: Vec<_> =
            payload["batch"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_body_is_divided_between_spans() {
        let [(first, one), (second, rest)] = halves(BODY).unwrap();
        assert_eq!((first, second), (1, 2));
        assert_eq!([one.as_ref(), rest.as_ref()].concat(), BODY);
        assert_eq!(one.as_ref(), b"{\"event\":\"a\"}\n");
        assert!(halves(&one).is_none());
        let [(_, last), _] = halves(&rest).unwrap();
        assert_eq!(last.as_ref(), b"{\"event\":\"b\"},{\"event\":\"c\"}\n");
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", transport()).contains("phc_"));
    }
}
