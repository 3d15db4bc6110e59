use serde::{Deserialize, Serialize};

/// One operation on an agent's memory; which one, the operation's kind says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Memory {
    /// The id of the store.
    pub store_id: Option<String>,
    /// The id of the one record that it is about. A deletion without one may mean all records.
    pub record_id: Option<String>,
    /// How many records were written, found or deleted.
    pub record_count: Option<u64>,
    /// What was searched for.
    pub query: Option<String>,
    /// The records written or found, each a JSON object with at least `content`.
    pub records: Vec<serde_json::Value>,
}
