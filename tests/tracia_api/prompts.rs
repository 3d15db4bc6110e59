use super::{KEY, answering, api, greeting, the_request, tracia};
use http::Method;
use serde_json::json;
use tracing_genai::tracia::{ErrorCode, Message, NewPrompt, PromptUpdate};

#[tokio::test]
async fn every_request_has_key_and_type_and_names_this_crate() {
    let (tracia, api) = answering(200, &json!({"prompts": []}));
    api.prompts().list().await.unwrap();
    let request = the_request(&tracia);
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some(concat!("tracing-genai/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_client_of_the_users_sends_under_the_same_name() {
    let tracia = tracia();
    let own = reqwest::Client::builder().user_agent("theirs").build().unwrap();
    super::builder(&tracia).http_client(own).build().unwrap().prompts().list().await.unwrap();
    assert!(the_request(&tracia).header("user-agent").unwrap().starts_with("tracing-genai/"));
}

#[tokio::test]
async fn each_method_has_its_verb_and_path() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    prompts.create(greeting()).await.unwrap();
    prompts.list().await.unwrap();
    prompts.get("greeting").await.unwrap();
    prompts.update("greeting", PromptUpdate::new().name("Hello")).await.unwrap();
    prompts.run("greeting").variable("name", "Ann").send().await.unwrap();
    prompts.delete("greeting").await.unwrap();
    let sent: Vec<_> = tracia.requests().into_iter().map(|request| (request.method, request.path)).collect();
    let expected = [
        (Method::POST, "/api/v1/prompts"),
        (Method::GET, "/api/v1/prompts"),
        (Method::GET, "/api/v1/prompts/greeting"),
        (Method::PUT, "/api/v1/prompts/greeting"),
        (Method::POST, "/api/v1/prompts/greeting/run"),
        (Method::DELETE, "/api/v1/prompts/greeting"),
    ];
    assert_eq!(sent, expected.map(|(method, path)| (method, path.to_owned())));
    assert!(tracia.refusals().is_empty());
}

#[tokio::test]
async fn a_slug_is_encoded_whole() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    prompts.create(greeting().slug("a/b ?ö")).await.unwrap();
    assert_eq!(prompts.get("a/b ?ö").await.unwrap().slug, "a/b ?ö");
    assert_eq!(tracia.requests()[1].path, "/api/v1/prompts/a%2Fb%20%3F%C3%B6");
}

#[tokio::test]
async fn a_list_is_of_prompts_without_their_messages() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    assert!(prompts.list().await.unwrap().is_empty());
    prompts.create(greeting().description("Says hello.")).await.unwrap();
    let listed = prompts.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].slug.as_str(), listed[0].name.as_deref()), ("greeting", Some("Greeting")));
    assert_eq!((listed[0].current_version, &*listed[0].variables), (Some(1), &["name".to_owned()][..]));
}

#[tokio::test]
async fn what_is_created_comes_back() {
    let tracia = tracia();
    let new = NewPrompt::new("Weather report")
        .description("Of a city.")
        .model_configuration_id("mc_1")
        .system("You are brief.")
        .message(Message::user("What is the weather in {{city}}?").id("question"));
    let made = api(&tracia).prompts().create(new).await.unwrap();
    assert_eq!((made.slug.as_str(), made.description.as_deref()), ("weather-report", Some("Of a city.")));
    assert_eq!((made.current_version, made.model_configuration_id.as_deref()), (Some(1), Some("mc_1")));
    assert_eq!(made.content[1].text(), "What is the weather in {{city}}?");
    let sent = the_request(&tracia).json();
    assert_eq!(sent["content"][0], json!({"id": "message_1", "role": "system", "content": "You are brief."}));
    assert_eq!(sent["content"][1]["id"], "question");
}

#[tokio::test]
async fn an_id_that_is_made_up_is_none_that_was_given() {
    let tracia = tracia();
    let new = NewPrompt::new("A").user("a").message(Message::user("b").id("message_1")).user("c");
    api(&tracia).prompts().create(new).await.unwrap();
    let sent = the_request(&tracia).json();
    let ids = [0, 1, 2].map(|place: usize| sent["content"][place]["id"].clone());
    assert_eq!(ids, ["message_2", "message_1", "message_3"]);
}

#[tokio::test]
async fn a_slug_that_is_taken_is_a_conflict() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    prompts.create(greeting()).await.unwrap();
    let error = prompts.create(greeting()).await.unwrap_err();
    assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::Conflict, Some(409)));
}

#[tokio::test]
async fn other_messages_make_a_new_version_and_other_settings_do_not() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    prompts.create(greeting().description("Old")).await.unwrap();
    let renamed =
        prompts.update("greeting", PromptUpdate::new().name("Hello").description("")).await.unwrap();
    assert_eq!((renamed.name.as_deref(), renamed.description), (Some("Hello"), None));
    assert_eq!(renamed.current_version, Some(1));
    let changed = PromptUpdate::new().content([Message::user("Greet {{who}}.")]).slug("hello");
    let changed = prompts.update("greeting", changed).await.unwrap();
    assert_eq!((changed.current_version, changed.slug.as_str()), (Some(2), "hello"));
    assert_eq!(changed.variables, ["who"]);
}

#[tokio::test]
async fn a_prompt_that_is_deleted_is_gone() {
    let tracia = tracia();
    let prompts = api(&tracia).prompts();
    prompts.create(greeting()).await.unwrap();
    prompts.delete("greeting").await.unwrap();
    for error in [prompts.delete("greeting").await.unwrap_err(), prompts.get("greeting").await.unwrap_err()] {
        assert_eq!((error.tracia_code(), error.http_status()), (ErrorCode::NotFound, Some(404)));
    }
}
