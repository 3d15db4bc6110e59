//! One run of an agent goes to a collector, to PostHog and to Tracia at once, and each sees of what was said what its
//! own policy allows, and nothing else in any form.
#![cfg(all(feature = "client", feature = "export", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../export_receiver/mod.rs"]
mod export_receiver;
mod needles;
mod run;

use export_receiver::Receiver;
use run::{Pipeline, Saying};
use std::{collections::BTreeMap, sync::Mutex};
use tracing_genai::{
    ContentCapture, Destination, Telemetry,
    export::TelemetryBuilder,
    testing::{FakePostHog, FakeTracia},
};

/// One telemetry of a process has the pipeline of its own: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What a destination may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Policy {
    None,
    /// All, with everything secret taken out: of what is said the answer alone is not.
    Redacted,
    Everything,
}

impl Policy {
    fn capture(self) -> ContentCapture {
        match self {
            Self::None => ContentCapture::off(),
            Self::Redacted => Self::Everything.capture().redact(|text| {
                let secrets = run::SAYINGS.iter().filter(|saying| saying.least == Self::Everything);
                let forms = secrets.flat_map(|saying| needles::forms(saying.text));
                forms.fold(text.to_owned(), |text, form| text.replace(&form, REDACTED)).into()
            }),
            Self::Everything => ContentCapture::on().tool_parameters(true),
        }
    }
}

const REDACTED: &str = "[taken out]";

const PERMUTATIONS: [[Policy; 3]; 6] = {
    use Policy::{Everything, None, Redacted};
    [
        [None, Redacted, Everything],
        [None, Everything, Redacted],
        [Redacted, None, Everything],
        [Redacted, Everything, None],
        [Everything, None, Redacted],
        [Everything, Redacted, None],
    ]
};

/// All bytes that a destination was sent: paths, headers, bodies without their compression.
type Bytes = Vec<u8>;

struct World {
    collector: Receiver,
    posthog: FakePostHog,
    tracia: FakeTracia,
}

const KEYS: [&str; 3] = ["collector-key-0123456789", "phc_key0123456789", "tr_key0123456789"];

impl World {
    /// The run, sent under these policies of collector, PostHog and Tracia, with spans under one of their own.
    fn after(pipeline: Pipeline, [collector, posthog, tracia]: [Policy; 3], carried: Policy) -> Self {
        let world = Self {
            collector: Receiver::new(),
            posthog: FakePostHog::start().unwrap(),
            tracia: FakeTracia::start().unwrap(),
        };
        let destinations = [
            Destination::otlp(&world.collector.url).bearer(KEYS[0]).content(collector.capture()),
            Destination::posthog(KEYS[1]).host(world.posthog.url()).content(posthog.capture()),
            Destination::tracia(KEYS[2]).base_url(world.tracia.url()).content(tracia.capture()).into(),
        ];
        let builder = destinations.into_iter().fold(Telemetry::builder(), TelemetryBuilder::destination);
        let telemetry = builder.own_pipeline(pipeline == Pipeline::Own).build().unwrap();
        run::under(pipeline, &telemetry, &carried.capture());
        let report = telemetry.flush_blocking(run::PATIENCE).unwrap();
        assert_eq!(
            (report.recorded, report.rejected, report.dropped),
            (report.delivered, 0, 0),
            "{report:?}"
        );
        assert_eq!(world.posthog.refusals(), []);
        assert_eq!(world.tracia.refusals(), []);
        world
    }

    fn bytes(&self) -> [Bytes; 3] {
        let collector = self.collector.requests();
        let collector = collector.iter().flat_map(|request| {
            let head = format!("{} {:?}", request.path, request.headers);
            [head.into_bytes(), request.body.clone()].concat()
        });
        let of = |requests: Vec<tracing_genai::testing::ReceivedRequest>| -> Bytes {
            let parts = requests.into_iter().flat_map(|request| {
                let headers = request
                    .headers
                    .iter()
                    .flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
                let head = headers.fold(request.path.clone().into_bytes(), |all, part| [&all, part].concat());
                [head, request.body.to_vec(), request.unzipped_body().to_vec()].concat()
            });
            parts.collect()
        };
        [collector.collect(), of(self.posthog.requests()), of(self.tracia.requests())]
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    needles::forms(text).iter().any(|form| memchr::memmem::find(bytes, form.as_bytes()).is_some())
}

fn each_sees_what_its_policy_allows(pipeline: Pipeline) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let of_spans = [Policy::None, Policy::Everything];
    for (policies, carried) in PERMUTATIONS.iter().flat_map(|all| of_spans.map(|carried| (*all, carried))) {
        let bytes = World::after(pipeline, policies, carried).bytes();
        for (place, policy) in policies.into_iter().enumerate() {
            let name = ["collector", "PostHog", "Tracia"][place];
            for Saying { what, text, least, has_form } in run::SAYINGS {
                let may = policy >= *least;
                assert_eq!(
                    has(&bytes[place], text),
                    may && has_form[place],
                    "{pipeline:?}, {policies:?}, spans {carried:?}: {what} at {name}"
                );
            }
            assert_eq!(has(&bytes[place], REDACTED), policy == Policy::Redacted, "{policies:?}: {name}");
            for (whose, key) in KEYS.into_iter().enumerate() {
                assert_eq!(has(&bytes[place], key), whose == place, "{name}: the key {key}");
            }
            assert!(!has(&bytes[place], run::PROVIDER_KEY), "{name}: the provider's key");
        }
    }
}

#[test]
fn each_sees_what_its_policy_allows_under_the_layer() {
    each_sees_what_its_policy_allows(Pipeline::Layer);
}

#[test]
fn each_sees_what_its_policy_allows_under_a_pipeline_of_its_own() {
    each_sees_what_its_policy_allows(Pipeline::Own);
}

/// Names of the spans and of those above them, with the user and the session of each.
type Tree = Vec<(String, Option<String>, Option<String>, Option<String>)>;

fn collectors_tree(world: &World) -> Tree {
    let spans = world.collector.spans();
    let text = |span: &opentelemetry_proto::tonic::trace::v1::Span, key: &str| {
        let value = export_receiver::value(&span.attributes, key)?;
        match value {
            opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text) => Some(text.clone()),
            _ => None,
        }
    };
    let names: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id.clone(), span.name.clone())).collect();
    let mut tree: Tree = spans
        .iter()
        .map(|span| {
            let above = (!span.parent_span_id.is_empty()).then(|| names[&span.parent_span_id].clone());
            (span.name.clone(), above, text(span, "user.id"), text(span, "session.id"))
        })
        .collect();
    tree.sort();
    tree
}

fn posthogs_tree(world: &World) -> Tree {
    let events = world.posthog.events();
    let text = |event: &tracing_genai::testing::PostHogEvent, key: &str| {
        event.properties.get(key).map(|value| value.as_str().unwrap().to_owned())
    };
    // What is no span goes by the name of its event.
    let name = |event: &_| text(event, "$ai_span_name").unwrap_or_else(|| event.name.clone());
    let names: BTreeMap<_, _> =
        events.iter().map(|event| (text(event, "$ai_span_id"), name(event))).collect();
    let mut tree: Tree = events
        .iter()
        .map(|event| {
            let above = text(event, "$ai_parent_id").map(|id| names[&Some(id)].clone());
            (name(event), above, Some(event.distinct_id.clone()), text(event, "$ai_session_id"))
        })
        .collect();
    tree.sort();
    tree
}

fn tree(rows: &[(&str, Option<&str>)]) -> Tree {
    let marked = |text: &str| Some(text.to_owned());
    let mut tree: Tree = rows
        .iter()
        .map(|(name, above)| ((*name).to_owned(), above.map(str::to_owned), marked("u-7"), marked("s-1")))
        .collect();
    tree.sort();
    tree
}

/// The operations of the run, each below what it belongs to.
const OPERATIONS: [(&str, Option<&str>); 8] = [
    ("invoke_agent guide", None),
    ("chat gpt-4o", Some("invoke_agent guide")),
    ("chat gpt-4o-refused", Some("invoke_agent guide")),
    ("execute_tool look_up", Some("invoke_agent guide")),
    ("chat gpt-4o-mini", Some("invoke_agent guide")),
    ("embeddings text-embedding-3-small", Some("invoke_agent guide")),
    ("gen_ai.evaluation.result", Some("chat gpt-4o-mini")),
    ("gen_ai.evaluation.result", Some("chat gpt-4o-mini")),
];

fn each_sees_its_spans_with_the_right_parents(pipeline: Pipeline) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let world = World::after(pipeline, [Policy::None, Policy::Redacted, Policy::Everything], Policy::None);
    let mut operations = OPERATIONS.to_vec();
    let mut events = operations.clone();
    events.retain(|(name, _)| *name != "gen_ai.evaluation.result");
    events.push(("chat theirs", Some("invoke_agent guide")));
    let judgements = ["$ai_evaluation", "$ai_feedback", "$ai_metric", "$ai_metric"];
    events.extend(judgements.map(|name| (name, Some("chat gpt-4o-mini"))));
    assert_eq!(posthogs_tree(&world), tree(&events));
    // Theirs is inside the program's own span, which is no operation.
    operations.extend([("chat theirs", Some("step")), ("step", Some("invoke_agent guide"))]);
    assert_eq!(collectors_tree(&world), tree(&operations));

    let spans = world.tracia.spans();
    let mut models: Vec<_> = spans.iter().map(|span| span["model"].as_str().unwrap()).collect();
    models.sort_unstable();
    assert_eq!(models, ["gpt-4o", "gpt-4o-mini", "gpt-4o-refused", "text-embedding-3-small", "theirs"]);
    // No call is above another.
    assert!(spans.iter().all(|span| span.get("parentSpanId").is_none()));
    assert!(spans.iter().all(|span| span["userId"] == "u-7" && span["sessionId"] == "s-1"));
    assert!(spans.iter().all(|span| span["traceId"] == spans[0]["traceId"]));
    let judged = spans.iter().find(|span| span["model"] == "gpt-4o-mini").unwrap();
    let evaluations = world.tracia.evaluations();
    let mut keys: Vec<_> =
        evaluations.iter().map(|one| (one.evaluator_key.as_str(), one.span_id.as_str())).collect();
    // Both come after their span, at once.
    keys.sort_unstable();
    let id = judged["spanId"].as_str().unwrap();
    assert_eq!(keys, [("quality", id), ("user_feedback", id)]);
}

#[test]
fn each_sees_its_spans_with_the_right_parents_under_the_layer() {
    each_sees_its_spans_with_the_right_parents(Pipeline::Layer);
}

#[test]
fn each_sees_its_spans_with_the_right_parents_under_a_pipeline_of_its_own() {
    each_sees_its_spans_with_the_right_parents(Pipeline::Own);
}
