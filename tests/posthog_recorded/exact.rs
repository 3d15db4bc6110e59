//! The table of whole events, a file for each provider and one for what is recorded by hand. A row has all properties
//! but those that [every event has](crate::events::common).

use crate::table::{self, Row};

const FILES: [(&str, &str); 8] = [
    ("openai", include_str!("exact/openai.json")),
    ("azure_openai", include_str!("exact/azure_openai.json")),
    ("azure_ai_inference", include_str!("exact/azure_ai_inference.json")),
    ("anthropic", include_str!("exact/anthropic.json")),
    ("google", include_str!("exact/google.json")),
    ("google_vertex", include_str!("exact/google_vertex.json")),
    ("bedrock", include_str!("exact/bedrock.json")),
    ("by_hand", include_str!("exact/by_hand.json")),
];

pub(crate) fn rows(folder: &str) -> Vec<Row> {
    let (_, json) = FILES.iter().find(|(name, _)| *name == folder).unwrap();
    table::rows(json)
}
