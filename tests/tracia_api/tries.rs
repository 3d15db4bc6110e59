use super::{KEY, SPAN, builder, greeting, tracia};
use std::net::TcpListener;
use tracing_genai::{
    testing::{FakeTracia, ServiceAnswer},
    tracia::{Api, ErrorCode, PromptUpdate},
};

fn patient(tracia: &FakeTracia) -> Api {
    builder(tracia).max_retries(2).build().unwrap()
}

fn busy(status: u16) -> ServiceAnswer {
    ServiceAnswer::status(status).header("retry-after", "0")
}

#[tokio::test]
async fn what_reads_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let tracia = tracia();
        tracia.answer_next(2, &busy(status));
        assert!(patient(&tracia).prompts().list().await.unwrap().is_empty(), "{status}");
        assert_eq!(tracia.requests().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn there_is_an_end() {
    let tracia = tracia();
    tracia.answer_next(3, &busy(503));
    let error = patient(&tracia).prompts().list().await.unwrap_err();
    assert_eq!((error.http_status(), tracia.requests().len()), (Some(503), 3));
    assert!(error.to_string().contains("tried 3 times"), "{error}");
}

#[tokio::test]
async fn what_is_hopeless_is_not_tried_again() {
    for status in [400, 401, 403, 404, 409, 422] {
        let tracia = tracia();
        tracia.answer_next(1, &busy(status));
        assert!(patient(&tracia).prompts().list().await.is_err());
        assert_eq!(tracia.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_for_what_reads() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::hang_up());
    patient(&tracia).prompts().list().await.unwrap();
    assert_eq!(tracia.requests().len(), 2);
}

#[tokio::test]
async fn what_was_not_taken_is_tried_again_whatever_it_is() {
    for status in [429, 503] {
        let tracia = tracia();
        tracia.answer_next(2, &busy(status));
        patient(&tracia).prompts().create(greeting()).await.unwrap();
        assert_eq!((tracia.requests().len(), tracia.prompts().len()), (3, 1));
    }
}

#[tokio::test]
async fn what_may_have_been_taken_is_not_sent_twice() {
    for answer in [
        ServiceAnswer::hang_up().taken(),
        busy(500).taken(),
        busy(502).taken(),
        ServiceAnswer::status(503).taken(),
        ServiceAnswer::body(200, "text/html", "<html>").taken(),
    ] {
        let tracia = tracia();
        tracia.answer_next(1, &answer);
        patient(&tracia).prompts().create(greeting()).await.unwrap_err();
        assert_eq!((tracia.requests().len(), tracia.prompts().len()), (1, 1), "{answer:?}");
    }
}

#[tokio::test]
async fn runs_evaluations_and_deletions_are_not_sent_twice_either() {
    let tracia = tracia();
    let api = patient(&tracia);
    tracia.answer_next(3, &busy(500));
    api.prompts().run("x").send().await.unwrap_err();
    api.spans().evaluate(SPAN, "quality", 1).send().await.unwrap_err();
    api.prompts().delete("x").await.unwrap_err();
    assert_eq!(tracia.requests().len(), 3);
}

#[tokio::test]
async fn an_update_does_the_same_twice_and_is_tried_again() {
    let tracia = tracia();
    let api = patient(&tracia);
    api.prompts().create(greeting()).await.unwrap();
    tracia.answer_next(1, &busy(500).taken());
    let content = [tracing_genai::tracia::Message::user("Hi")];
    let prompt = api.prompts().update("greeting", PromptUpdate::new().content(content)).await.unwrap();
    assert_eq!((prompt.current_version, tracia.requests().len()), (Some(2), 3));
}

#[tokio::test]
async fn a_wait_of_more_than_a_minute_is_the_callers() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::status(429).header("retry-after", "61"));
    patient(&tracia).prompts().list().await.unwrap_err();
    assert_eq!(tracia.requests().len(), 1);
}

#[tokio::test]
async fn a_wait_that_does_not_fit_the_time_is_not_begun() {
    let tracia = tracia();
    tracia.answer_next(1, &ServiceAnswer::status(429).header("retry-after", "30"));
    let error = patient(&tracia).prompts().list().await.unwrap_err();
    assert_eq!((error.http_status(), tracia.requests().len()), (Some(429), 1));
}

#[tokio::test]
async fn what_was_never_sent_is_tried_again_whatever_it_is() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let api = Api::builder(KEY).base_url(format!("http://127.0.0.1:{port}")).max_retries(1).build().unwrap();
    let error = api.prompts().create(greeting()).await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::NetworkError);
    assert!(error.to_string().contains("tried 2 times"), "{error}");
}

#[tokio::test]
async fn a_prompt_is_not_renamed_twice() {
    let tracia = tracia();
    patient(&tracia).prompts().create(greeting().slug("old")).await.unwrap();
    tracia.answer_next(1, &ServiceAnswer::hang_up().taken());
    let update = PromptUpdate::new().slug("fresh");
    let error = patient(&tracia).prompts().update("old", update).await.unwrap_err();
    assert_eq!(error.tracia_code(), ErrorCode::NetworkError);
    assert_eq!(tracia.requests().len(), 2);
    patient(&tracia).prompts().get("fresh").await.unwrap();
}
