//! Calls of Amazon Bedrock are signed as botocore signs them, with credentials that are kept as long as they
//! are good.
//!
//! `BOTO3_PYTHON` is the path of a python that has [boto3]; without it the tests that want botocore say that
//! they were skipped, or fail in CI, where nobody would read that.
//!
//! [boto3]: https://boto3.amazonaws.com/v1/documentation/api/latest/index.html
#![cfg(feature = "bedrock")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    env,
    ffi::OsString,
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tracing_genai::{
    Client, Error,
    client::{Endpoint, Provider, Reply},
    record::ErrorKind,
    testing::{Answer, FakeProvider, ReceivedRequest, capture_async},
};

const NOVA: &str = "amazon.nova-lite-v1:0";
const ARN: &str = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0";
const TITAN: &str = "amazon.titan-embed-text-v2:0";
const REGION: &str = "eu-west-1";
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE//session+token==";

/// Gives the credentials of `make`, and counts how often it is asked.
#[derive(Clone)]
struct Counting {
    asked: Arc<AtomicUsize>,
    make: fn(usize) -> provider::Result,
}

impl Counting {
    fn new(make: fn(usize) -> provider::Result) -> Self {
        Self { asked: Arc::default(), make }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let given = (self.make)(0);
        let given = given.as_ref().map(|given| {
            (given.access_key_id(), given.secret_access_key(), given.session_token().unwrap_or_default())
        });
        // A provider of the user's that is careless.
        write!(formatter, "Counting({given:?})")
    }
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready((self.make)(self.asked.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

fn lasting(_: usize) -> provider::Result {
    Ok(Credentials::new(KEY, SECRET, Some(TOKEN.to_owned()), None, "test"))
}

/// Each has a name of its own.
fn numbered(number: usize) -> provider::Result {
    Ok(Credentials::new(format!("AKID{number}"), SECRET, None, None, "test"))
}

fn ending_in(number: usize, seconds: u64) -> provider::Result {
    let end = SystemTime::now() + Duration::from_secs(seconds);
    Ok(Credentials::new(format!("AKID{number}"), SECRET, None, Some(end), "test"))
}

fn none(_: usize) -> provider::Result {
    Err(CredentialsError::not_loaded("nothing is set here"))
}

fn endpoint(provider: &FakeProvider) -> Endpoint {
    Endpoint::new(Provider::Bedrock).base_url(provider.bedrock_url()).location(REGION)
}

fn client(provider: &FakeProvider, credentials: &Counting, retries: u32) -> Client {
    let endpoint = endpoint(provider).credentials(credentials.clone());
    Client::builder().endpoint(endpoint).max_retries(retries).build().unwrap()
}

async fn send(client: &Client) -> Result<Reply, Error> {
    client.chat(NOVA).provider(Provider::Bedrock).user("Hi").send().await
}

/// Which credentials each request was signed with.
fn signers(provider: &FakeProvider) -> Vec<String> {
    let requests = provider.requests();
    let signer = |request: &ReceivedRequest| {
        let authorization = request.header("authorization").unwrap();
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=").unwrap();
        rest.split('/').next().unwrap().to_owned()
    };
    requests.iter().map(signer).collect()
}

/// The `authorization` that botocore gives these requests; `None`, and a word about it, where there is none.
fn signed_by_botocore(provider: &FakeProvider, token: Option<&str>) -> Option<Vec<String>> {
    let python = python()?;
    let requests: Vec<Value> = provider
        .requests()
        .iter()
        .map(|request| {
            let headers = request.headers.iter();
            let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
            json!({
                "method": request.method.as_str(),
                "url": format!("http://{}{}", request.header("host").unwrap(), request.path),
                "headers": headers.collect::<std::collections::BTreeMap<_, _>>(),
                "body": STANDARD.encode(&request.body),
            })
        })
        .collect();
    let given =
        json!({ "region": REGION, "key": KEY, "secret": SECRET, "token": token, "requests": requests });
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bedrock_signature.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn python() -> Option<OsString> {
    let python = env::var_os("BOTO3_PYTHON");
    if python.is_none() {
        let missing = "BOTO3_PYTHON is not set";
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
        eprintln!("skipped: {missing}");
    }
    python
}

/// The only request has this path, behind the stand-in's own, and the signature that botocore gives it.
fn assert_signed(provider: &FakeProvider, path: &str) {
    let [request] = &provider.requests()[..] else { panic!("one request") };
    assert_eq!(request.path, format!("/bedrock{path}"));
    assert_eq!(request.header("x-amz-security-token"), Some(TOKEN));
    let authorization = request.header("authorization").unwrap();
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token";
    assert!(authorization.contains(signed), "{authorization}");
    assert!(authorization.contains("/eu-west-1/bedrock/aws4_request"), "{authorization}");
    let Some(expected) = signed_by_botocore(provider, Some(TOKEN)) else { return };
    assert_eq!([authorization], expected[..]);
}

#[tokio::test]
async fn a_call_is_signed_as_botocore_signs_it() {
    let provider = FakeProvider::start().unwrap();
    send(&client(&provider, &Counting::new(lasting), 0)).await.unwrap();
    assert_signed(&provider, "/model/amazon.nova-lite-v1%3A0/converse");
}

#[tokio::test]
async fn a_call_of_an_arn_is_signed_as_botocore_signs_it() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider, &Counting::new(lasting), 0);
    client.chat(ARN).user("Hi \u{e9}").send().await.unwrap();
    let arn =
        "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0";
    assert_signed(&provider, &format!("/model/{arn}/converse"));
}

#[tokio::test]
async fn a_stream_is_signed_as_botocore_signs_it() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider, &Counting::new(lasting), 0);
    client.chat(NOVA).user("Hi").stream().await.unwrap().finish().await.unwrap();
    assert_signed(&provider, "/model/amazon.nova-lite-v1%3A0/converse-stream");
}

#[tokio::test]
async fn an_embedding_is_signed_as_botocore_signs_it() {
    let provider = FakeProvider::start().unwrap();
    let client = client(&provider, &Counting::new(lasting), 0);
    client.embed(TITAN).input("Hi").send().await.unwrap();
    assert_signed(&provider, "/model/amazon.titan-embed-text-v2%3A0/invoke");
}

#[tokio::test]
async fn of_the_users_headers_only_aws_s_own_are_signed() {
    let provider = FakeProvider::start().unwrap();
    let endpoint = endpoint(&provider)
        .header("x-gateway-key", "a-secret-of-the-users")
        .header("x-amz-mine", "\"quoted  text\"")
        .credentials(Counting::new(lasting));
    let client = Client::builder().endpoint(endpoint).build().unwrap();
    client.chat(NOVA).user("Hi").send().await.unwrap();
    let requests = provider.requests();
    let authorization = requests[0].header("authorization").unwrap();
    assert!(authorization.contains("x-amz-mine;x-amz-security-token,"), "{authorization}");
    assert!(!authorization.contains("x-gateway-key"), "{authorization}");
    assert_eq!(requests[0].header("x-gateway-key"), Some("a-secret-of-the-users"));
    let Some(expected) = signed_by_botocore(&provider, Some(TOKEN)) else { return };
    assert_eq!([authorization], expected[..]);
}

#[tokio::test]
async fn credentials_without_a_session_are_signed_as_botocore_signs_them() {
    let provider = FakeProvider::start().unwrap();
    let credentials = Counting::new(|_| Ok(Credentials::new(KEY, SECRET, None, None, "test")));
    send(&client(&provider, &credentials, 0)).await.unwrap();
    let requests = provider.requests();
    assert_eq!(requests[0].header("x-amz-security-token"), None);
    let Some(expected) = signed_by_botocore(&provider, None) else { return };
    assert_eq!([requests[0].header("authorization").unwrap()], expected[..]);
}

#[tokio::test]
async fn credentials_are_kept_between_calls() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 0);
    for _ in 0..3 {
        send(&client).await.unwrap();
    }
    send(&client.clone()).await.unwrap();
    assert_eq!(credentials.asked(), 1);
    assert_eq!(signers(&provider), ["AKID1"; 4]);
}

#[tokio::test]
async fn calls_at_the_same_time_ask_for_credentials_once() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 0);
    let (first, second) = tokio::join!(send(&client), send(&client));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((credentials.asked(), signers(&provider).len()), (1, 2));
}

#[tokio::test]
async fn credentials_that_end_much_later_are_kept() {
    let provider = FakeProvider::start().unwrap();
    let credentials = Counting::new(|number| ending_in(number, 3600));
    let client = client(&provider, &credentials, 0);
    send(&client).await.unwrap();
    send(&client).await.unwrap();
    assert_eq!(credentials.asked(), 1);
}

#[tokio::test]
async fn credentials_that_end_soon_are_asked_for_anew() {
    let provider = FakeProvider::start().unwrap();
    let credentials = Counting::new(|number| ending_in(number, 60));
    let client = client(&provider, &credentials, 0);
    send(&client).await.unwrap();
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKID1", "AKID2"]);
}

#[tokio::test]
async fn credentials_that_are_refused_are_asked_for_anew_and_the_call_is_tried_again() {
    for refusal in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
        let client = client(&provider, &credentials, 1);
        send(&client).await.unwrap();
        provider.enqueue(Answer::error(403, refusal, None, "The security token included is expired."));
        let (reply, spans) = capture_async(send(&client)).await;
        assert!(reply.is_ok(), "{refusal}: {reply:?}");
        assert_eq!(signers(&provider), ["AKID1", "AKID1", "AKID2"], "{refusal}");
        assert_eq!(spans.len(), 1, "one call is one span");
    }
}

#[tokio::test]
async fn a_stream_whose_credentials_are_refused_is_tried_again() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 1);
    send(&client).await.unwrap();
    provider.enqueue(Answer::error(403, "ExpiredTokenException", None, "Expired."));
    client.chat(NOVA).user("Hi").stream().await.unwrap().finish().await.unwrap();
    assert_eq!(signers(&provider), ["AKID1", "AKID1", "AKID2"]);
}

#[tokio::test]
async fn new_credentials_that_are_refused_too_are_an_error() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 2);
    send(&client).await.unwrap();
    for _ in 0..3 {
        provider.enqueue(Answer::error(403, "ExpiredTokenException", None, "Expired."));
    }
    let error = send(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Authentication, Some(403)));
    assert_eq!(signers(&provider), ["AKID1", "AKID1", "AKID2"]);
}

#[tokio::test]
async fn credentials_that_were_never_good_are_not_tried_again_but_asked_for_anew_by_the_next_call() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 1);
    provider.enqueue(Answer::error(403, "UnrecognizedClientException", None, "The token is invalid."));
    assert_eq!(send(&client).await.unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!(credentials.asked(), 1);
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKID1", "AKID2"]);
}

#[tokio::test]
async fn what_is_not_allowed_is_not_tried_again() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 1);
    send(&client).await.unwrap();
    provider.enqueue(Answer::error(403, "AccessDeniedException", None, "You may not invoke this model."));
    assert_eq!(send(&client).await.unwrap_err().kind(), ErrorKind::Permission);
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKID1"; 3]);
}

#[tokio::test]
async fn an_attempt_after_a_passing_failure_has_a_signature_of_its_own_time() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
    let busy = Answer::error(503, "ServiceUnavailableException", None, "Busy.").header("retry-after", "1");
    provider.enqueue(busy);
    send(&client(&provider, &credentials, 1)).await.unwrap();
    let requests = provider.requests();
    let dates: Vec<_> = requests.iter().map(|request| request.header("x-amz-date").unwrap()).collect();
    assert!(dates[0] < dates[1], "{dates:?}");
    let Some(expected) = signed_by_botocore(&provider, Some(TOKEN)) else { return };
    let sent: Vec<_> = requests.iter().map(|request| request.header("authorization").unwrap()).collect();
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn no_credentials_are_told_with_what_may_be_set() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(none));
    let error = send(&client(&provider, &credentials, 2)).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Authentication, None));
    let message = error.to_string();
    for word in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "nothing is set here"] {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(provider.requests().len(), 0);
    assert_eq!(credentials.asked(), 1, "nothing that a second attempt would mend");
}

#[tokio::test]
async fn credentials_are_good_until_their_end_though_no_new_ones_can_be_had() {
    let first_alone = |number| if number == 1 { ending_in(number, 60) } else { none(number) };
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(first_alone));
    let client = client(&provider, &credentials, 0);
    send(&client).await.unwrap();
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKID1", "AKID1"]);
    assert_eq!(credentials.asked(), 2);
}

#[tokio::test]
async fn calls_whose_credentials_are_refused_together_ask_for_new_ones_once() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(numbered));
    let client = client(&provider, &credentials, 1);
    send(&client).await.unwrap();
    for _ in 0..3 {
        provider.enqueue(Answer::error(403, "ExpiredTokenException", None, "The security token is expired."));
    }
    let (one, two, three) = tokio::join!(send(&client), send(&client), send(&client));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(credentials.asked(), 2);
}

#[tokio::test]
async fn credentials_that_come_later_are_found_by_the_next_call() {
    let provider = FakeProvider::start().unwrap();
    let credentials = Counting::new(|number| if number == 1 { none(number) } else { numbered(number) });
    let client = client(&provider, &credentials, 0);
    assert!(send(&client).await.is_err());
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKID2"]);
}

/// Runs this program of this file with these variables, and none of AWS's besides.
fn run_with(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(env::current_exe().unwrap());
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    let nothing = env::temp_dir().join("tracing-genai-no-such-file");
    let output = command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs([("AWS_CONFIG_FILE", &nothing), ("AWS_SHARED_CREDENTIALS_FILE", &nothing)])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "a program that the tests run"]
async fn with_the_chain() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder().endpoint(endpoint(&provider)).build().unwrap();
    send(&client).await.unwrap();
    assert_eq!(signers(&provider), ["AKIDCHAIN"]);
}

#[tokio::test]
#[ignore = "a program that the tests run"]
async fn with_an_empty_chain() {
    let provider = FakeProvider::start().unwrap();
    let client = Client::builder().endpoint(endpoint(&provider)).build().unwrap();
    let error = send(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Authentication, None));
    let message = error.to_string();
    for word in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"] {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn credentials_of_the_environment_are_found() {
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDCHAIN"), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    run_with("with_the_chain", &variables);
}

#[test]
fn credentials_of_a_profile_are_found() {
    let file = env::temp_dir().join(format!("tracing-genai-profile-{}", std::process::id()));
    let profile = format!("[other]\naws_access_key_id = AKIDCHAIN\naws_secret_access_key = {SECRET}\n");
    std::fs::write(&file, profile).unwrap();
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()), ("AWS_PROFILE", "other")];
    run_with("with_the_chain", &variables);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn an_empty_chain_is_told_with_what_may_be_set() {
    run_with("with_an_empty_chain", &[]);
}

#[tokio::test]
async fn an_api_key_is_sent_as_a_bearer_and_nothing_is_signed() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
    let endpoint = endpoint(&provider).credentials(credentials.clone()).api_key("bedrock-api-key-EXAMPLE");
    let client = Client::builder().endpoint(endpoint).build().unwrap();
    send(&client).await.unwrap();
    let request = provider.requests().remove(0);
    assert_eq!(request.header("authorization"), Some("Bearer bedrock-api-key-EXAMPLE"));
    assert_eq!((request.header("x-amz-date"), request.header("x-amz-security-token")), (None, None));
    assert_eq!(credentials.asked(), 0);
}

#[tokio::test]
async fn a_wrong_clock_is_told() {
    for said in [
        "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z",
        "Signature not yet current: 20260101T010000Z is still later than 20260101T000000Z",
    ] {
        let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
        provider.enqueue(Answer::error(403, "InvalidSignatureException", None, said));
        let error = send(&client(&provider, &credentials, 0)).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Authentication, Some(403)));
        let message = error.to_string();
        assert!(message.contains(said) && message.contains("this machine's clock"), "{message}");
    }
}

/// Nothing that is secret stands in this.
fn assert_no_secret(text: &str) {
    for secret in [SECRET, TOKEN, "bedrock-api-key-EXAMPLE", "Signature=", "AWS4-HMAC"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn no_debug_output_has_a_secret() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
    let endpoint = endpoint(&provider).credentials(credentials.clone());
    assert_no_secret(&format!("{endpoint:?}"));
    let builder = Client::builder().endpoint(endpoint.clone());
    assert_no_secret(&format!("{builder:?}"));
    let client = builder.build().unwrap();
    assert_no_secret(&format!("{:?}", send(&client).await.unwrap()));
    assert_no_secret(&format!("{client:?}"));
    let with_key = Client::builder().endpoint(endpoint.api_key("bedrock-api-key-EXAMPLE")).build().unwrap();
    assert_no_secret(&format!("{with_key:?} {:?}", with_key.chat(NOVA)));
}

#[tokio::test]
async fn no_span_has_a_secret() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
    // Spans of every level, and the events of the libraries below.
    let (reply, spans) = capture_async(send(&client(&provider, &credentials, 0))).await;
    assert!(reply.is_ok());
    assert_no_secret(&format!("{spans:?}"));
}

#[tokio::test]
async fn no_error_has_a_secret() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(lasting));
    let client = client(&provider, &credentials, 0);
    // As AWS does, which repeats what should have been signed.
    let said = format!(
        "The request signature we calculated does not match the signature you provided.\n\n\
         The Canonical String for this request should have been\n'POST\nx-amz-security-token:{TOKEN}\n'"
    );
    provider.enqueue(Answer::error(403, "InvalidSignatureException", None, &said));
    let (error, spans) = capture_async(send(&client)).await;
    let error = error.unwrap_err();
    assert_no_secret(&format!("{error} {error:?} {spans:?}"));
}

#[tokio::test]
async fn an_error_without_credentials_has_no_secret() {
    let (provider, credentials) = (FakeProvider::start().unwrap(), Counting::new(none));
    let (error, spans) = capture_async(send(&client(&provider, &credentials, 0))).await;
    let error = error.unwrap_err();
    assert_no_secret(&format!("{error} {error:?} {spans:?}"));
}
