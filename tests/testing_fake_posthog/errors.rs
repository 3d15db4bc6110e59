use super::{chat, event_of, int, pair, text};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::Event, status::StatusCode},
};

fn failed(span: Span, message: &str) -> Span {
    let status = Status { message: message.to_owned(), code: StatusCode::Error.into() };
    Span { status: Some(status), ..span }
}

fn with_exception(span: Span, attributes: Vec<KeyValue>) -> Span {
    let exception = Event { name: "anything".to_owned(), attributes, ..Event::default() };
    Span { events: vec![exception], ..span }
}

async fn http_status(span: Span) -> serde_json::Value {
    event_of(span).await.properties["$ai_http_status"].clone()
}

#[tokio::test]
async fn a_failed_span_is_an_error_whatever_it_says() {
    let span = failed(chat(vec![pair("$ai_is_error", Value::BoolValue(false))]), "");
    let properties = event_of(span).await.properties;
    assert_eq!(properties["$ai_is_error"], true);
    assert_eq!(properties["$ai_error"], "OpenTelemetry span status error");
    assert_eq!(properties["$ai_http_status"], 500);
}

#[tokio::test]
async fn nothing_is_derived_of_a_span_that_did_not_fail() {
    let span = with_exception(
        chat(vec![int("http.response.status_code", 200)]),
        vec![text("exception.message", "handled")],
    );
    let properties = event_of(span).await.properties;
    for key in ["$ai_is_error", "$ai_error", "$ai_http_status", "$ai_error_normalized"] {
        assert!(!properties.contains_key(key), "{key}");
    }
    assert_eq!(properties["http.response.status_code"], 200);
}

#[tokio::test]
async fn the_error_is_the_spans_own_then_the_exception_then_the_status() {
    let exception = |attributes| with_exception(failed(chat(vec![]), "of the status"), attributes);
    let (kind, message) = (text("exception.type", "Timeout"), text("exception.message", "too late"));
    for (span, error) in [
        (exception(vec![kind.clone(), message.clone()]), "Timeout: too late"),
        (exception(vec![kind]), "Timeout"),
        (exception(vec![message]), "too late"),
        (exception(vec![]), "of the status"),
        (failed(chat(vec![text("$ai_error", "own")]), "of the status"), "own"),
    ] {
        assert_eq!(event_of(span).await.properties["$ai_error"], error);
    }
}

#[tokio::test]
async fn the_last_exception_counts() {
    let mut span = with_exception(failed(chat(vec![]), ""), vec![text("exception.message", "first")]);
    span.events.push(Event { attributes: vec![text("exception.message", "last")], ..Event::default() });
    assert_eq!(event_of(span).await.properties["$ai_error"], "last");
}

#[tokio::test]
async fn a_status_of_ones_own_wins_even_if_it_is_200() {
    let span = failed(chat(vec![int("$ai_http_status", 200), int("http.response.status_code", 429)]), "");
    assert_eq!(http_status(span).await, 200);
}

#[tokio::test]
async fn the_status_is_that_of_the_exception_before_that_of_the_span() {
    let span = || failed(chat(vec![int("http.response.status_code", 429)]), "");
    assert_eq!(http_status(span()).await, 429);
    assert_eq!(
        http_status(with_exception(span(), vec![int("http.status_code", 503), text("exception.type", "E")]))
            .await,
        503
    );
}

#[tokio::test]
async fn a_number_after_http_in_the_text_counts_before_the_status_of_the_span() {
    let span = failed(chat(vec![int("http.response.status_code", 429)]), "");
    let span = with_exception(span, vec![text("exception.message", "cannot reach https://host:443/v1")]);
    assert_eq!(http_status(span).await, 443);
}

#[tokio::test]
async fn a_number_after_status_counts_if_none_comes_after_http() {
    let said =
        |message: &str| with_exception(failed(chat(vec![]), ""), vec![text("exception.message", message)]);
    assert_eq!(http_status(said("http failed with status: 404")).await, 404);
    assert_eq!(http_status(said("status 404")).await, 404);
    assert_eq!(http_status(said("status 40400 or 99")).await, 500);
    let far = format!("http {} 404", "x".repeat(40));
    assert_eq!(http_status(said(&far)).await, 500);
}

#[tokio::test]
async fn the_type_of_an_exception_is_not_searched_but_the_message_of_the_status_is() {
    let span = with_exception(failed(chat(vec![]), ""), vec![text("exception.type", "HTTP 404")]);
    assert_eq!(http_status(span).await, 500);
    assert_eq!(http_status(failed(chat(vec![]), "HTTP 404")).await, 404);
}

#[tokio::test]
async fn a_status_that_is_a_double_is_none() {
    let span = failed(chat(vec![pair("http.response.status_code", Value::DoubleValue(429.0))]), "");
    assert_eq!(http_status(span).await, 500);
}

#[tokio::test]
async fn errors_that_differ_in_numbers_are_normalized_to_one_unless_sent_so() {
    let of = |id: &str| failed(chat(vec![text("$ai_error", &format!("{id} failed 3 times"))]), "");
    let first = event_of(of("0190a1b2-0000-7000-8000-000000000001")).await;
    let second = event_of(of("0190a1b2-0000-7000-8000-00000000000f")).await;
    assert_eq!(first.properties["$ai_error_normalized"], second.properties["$ai_error_normalized"]);

    let own = failed(chat(vec![text("$ai_error_normalized", "own")]), "");
    assert_eq!(event_of(own).await.properties["$ai_error_normalized"], "own");
    let unsaid = chat(vec![pair("$ai_is_error", Value::BoolValue(true))]);
    assert_eq!(event_of(unsaid).await.properties["$ai_error_normalized"], "Unknown error");
}
