//! Metadata of a chat's message that its log stores: place, counts, and what tells versions of a message apart.
//!
//! Contains no texts, except until a version is compared with the one that it replaces.

use serde::{Deserialize, Serialize};

use super::{message, shape, tools};
use crate::agent::json::cursor::hash;
use crate::agent::tolerant_json::Repairs;
use crate::agent::tool_input;
use crate::domain::{Time, Tokens};

/// Stored metadata of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChatMessage {
    /// Its id.
    pub id: String,
    /// Offset of its JSON in the file.
    pub offset: u64,
    /// Length of its JSON.
    pub len: u32,
    /// Number of entries that it yields.
    pub entries: u32,
    /// Indices of entries that are errors.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<u32>,
    /// The beginning of the user's prompt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt: Option<String>,
    /// Time of the message.
    pub time: Option<Time>,
    /// Files with whole outputs of its tools.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub outputs: Vec<String>,
    /// Usage of the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
    /// Ids of its tool calls.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<String>,
    /// Ids of its tool calls whose results are in other messages.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub open_calls: Vec<String>,
    /// Ids of its results whose calls are in no message; each has an entry.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lost: Vec<String>,
    /// Number of the file that contains it: 0 for the chat's own, else another one of the session.
    #[serde(skip)]
    pub file: u32,
    /// Length and hash of its text.
    pub text: (u32, u64),
    /// Length and hash of its thoughts.
    pub thoughts: (u32, u64),
    /// True for a version of a message that another one replaced, so that its keys are its own.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_replaced: bool,
    /// Its text and its thoughts, until they are compared with those of the version that it replaces.
    #[serde(skip)]
    pub texts: Option<(String, String)>,
    /// True if a part of its record is lost.
    #[serde(skip)]
    pub is_torn: bool,
    /// Ids of the tool calls whose results it has.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub results: Vec<String>,
}

impl ChatMessage {
    /// Reads a message whose JSON begins at `offset`; `None` for anything but an object. Sets the last `model`.
    pub(super) fn read(json: &[u8], offset: u64, model: &mut Option<String>, repairs: &mut Repairs) -> Option<Self> {
        let (value, found) = shape::message(json).filter(|(value, _)| value.is_object())?;
        repairs.add(found);
        let is_torn = found.is_lossy();
        let parts = message::parts(&value);
        if let Some(name) = message::model(&value) {
            *model = Some(name.to_string());
        }
        let errors = (0..).zip(&parts).filter(|(_, part)| part.is_error(&value)).map(|(at, _)| at).collect();
        let prompt = parts.contains(&message::MessagePart::Prompt).then(|| {
            let text = message::prompt(&value);
            crate::stdx::text::first_chars(&text, 1000).to_owned()
        });
        let texts = (message::text(&value), message::thoughts(&value));
        Some(Self {
            id: tool_input::flat(&value["id"]),
            offset,
            len: u32::try_from(json.len()).ok()?,
            entries: u32::try_from(parts.len()).ok()?,
            errors,
            prompt,
            time: message::time(&value),
            outputs: tools::output_paths(&value),
            tokens: message::tokens(&value),
            is_torn,
            calls: tools::call_ids(&value),
            open_calls: tools::calls_in_content(&value).map(|(_, id)| id.to_owned()).collect(),
            results: tools::result_ids(&value),
            lost: Vec::new(),
            file: 0,
            text: measured(&texts.0),
            thoughts: measured(&texts.1),
            is_replaced: false,
            texts: Some(texts),
        })
    }

    /// Id in the keys of its entries: its own, else its position.
    pub(super) fn key_id(&self) -> String {
        if self.id.is_empty() || self.is_replaced { format!("{}@{}", self.id, self.offset) } else { self.id.clone() }
    }

    /// True if this version has the text of an earlier one, or goes on with it.
    pub(super) fn keeps_text(&self, earlier: &Self) -> bool {
        earlier.entries == 0 || self.texts.as_ref().is_none_or(|(text, _)| begins_with(text, earlier.text))
    }

    /// True if this version has all that an earlier one has.
    pub(super) fn keeps(&self, earlier: &Self) -> bool {
        let keeps_thoughts = || self.texts.as_ref().is_none_or(|(_, thoughts)| begins_with(thoughts, earlier.thoughts));
        let keeps_calls = || earlier.all_calls().all(|call| self.all_calls().any(|own| own == call));
        self.keeps_text(earlier) && keeps_thoughts() && keeps_calls()
    }

    /// Gives an earlier version keys of its own. Its usage counts with the later one.
    pub(super) fn mark_replaced(&mut self) {
        (self.is_replaced, self.tokens) = (true, None);
    }

    /// Ids of its calls, with results here or in other messages.
    pub(super) fn all_calls(&self) -> impl Iterator<Item = &str> {
        self.calls.iter().chain(&self.open_calls).map(String::as_str)
    }
}

/// True if a text begins with the one of this length and hash.
fn begins_with(text: &str, (len, of_text): (u32, u64)) -> bool {
    text.as_bytes().get(..len as usize).is_some_and(|head| hash(head) == of_text)
}

/// Length and hash of a text.
fn measured(text: &str) -> (u32, u64) {
    (u32::try_from(text.len()).unwrap_or(u32::MAX), hash(text.as_bytes()))
}
