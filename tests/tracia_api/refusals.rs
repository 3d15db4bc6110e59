use super::{KEY, answering, api, builder, greeting, tracia};
use serde_json::json;
use std::{net::TcpListener, time::Duration};
use tracing_genai::{
    record::ErrorKind,
    testing::{FakeTracia, Gate, ServiceAnswer},
    tracia::{Api, ErrorCode},
};

#[tokio::test]
async fn the_code_is_read_in_both_envelopes() {
    for body in [
        json!({"error": {"code": "NOT_FOUND", "message": "Not found"}}),
        json!({"code": "NOT_FOUND", "message": "Not found"}),
    ] {
        let (_tracia, api) = answering(404, &body);
        let error = api.prompts().get("x").await.unwrap_err();
        assert_eq!((error.tracia_code(), error.kind()), (ErrorCode::NotFound, ErrorKind::NotFound));
        assert_eq!(error.to_string(), "Not found (HTTP 404, NOT_FOUND)");
    }
}

#[tokio::test]
async fn each_code_of_tracia_stands_for_itself() {
    for (status, code, expected) in [
        (401, "UNAUTHORIZED", ErrorCode::Unauthorized),
        (404, "NOT_FOUND", ErrorCode::NotFound),
        (409, "CONFLICT", ErrorCode::Conflict),
        (400, "MISSING_VARIABLES", ErrorCode::MissingVariables),
        (400, "MISSING_PROVIDER_KEY", ErrorCode::MissingProviderKey),
        (400, "INVALID_REQUEST", ErrorCode::InvalidRequest),
        (500, "PROVIDER_ERROR", ErrorCode::ProviderError),
        (418, "TEAPOT", ErrorCode::Unknown),
        (400, "", ErrorCode::Unknown),
        (400, "TIMEOUT", ErrorCode::Unknown),
    ] {
        let tracia = tracia();
        tracia.answer_next(1, &FakeTracia::error(status, code, "Why it is so."));
        let error = api(&tracia).prompts().run("x").send().await.unwrap_err();
        assert_eq!((error.tracia_code(), error.http_status()), (expected, Some(status)), "{code}");
        assert!(error.to_string().contains("Why it is so."), "{error}");
        assert_eq!(error.info().code.as_deref(), Some(code).filter(|code| !code.is_empty()));
    }
}

#[tokio::test]
async fn a_status_alone_gives_no_code() {
    for status in [302, 400, 401, 403, 404, 409, 429, 500, 503, 504] {
        let tracia = tracia();
        tracia.answer_next(1, &ServiceAnswer::body(status, "text/html", "<h1>Proxy</h1>"));
        let error = api(&tracia).prompts().get("x").await.unwrap_err();
        assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::Unknown, Some(status)));
        assert_eq!(error.kind(), ErrorKind::from_status(status));
        assert_eq!(error.info().body.as_deref(), Some("<h1>Proxy</h1>"));
    }
}

#[tokio::test]
async fn the_wait_that_is_asked_for_is_told() {
    let tracia = tracia();
    let busy = FakeTracia::error(429, "RATE_LIMITED", "Slow down.");
    tracia.answer_next(1, &busy.header("retry-after", "7").header("x-request-id", "r1"));
    let error = api(&tracia).prompts().list().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.info().retry_after),
        (ErrorKind::RateLimited, Some(Duration::from_secs(7)))
    );
    assert_eq!(error.info().request_id.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (first, elsewhere) = (tracia(), tracia());
    let to = format!("{}/api/v1/prompts", elsewhere.url());
    first.answer_next(1, &ServiceAnswer::status(307).header("location", to));
    let error = api(&first).prompts().list().await.unwrap_err();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn nobody_listening_is_a_network_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let api = Api::builder(KEY).base_url(format!("http://127.0.0.1:{port}")).max_retries(0).build().unwrap();
    let error = api.prompts().list().await.unwrap_err();
    assert_eq!((error.tracia_code(), error.kind()), (ErrorCode::NetworkError, ErrorKind::Connection));
    assert!(error.to_string().contains("Network error") && error.http_status().is_none(), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_network_error() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::hang_up());
    let error = api(&tracia).prompts().create(greeting()).await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::NetworkError);
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let (tracia, gate) = (tracia(), Gate::new());
    tracia.answer_next(1, &ServiceAnswer::usual().held(&gate));
    let api = builder(&tracia).timeout(Duration::from_millis(50)).max_retries(3).build().unwrap();
    let error = api.prompts().list().await.unwrap_err();
    assert_eq!((error.tracia_code(), error.kind()), (ErrorCode::Timeout, ErrorKind::Timeout));
    assert!(error.to_string().contains("timed out"), "{error}");
    assert!(tracia.requests().len() <= 1, "what is out of time is not tried again");
    gate.release();
}

#[tokio::test]
async fn no_error_repeats_the_key() {
    let body =
        json!({"error": {"code": KEY, "message": format!("{KEY} is no key"), "details": {"key": KEY}}});
    let page = format!("<p>{KEY}</p>");
    for answer in [
        ServiceAnswer::body(401, "application/json", body.to_string()),
        ServiceAnswer::body(502, "text/html", page.clone()),
        ServiceAnswer::body(200, "text/html", page),
    ] {
        let tracia = tracia();
        tracia.answer_next(1, &answer);
        let api = api(&tracia);
        let error = api.prompts().list().await.unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}"), format!("{error:#?}"), format!("{api:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn outside_a_runtime_it_is_an_error_and_no_panic() {
    let api = Api::new(KEY).unwrap();
    let prompts = api.prompts();
    let mut list = std::pin::pin!(prompts.list());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = Future::poll(list.as_mut(), &mut context) else {
        panic!("it waits for something")
    };
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
