use super::{export, full_span, named, sink};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::{Code, codec::CompressionEncoding, transport::Channel};
use tracing_genai::testing::{Gate, OtlpSink, SinkAnswer};

async fn client(sink: &OtlpSink) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(sink.grpc_endpoint()).await.unwrap()
}

#[tokio::test]
async fn receives_spans() {
    let sink = sink();
    let mut request = tonic::Request::new(export(vec![full_span()]));
    request.metadata_mut().insert("x-key", "secret".parse().unwrap());
    client(&sink).await.export(request).await.unwrap();
    assert_eq!(sink.spans()[0].attributes["tokens"], 12);
    let request = &sink.requests()[0];
    assert_eq!(request.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!(request.header("x-key"), Some("secret"));
    assert_eq!(request.encoded_size, request.decoded_size);
}

#[tokio::test]
async fn reads_gzip() {
    let sink = sink();
    let mut client = client(&sink).await.send_compressed(CompressionEncoding::Gzip);
    client.export(export(vec![full_span(); 50])).await.unwrap();
    assert_eq!(sink.spans().len(), 50);
    assert!(sink.requests()[0].encoded_size < sink.requests()[0].decoded_size);
}

#[tokio::test]
async fn takes_messages_over_the_default_limit() {
    let sink = sink();
    client(&sink).await.export(named(&"x".repeat(5 << 20))).await.unwrap();
    assert_eq!(sink.spans().len(), 1);
}

#[tokio::test]
async fn answers_with_a_status_of_grpc() {
    let sink = sink();
    sink.answer_with(SinkAnswer::grpc_status(8, "too much").header("x-detail", "later"));
    let status = client(&sink).await.export(named("x")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "too much"));
    assert_eq!(status.metadata().get("x-detail").unwrap(), "later");
    assert!(sink.spans().is_empty());
}

#[tokio::test]
async fn answers_with_a_status_of_http_as_a_proxy_does() {
    let sink = sink();
    sink.answer_with(SinkAnswer::status(503));
    let status = client(&sink).await.export(named("x")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn tells_of_partial_success() {
    let sink = sink();
    sink.answer_with(SinkAnswer::partial_success(2, "too long"));
    let response = client(&sink).await.export(named("x")).await.unwrap().into_inner();
    assert_eq!(response.partial_success.unwrap().rejected_spans, 2);
}

#[tokio::test]
async fn hangs_up_and_takes_the_next_connection() {
    let sink = sink();
    let mut client = client(&sink).await;
    sink.answer_with(SinkAnswer::hang_up());
    assert!(client.export(named("lost")).await.is_err());
    client.export(named("kept")).await.unwrap();
    assert_eq!(sink.spans()[0].name, "kept");
}

#[tokio::test]
async fn holds_an_answer_and_sees_the_exporter_give_up() {
    let (sink, gate) = (sink(), Gate::new());
    sink.answer_with(SinkAnswer::accepted().held(&gate));
    let mut client = client(&sink).await;
    let sent = tokio::spawn(async move { client.export(named("late")).await });
    assert!(gate.reached_async().await);
    sent.abort();
    assert!(gate.client_gone_async().await);
    assert!(sink.spans().is_empty());
}
