//! A prompt that Tracia keeps: made, run there, changed, and its runs judged.
//!
//! `cargo run --example tracia_prompts --features tracia` needs no key: a stand-in for Tracia starts inside the
//! process. With `TRACIA_API_KEY` it asks Tracia, and leaves nothing there but the spans of the runs.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{env, error::Error};
use tracing_genai::{
    testing::FakeTracia,
    tracia::{Api, ErrorCode, Eval, Message, NewPrompt, PromptUpdate},
};

const SLUG: &str = "example-greeting";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let stand_in = FakeTracia::start()?;
    stand_in.answer_runs([("text", "Hello, Ann.".into())]);
    let tracia = match env::var_os("TRACIA_API_KEY") {
        Some(_) => Api::from_env()?,
        None => Api::builder(stand_in.api_key()).base_url(stand_in.url()).build()?,
    };
    let prompts = tracia.prompts();

    let new = NewPrompt::new("Greeting").slug(SLUG).system("Be brief.").user("Say hello to {{name}}.");
    match prompts.create(new).await {
        Ok(prompt) => println!("{} has the variables {:?}.", prompt.slug, prompt.variables),
        Err(error) if error.tracia_code() == ErrorCode::Conflict => println!("{SLUG} is there already."),
        Err(error) => return Err(error.into()),
    }

    let missing = prompts.run(SLUG).send().await.map_err(|error| error.tracia_code());
    println!("Without a name: {:?}.", missing.err());
    let answer = prompts.run(SLUG).variable("name", "Ann").user_id("u_17").send().await?;
    println!("With one: {}", answer.text.unwrap_or_default());

    let update = PromptUpdate::new().content([Message::user("Greet {{name}} in Danish.")]);
    println!("Changed, it has version {:?}.", prompts.update(SLUG, update).await?.current_version);

    let spans = tracia.spans();
    for span in spans.list().prompt_slug(SLUG).limit(100).pages().all().await? {
        spans.evaluate(&span.span_id, "quality", Eval::POSITIVE).note("Polite.").send().await?;
        println!("{} of {} is judged.", span.status, span.created_at.unwrap_or_default());
    }
    prompts.delete(SLUG).await?;
    Ok(())
}
