use super::*;
use std::time::{Duration, UNIX_EPOCH};

fn built(builder: ApiBuilder) -> Result<Api, String> {
    builder.build().map_err(|error| error.to_string())
}

#[test]
fn the_api_is_below_the_base_address() {
    for (base, expected) in [
        ("https://x.io", "https://x.io/api/v1"),
        ("https://x.io/", "https://x.io/api/v1"),
        ("https://x.io/tracia/", "https://x.io/tracia/api/v1"),
        ("https://x.io/api/v1", "https://x.io/api/v1"),
        ("https://x.io/api/v1/spans", "https://x.io/api/v1"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080/api/v1"),
    ] {
        let api = built(Api::builder("tr_key").base_url(base)).unwrap();
        assert_eq!(api.0.base.as_str(), expected);
    }
    assert_eq!(Api::new("tr_key").unwrap().0.base.as_str(), "https://app.tracia.io/api/v1");
}

#[test]
fn an_address_that_is_none_is_an_error_that_names_the_option() {
    for base in ["", "app.tracia.io", "ftp://x.io", "http://", "https://me:hunter2@x.io", "https://x.io?a=b"]
    {
        let error = built(Api::builder("tr_key").base_url(base)).unwrap_err();
        assert!(error.contains("ApiBuilder::base_url") && !error.contains("hunter2"), "{base:?}: {error}");
    }
}

#[test]
fn a_key_that_cannot_be_one_is_an_error_that_does_not_show_it() {
    for (key, why) in
        [("", "is empty"), ("  ", "blanks"), ("tr_hunter 2", "blanks"), ("tr_hünter2", "characters")]
    {
        let error = Api::new(key).unwrap_err();
        assert_eq!(error.tracia_code(), ErrorCode::InvalidRequest);
        let error = error.to_string();
        assert!(error.contains("tracia::Api") && error.contains(why), "{error}");
        assert!(!error.contains("nter"), "{error}");
    }
}

#[test]
fn the_environment_gives_key_and_address() {
    let lookup = |name: &str| match name {
        "TRACIA_API_KEY" => Some(" tr_key ".to_owned()),
        "TRACIA_BASE_URL" => Some("https://x.io".to_owned()),
        _ => None,
    };
    let api = ApiBuilder::from_lookup(lookup).unwrap().build().unwrap();
    assert_eq!(api.0.base.as_str(), "https://x.io/api/v1");
    assert_eq!(api.0.authorization, "Bearer tr_key");
}

#[test]
fn what_the_environment_has_wrong_is_named_by_its_variable() {
    for (key, base, variable) in [
        (None, None, "TRACIA_API_KEY"),
        (Some(" "), None, "TRACIA_API_KEY"),
        (Some("tr_a b"), None, "TRACIA_API_KEY"),
        (Some("tr_key"), Some("nowhere"), "TRACIA_BASE_URL"),
    ] {
        let lookup = |name: &str| match name {
            "TRACIA_API_KEY" => key.map(str::to_owned),
            _ => base.map(str::to_owned),
        };
        let built = ApiBuilder::from_lookup(lookup).and_then(ApiBuilder::build);
        assert!(built.unwrap_err().to_string().contains(variable));
    }
}

#[test]
fn it_waits_as_long_as_tracias_sdks_unless_told_otherwise() {
    assert_eq!(Api::new("tr_key").unwrap().0.timeout, Duration::from_secs(120));
    let api = Api::builder("tr_key").timeout(Duration::from_secs(3)).build().unwrap();
    assert_eq!(api.0.timeout, Duration::from_secs(3));
}

#[test]
fn debug_shows_no_key() {
    let builder = Api::builder("tr_hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"));
    let api = builder.build().unwrap();
    assert!(!format!("{api:?}{:?}{:?}", api.prompts(), api.spans().list()).contains("hunter2"));
}

#[test]
fn a_part_of_a_path_is_encoded_whole() {
    assert_eq!(address::encoded("a/b c?é%+,"), "a%2Fb%20c%3F%C3%A9%25%2B%2C");
    assert_eq!(address::encoded("sp_0-1.2~A"), "sp_0-1.2~A");
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let wait = |value| refusal::wait(value, now);
    assert_eq!(wait("7"), Some(Duration::from_secs(7)));
    assert_eq!(wait(" 0.5 "), Some(Duration::from_millis(500)));
    assert_eq!(wait("Sun, 09 Sep 2001 01:46:45 GMT"), Some(Duration::from_secs(5)));
    assert_eq!(wait("Sun, 09 Sep 2001 01:46:30 GMT"), Some(Duration::ZERO));
    assert_eq!((wait("-1"), wait("soon"), wait("NaN")), (None, None, None));
}

#[test]
fn the_ids_of_new_spans_differ() {
    let ids = |_| NewSpan::llm("openai", "gpt-4o").body().map(|(span, trace, _)| [span, trace]).unwrap();
    let ids: std::collections::HashSet<_> = (0..100).flat_map(ids).collect();
    assert_eq!(ids.len(), 200);
}
