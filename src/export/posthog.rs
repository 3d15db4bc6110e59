//! PostHog's own API: events in batches of JSON.
//!
//! A body is one line for each span, with its events, between which there are tabs. So it lies in the spool; no key is
//! in it.

use super::{
    answer::Answer,
    encode::{self, View},
    http::HttpTransport,
    pipeline::Finished,
    selection::Judgement,
};
use crate::{time, vocabulary::posthog};
use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// The most bytes of one event: PostHog takes 8 MiB.
const EVENT_BYTES: usize = (8 << 20) - (64 << 10);

/// The most bytes of the judgements of one span, each of which has what the span says of itself.
const JUDGEMENTS_BYTES: usize = 16 << 20;

/// The most bytes of one request: PostHog takes 20 MB.
const REQUEST_BYTES: usize = 19 << 20;

/// After so many tries of the parts of one request what is refused is not divided any more.
const MOST_TRIES: usize = 32;

/// Between the events of one span, where JSON has none of these.
const BETWEEN: u8 = b'\t';

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

/// The events of one span.
fn line(finished: &Finished, view: &View, has_spans: bool) -> String {
    let facts = encode::facts(finished, view);
    let mut span = encode::conventional(finished, view);
    let mut events = judgements(&span, &facts);
    if has_spans && Judgement::of(&finished.span) != Judgement::All {
        posthog::translate(&mut span, &facts);
        let own = fitting(EVENT_BYTES, EVENT_BYTES, |most| {
            posthog::shorten(&mut span, most);
            (span.encoded_len(), vec![posthog::captured_event(&span, facts.resource).to_string()])
        });
        events.splice(0..0, own);
    }
    events.join(char::from(BETWEEN).encode_utf8(&mut [0; 1])) + "\n"
}

fn judgements(span: &Span, facts: &posthog::Facts<'_>) -> Vec<String> {
    if span.events.is_empty() {
        return Vec::new();
    }
    // A judgement is two events at most.
    let most = (JUDGEMENTS_BYTES / (2 * span.events.len())).min(EVENT_BYTES);
    fitting(most, JUDGEMENTS_BYTES, |most| {
        let events = posthog::judgements(span, facts, most).iter().map(Json::to_string).collect();
        (most, events)
    })
}

/// The events of what has at most so many bytes of attributes, and less if that is not enough for each to be taken and
/// all to have at most `all` bytes: what is escaped grows. `render` says how many bytes it made them of.
fn fitting(
    mut most: usize,
    all: usize,
    mut render: impl FnMut(usize) -> (usize, Vec<String>),
) -> Vec<String> {
    loop {
        let (from, events) = render(most);
        let largest = events.iter().map(String::len).max().unwrap_or_default();
        let sum: usize = events.iter().map(String::len).sum();
        if (largest <= EVENT_BYTES && sum <= all) || most < 1024 {
            return events;
        }
        let share = (EVENT_BYTES as f64 / largest as f64).min(all as f64 / sum as f64);
        // Not all of an event is what can be cut, so that it may take another time.
        most = ((from.min(most) as f64 * share) as usize / 8 * 7).min(most / 8 * 7);
    }
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

    /// One try. Of what PostHog refuses as a whole it is found out which events are to blame, and no other is lost for
    /// them: each has a UUID by which it is stored once.
    pub(super) async fn send(&self, body: &Bytes) -> Answer {
        let events = events(body);
        let whole = 0..events.len();
        let has_several_spans = events.last().is_some_and(|last| last.span > 0);
        let mut open = vec![whole.clone()];
        let (mut refused, mut why, mut tries) = (BTreeSet::new(), None, 0);
        while let Some(part) = open.pop() {
            let bytes: usize = events[part.clone()].iter().map(|event| event.place.len() + 1).sum();
            let is_sent = part.len() <= 1 || bytes <= REQUEST_BYTES;
            if is_sent {
                tries += 1;
                let payload = self.payload(body, &events[part.clone()], time::now_unix_nanos());
                let answer = self.http.send_as(payload, "application/json").await;
                let is_divisible = part.len() > 1 && tries < MOST_TRIES;
                match answer {
                    Answer::Accepted => continue,
                    // Those that follow are to be smaller.
                    Answer::TooLarge { .. } if part == whole && has_several_spans => return answer,
                    Answer::TooLarge { .. } if is_divisible => {}
                    Answer::Refused { ref message, .. } if is_divisible && !is_of_all(message) => {}
                    Answer::Refused { .. } | Answer::TooLarge { .. } => {
                        refused.extend(events[part].iter().map(|event| event.span));
                        why = Some(answer);
                        continue;
                    }
                    // All of it is tried again.
                    other => return other,
                }
            }
            let middle = part.start + part.len() / 2;
            open.extend([middle..part.end, part.start..middle]);
        }
        match why {
            Some(Answer::Refused { reason, message } | Answer::TooLarge { reason, message })
                if has_several_spans =>
            {
                Answer::Partial { rejected: refused.len() as u64, reason, message }
            }
            Some(why) => why,
            None => Answer::Accepted,
        }
    }

    /// The request: PostHog tells by `sent_at` how far this host's clock is from its own.
    fn payload(&self, body: &[u8], events: &[Event], sent_at: u64) -> Bytes {
        let key = Json::from(self.key.expose_secret());
        let sent_at = time::rfc3339(sent_at);
        let head = format!(
            "{{\"api_key\":{key},\"historical_migration\":false,\"sent_at\":\"{sent_at}\",\"batch\":["
        );
        let mut payload = head.into_bytes();
        for (index, event) in events.iter().enumerate() {
            payload.extend((index > 0).then_some(b','));
            payload.extend(body.get(event.place.clone()).unwrap_or_default());
        }
        payload.extend(b"]}");
        payload.into()
    }
}

/// Where an event is in a body.
#[derive(Debug)]
struct Event {
    place: Range<usize>,
    /// Which of the body's spans it is of.
    span: usize,
}

fn events(body: &[u8]) -> Vec<Event> {
    let (mut events, mut start, mut span) = (Vec::new(), 0, 0);
    for end in memchr::memchr2_iter(b'\n', BETWEEN, body).chain([body.len()]) {
        if end > start {
            events.push(Event { place: start..end, span });
        }
        span += usize::from(body.get(end) == Some(&b'\n'));
        start = end + 1;
    }
    events
}

/// Whether a refusal is of the project, and so of whatever is sent.
fn is_of_all(message: &str) -> bool {
    ["quota exceeded", "event restricted"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{destination::Compression, secrets::Secrets};
    use reqwest::header::HeaderMap;
    use std::time::Duration;

    const BODY: &[u8] = b"{\"event\":\"a\"}\n{\"event\":\"b\"}\t{\"event\":\"c\"}\n{\"event\":\"d\"}\n";

    fn transport() -> CaptureTransport {
        let http = HttpTransport {
            client: crate::export::http::client(false).unwrap(),
            url: "http://localhost".parse().unwrap(),
            headers: HeaderMap::new(),
            compression: Compression::None,
            timeout: Duration::from_secs(1),
            secrets: Secrets::of(&HeaderMap::new(), None),
            advice: &crate::export::answer::POSTHOG_CAPTURE,
        };
        CaptureTransport::new(http, SecretString::from("phc_\"key"))
    }

    #[test]
    fn a_request_has_the_key_when_it_was_sent_and_the_events_of_all_spans() {
        let payload: Json = serde_json::from_slice(&transport().payload(BODY, &events(BODY), 0)).unwrap();
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
        assert_eq!(last.as_ref(), b"{\"event\":\"b\"}\t{\"event\":\"c\"}\n");
    }

    #[test]
    fn an_event_is_of_the_span_of_its_line() {
        let spans: Vec<_> = events(BODY).iter().map(|event| event.span).collect();
        assert_eq!(spans, [0, 1, 1, 2]);
    }

    #[test]
    fn what_grows_when_it_is_written_is_made_twice() {
        for grows in [1, 2, 6] {
            let mut times = 0;
            let events = fitting(EVENT_BYTES, EVENT_BYTES, |most| {
                times += 1;
                let bytes = most.min(3 << 20);
                (bytes, vec!["x".repeat(bytes * grows)])
            });
            assert_eq!(times, if grows < 3 { 1 } else { 2 });
            assert!(events[0].len() <= EVENT_BYTES && events[0].len() > EVENT_BYTES / 4);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", transport()).contains("phc_"));
    }
}
