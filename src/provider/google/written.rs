//! Contents and parts as they are sent, borrowed from the record.

use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};
use serde_json::{Map, Value, value::RawValue};

/// A message.
#[derive(Serialize)]
pub(super) struct Content<'a> {
    pub(super) role: &'a str,
    pub(super) parts: Vec<Part<'a>>,
}

/// A part of it.
pub(super) struct Part<'a> {
    holds: Holds<'a>,
    pub(super) signature: Option<&'a str>,
}

/// What a part holds.
pub(super) enum Holds<'a> {
    Text(&'a str),
    /// A text that was thought.
    Thought(&'a str),
    FunctionCall(FunctionCall<'a>),
    FunctionResponse(FunctionResponse<'a>),
    ExecutableCode(&'a RawValue),
    ToolCall(ServerCall<'a>),
    InlineData(InlineData<'a>),
    FileData(FileData<'a>),
    /// A part as it was sent.
    Other(&'a Map<String, Value>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    pub(super) mime_type: &'a str,
    pub(super) data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    pub(super) file_uri: &'a str,
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) args: &'a RawValue,
}

/// A call of one of Google's own tools.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) tool_type: &'a str,
    pub(super) args: &'a RawValue,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) response: Answer<'a>,
}

/// A tool's answer: Google takes an object only.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer<'a> {
    Whole(&'a RawValue),
    Result { result: &'a str },
    Error { error: &'a str },
    ErrorObject { error: &'a RawValue },
}

impl<'a> From<Holds<'a>> for Part<'a> {
    fn from(holds: Holds<'a>) -> Self {
        Self { holds, signature: None }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        const SIGNATURE: &str = "thoughtSignature";
        let mut part = to.serialize_map(None)?;
        match &self.holds {
            Holds::Text(text) => part.serialize_entry("text", text)?,
            Holds::Thought(text) => {
                part.serialize_entry("text", text)?;
                part.serialize_entry("thought", &true)?;
            }
            Holds::FunctionCall(call) => part.serialize_entry("functionCall", call)?,
            Holds::FunctionResponse(response) => part.serialize_entry("functionResponse", response)?,
            Holds::ExecutableCode(code) => part.serialize_entry("executableCode", code)?,
            Holds::ToolCall(call) => part.serialize_entry("toolCall", call)?,
            Holds::InlineData(data) => part.serialize_entry("inlineData", data)?,
            Holds::FileData(data) => part.serialize_entry("fileData", data)?,
            Holds::Other(fields) => {
                for (name, value) in
                    fields.iter().filter(|(name, _)| *name != SIGNATURE || self.signature.is_none())
                {
                    part.serialize_entry(name, value)?;
                }
            }
        }
        if let Some(signature) = self.signature {
            part.serialize_entry(SIGNATURE, signature)?;
        }
        part.end()
    }
}
