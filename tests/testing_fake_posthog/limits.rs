use super::{PROTOBUF, chat, export, gzip, post, post_raw, posthog, span, status, text};
use prost::Message;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn takes_a_hundred_ai_spans_in_a_request() {
    let posthog = posthog();
    assert_eq!(status(post(&posthog, &export(vec![chat(vec![]); 100]))).await, 200);
    assert_eq!(posthog.events().len(), 100);
}

#[tokio::test]
async fn takes_none_of_a_hundred_and_one_ai_spans() {
    let posthog = posthog();
    assert_eq!(status(post(&posthog, &export(vec![chat(vec![]); 101]))).await, 400);
    assert!(posthog.events().is_empty());
    assert_eq!(posthog.refusals()[0].reason, "101 AI spans, 100 at most");
}

#[tokio::test]
async fn takes_a_thousand_spans_of_which_few_are_of_ai() {
    let posthog = posthog();
    let mut spans = vec![span(vec![text("http.route", "/")]); 999];
    spans.push(chat(vec![]));
    assert_eq!(status(post(&posthog, &export(spans.clone()))).await, 200);
    assert_eq!(posthog.events().len(), 1);

    spans.push(span(vec![]));
    assert_eq!(status(post(&posthog, &export(spans))).await, 400);
    assert_eq!(posthog.events().len(), 1);
}

/// One span whose request has exactly so many bytes.
fn request_of(size: usize) -> Vec<u8> {
    let of = |content: usize| export(vec![chat(vec![text("content", &"x".repeat(content))])]).encode_to_vec();
    let around = of(size).len() - size;
    of(size - around)
}

#[tokio::test]
async fn takes_four_mebibytes_and_not_one_byte_more() {
    let posthog = posthog();
    let (fits, over) = (request_of(4 * MIB), request_of(4 * MIB + 1));
    assert_eq!((fits.len(), over.len()), (4 * MIB, 4 * MIB + 1));
    assert_eq!(status(post_raw(&posthog, PROTOBUF, fits)).await, 200);
    assert_eq!(status(post_raw(&posthog, PROTOBUF, over)).await, 413);
    assert_eq!(posthog.events().len(), 1);
}

#[tokio::test]
async fn counts_the_bytes_unzipped() {
    let posthog = posthog();
    for (size, expected) in [(4 * MIB, 200), (4 * MIB + 1, 413)] {
        let body = gzip(&request_of(size));
        assert!(body.len() < MIB);
        let request = post_raw(&posthog, PROTOBUF, body).header("content-encoding", "gzip");
        assert_eq!(status(request).await, expected);
    }
    assert_eq!(posthog.events().len(), 1);
}
