//! Which provider a model's name tells, held to the models of another registry and to recorded calls.
//!
//! Neither is part of this repository: `RECORDED_DIR` names the folder of the recordings, beside which the
//! registry lies in `spec`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use serde_json::Value;
use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use tracing_genai::provider::Provider;

/// The folder of the recordings; without it a test is skipped, which it says, and in CI it fails.
fn recorded() -> Option<PathBuf> {
    let root = env::var_os("RECORDED_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recorded"), PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    let missing = format!("{} holds no recorded exchanges: set RECORDED_DIR to their folder", root.display());
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
    let _ = writeln!(io::stderr(), "skipped: {missing}");
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn told(model: &str) -> Option<Provider> {
    Provider::of_model(model).map(|(provider, _)| provider)
}

#[test]
fn every_model_of_tracias_registry_tells_its_provider() {
    let Some(root) = recorded() else { return };
    let registry = json(&root.join("../spec/tracia-models.json"));
    let mut count = 0;
    for (name, provider) in [
        ("openai", Provider::OpenAi),
        ("anthropic", Provider::Anthropic),
        ("google", Provider::Google),
        ("amazon_bedrock", Provider::Bedrock),
        ("voyage", Provider::Voyage),
    ] {
        for models in registry["union_by_provider"][name].as_object().unwrap().values() {
            for model in models.as_array().unwrap() {
                let model = model.as_str().unwrap();
                assert_eq!(told(model), Some(provider), "{model}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 112);
}

#[test]
fn every_recorded_model_tells_its_provider() {
    let Some(root) = recorded() else { return };
    let index = json(&root.join("index.json"));
    for exchange in index.as_array().unwrap() {
        let (file, model) =
            (exchange["file"].as_str().unwrap(), exchange["model"].as_str().unwrap_or_default());
        let provider = match file.split('/').next().unwrap() {
            "openai" => Provider::OpenAi,
            "anthropic" => Provider::Anthropic,
            "google" | "google_vertex" => Provider::Google,
            "bedrock" => Provider::Bedrock,
            // A deployment's name tells nothing.
            _ => continue,
        };
        // Of a call that was refused the name may have been made up.
        if model.is_empty() || exchange["status"] != 200 {
            continue;
        }
        assert_eq!(told(model), Some(provider), "{file}");
    }
}
