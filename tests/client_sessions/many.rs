//! A thousand sessions at once, of five turns each.

use super::world::{MODEL, NO_MODEL, OTHERS, Told, World};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Semaphore;
use tracing::instrument::WithSubscriber;
use tracing_genai::client::{Provider, Session};

const SESSIONS: usize = 1_000;
const TURNS: usize = 5;
/// How many calls are under way at once, so that their connections are not too many.
const AT_ONCE: usize = 64;

/// What becomes of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Whole,
    Streamed,
    Embedded,
    Failed,
    Aborted,
    Untold,
    /// By a provider that Tracia does not know.
    Other,
}

use Turn::{Aborted, Embedded, Failed, Other, Streamed, Untold, Whole};

impl Turn {
    /// Whether Tracia gets it.
    fn is_sent(self) -> bool {
        !matches!(self, Untold | Other)
    }

    /// Whether it may be the parent of another there.
    fn is_before_others(self) -> bool {
        matches!(self, Whole | Streamed | Embedded)
    }
}

async fn take(session: &Session, turn: Turn, user: String) {
    let chat = |model: &str| session.chat(model).user("Hi").user_id(user.clone());
    match turn {
        Whole => _ = chat(MODEL).await.unwrap(),
        Streamed => _ = chat(MODEL).stream().await.unwrap().finish().await.unwrap(),
        Embedded => {
            session.embed("text-embedding-3-small").input("sea").user_id(user).await.unwrap();
        }
        Failed => _ = chat(NO_MODEL).provider(Provider::OpenAi).await.unwrap_err(),
        Aborted => chat(MODEL).stream().await.unwrap().abort(),
        Untold => _ = chat(MODEL).send_trace(false).await.unwrap(),
        Other => _ = chat(OTHERS).await.unwrap(),
    }
}

/// Runs them all, and checks every chain in both places.
async fn run(world: &World, plan: Vec<[Turn; TURNS]>) {
    let plan = Arc::new(plan);
    let (ids, told) = world
        .run(async |client| {
            let places = Arc::new(Semaphore::new(AT_ONCE));
            let mut tasks = Vec::new();
            for number in 0..SESSIONS {
                let (session, places, plan) = (client.session(), Arc::clone(&places), Arc::clone(&plan));
                let task = async move {
                    for (place, turn) in plan[number].into_iter().enumerate() {
                        let _place = places.acquire().await.unwrap();
                        take(&session, turn, format!("{number}-{place}")).await;
                    }
                    session.trace_id()
                };
                tasks.push(tokio::spawn(task.with_current_subscriber()));
            }
            let mut ids = Vec::new();
            for task in tasks {
                ids.push(task.await.unwrap());
            }
            ids
        })
        .await;
    check(&plan, &ids, &told);
}

fn check(plan: &[[Turn; TURNS]], ids: &[String], told: &Told) {
    let of_tracia: HashMap<_, _> =
        told.tracia.iter().map(|span| (span["userId"].as_str().unwrap(), span)).collect();
    let user =
        |span: &tracing_genai::testing::FinishedSpan| span.attributes["user.id"].as_str().unwrap().to_owned();
    let spans: HashMap<_, _> = told.spans.iter().map(|span| (user(span), span)).collect();
    let (mut sent, mut seen) = (0, 0);
    for (number, turns) in plan.iter().enumerate() {
        let (mut parent, mut previous) = (None, None);
        for (place, turn) in turns.iter().enumerate() {
            let name = format!("{number}-{place}");
            if turn.is_sent() {
                sent += 1;
                let span = of_tracia[name.as_str()];
                assert_eq!(span["traceId"], *ids[number], "{name}");
                assert_eq!(span["parentSpanId"].as_str(), parent, "{name} {turns:?}");
                let is_error = span["status"] == "ERROR";
                assert_eq!(is_error, !turn.is_before_others(), "{name} {span}");
                if turn.is_before_others() {
                    parent = span["spanId"].as_str();
                }
            }
            if *turn != Untold {
                seen += 1;
                let span = spans[&name];
                assert_eq!(span.attributes["gen_ai.conversation.id"], *ids[number], "{name}");
                let links: Vec<_> = span.links.iter().map(|link| link.span_id.clone()).collect();
                assert_eq!(links, Vec::from_iter(previous.clone()), "{name} {turns:?}");
                if turn.is_before_others() || *turn == Other {
                    previous = Some(span.span_id.clone());
                }
            }
        }
    }
    assert_eq!((told.tracia.len(), told.spans.len()), (sent, seen));
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), SESSIONS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_chain_is_right() {
    let world = World::new();
    run(&world, vec![[Whole; TURNS]; SESSIONS]).await;
}

/// A small generator of numbers that look random, the same in every run (xorshift64).
fn numbers(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_chain_is_right_whatever_becomes_of_its_calls() {
    const ALL: [Turn; 9] = [Whole, Streamed, Embedded, Whole, Streamed, Failed, Aborted, Untold, Other];
    let mut next = numbers(0x2026_1122_0042_4242);
    let plan =
        (0..SESSIONS).map(|_| [(); TURNS].map(|()| ALL[(next() % ALL.len() as u64) as usize])).collect();
    run(&World::new(), plan).await;
}
