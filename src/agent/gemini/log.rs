//! The replayed log of a chat: its current messages, and their offsets in the file.
//!
//! A later message with the same id replaces an earlier one, a `$set` replaces the whole list, and a rewind truncates it.
//! Messages that a rewind or a `$set` takes out stay as a branch, and so does a version of a message whose text is not in
//! the later one. The log stores only a few numbers per message, so a log of any size can be replayed, cached, and
//! continued.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::chat_message::ChatMessage;
use super::shape;
use crate::agent::json;
use crate::agent::jsonl::walk;
use crate::agent::record_lists;
use crate::agent::tolerant_json::{self, Repairs};
use crate::domain::Time;

/// Maximum versions of messages and ends that are kept as branches, because each is looked through.
const MAX_BRANCHES: usize = 256;

/// The state of a chat after the lines that were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChatLog {
    /// Id of the session.
    pub session: String,
    /// Start time.
    pub started: Option<Time>,
    /// The title that the agent generated.
    pub summary: Option<String>,
    /// True for a sub-agent's session.
    pub subagent: bool,
    /// The messages, including those without entries.
    pub messages: Vec<ChatMessage>,
    /// Ends of the conversation that were taken out, in the order in which they began.
    pub abandoned: Vec<AbandonedEnd>,
    /// The last model that answered.
    pub model: Option<String>,
    /// Number of lines applied.
    pub lines: u64,
    /// Line numbers of lines of which something is lost, from 1.
    pub bad: Vec<u64>,
    /// Line numbers of repaired lines, from 1, with the repairs.
    pub repaired: Vec<(u64, String)>,
}

/// End of a conversation that a rewind or a new list took out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AbandonedEnd {
    /// Number of messages before it, which are still in the list.
    pub shared: usize,
    /// Its messages.
    pub messages: Vec<ChatMessage>,
}

/// Effect of a line on the existing messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogChange {
    /// No change.
    None,
    /// Messages from this index on are new or changed.
    From(usize),
    /// The whole list was replaced.
    Replaced,
}

#[derive(Deserialize)]
struct LogRecord<'a> {
    #[serde(rename = "$set", borrow)]
    set: Option<&'a RawValue>,
    #[serde(rename = "$rewindTo")]
    rewind_to: Option<String>,
    id: Option<String>,
    r#type: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    session_id: Option<String>,
    start_time: Option<String>,
    summary: Option<String>,
    kind: Option<String>,
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
}

impl Fields<'_> {
    fn has_any(&self) -> bool {
        let texts = [&self.session_id, &self.start_time, &self.summary, &self.kind];
        texts.into_iter().any(Option::is_some) || self.messages.is_some()
    }
}

impl LogChange {
    /// Combines the changes of two records.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Replaced, _) | (_, Self::Replaced) => Self::Replaced,
            (Self::From(a), Self::From(b)) => Self::From(a.min(b)),
            (Self::None, change) | (change, Self::None) => change,
        }
    }
}

impl ChatLog {
    /// Id of the session of a file: the recorded one, else the file's name.
    pub(super) fn session_id(&self, path: &Path) -> String {
        if self.session.is_empty() { walk::stem(path) } else { self.session.clone() }
    }

    /// Applies one line that begins at `offset`.
    pub(super) fn line(&mut self, bytes: &[u8], offset: u64) -> LogChange {
        self.lines += 1;
        if bytes.trim_ascii().is_empty() {
            return LogChange::None;
        }
        // Some editors add a byte order mark.
        let mark = if offset == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let (bytes, offset) = (&bytes[mark..], offset + mark as u64);
        let mut repairs = Repairs::default();
        if let Some(change) = self.record(bytes, offset, &mut repairs) {
            self.note(repairs);
            return change;
        }
        let mut all = LogChange::None;
        let records = record_lists::line_records(bytes);
        if records.is_empty() {
            self.bad.push(self.lines);
        }
        for record in records {
            let (start, mut repairs) = (offset + record.range.start as u64, record.repairs);
            let bytes = &bytes[record.range];
            let strict = self.record(bytes, start, &mut repairs);
            let change = strict.or_else(|| self.unusual(&record.value, bytes, start, &mut repairs));
            match change {
                Some(change) => {
                    self.note(repairs);
                    all = all.and(change);
                }
                None if self.bad.last() != Some(&self.lines) => self.bad.push(self.lines),
                None => {}
            }
        }
        all
    }

    /// Notes the repairs of the current line.
    fn note(&mut self, repairs: Repairs) {
        if repairs.is_lossy() && self.bad.last() != Some(&self.lines) {
            self.bad.push(self.lines);
        }
        let is_known = |(line, text): &(u64, String)| *line == self.lines && *text == repairs.to_string();
        if !repairs.is_empty() && !self.repaired.last().is_some_and(is_known) {
            self.repaired.push((self.lines, repairs.to_string()));
        }
    }

    /// Applies a whole document of an early version; returns false if nothing of it can be read.
    pub(super) fn document(&mut self, bytes: &[u8]) -> bool {
        self.lines = 1;
        let mut repairs = Repairs::default();
        let is_read = match serde_json::from_slice(bytes) {
            Ok(fields) => {
                self.merge(fields, bytes, 0, &mut repairs);
                true
            }
            Err(_) => match tolerant_json::value(bytes) {
                Some((value @ Value::Object(_), found)) => {
                    repairs = found;
                    self.merge_value(&value, (bytes, &["messages"]), 0, &mut repairs);
                    true
                }
                _ => false,
            },
        };
        self.note(repairs);
        is_read
    }

    fn record(&mut self, bytes: &[u8], offset: u64, repairs: &mut Repairs) -> Option<LogChange> {
        let record: LogRecord<'_> = serde_json::from_slice(bytes).ok()?;
        if let Some(set) = record.set {
            // Fields under a number are not as usual.
            if set.get().starts_with("{\"0\"") {
                return None;
            }
            return Some(self.merge(serde_json::from_str(set.get()).ok()?, bytes, offset, repairs));
        }
        if let Some(id) = record.rewind_to {
            return Some(self.rewind(&id));
        }
        if record.content.is_some() || record.parts.is_some() || (record.id.is_some() && record.r#type.is_some()) {
            let message = ChatMessage::read(bytes, offset, &mut self.model, repairs)?;
            return Some(self.upsert(message));
        }
        let fields: Fields<'_> = serde_json::from_slice(bytes).ok()?;
        fields.has_any().then(|| self.merge(fields, bytes, offset, repairs))
    }

    /// Applies a record that is not as usual; `None` if it is no record of a chat.
    fn unusual(&mut self, value: &Value, bytes: &[u8], offset: u64, repairs: &mut Repairs) -> Option<LogChange> {
        let mut value = value.clone();
        shape::log_record(&mut value);
        let value = &value;
        if value["$set"].is_object() {
            return Some(self.merge_value(&value["$set"], (bytes, &["$set", "messages"]), offset, repairs));
        }
        if let Some(id) = value["$rewindTo"].as_str() {
            return Some(self.rewind(id));
        }
        let usual = shape::message(bytes).map(|(value, _)| value).unwrap_or_default();
        if ["type", "content", "parts"].iter().any(|name| !usual[*name].is_null()) {
            repairs.add(Repairs::FIELD_TYPES);
            let message = ChatMessage::read(bytes, offset, &mut self.model, repairs)?;
            return Some(self.upsert(message));
        }
        let names =
            ["sessionId", "startTime", "messages", "kind", "summary", "lastUpdated", "projectHash", "directories"];
        let is_header = names.iter().any(|name| !value[*name].is_null());
        is_header.then(|| self.merge_value(value, (bytes, &["messages"]), offset, repairs))
    }

    /// Merges metadata whose fields may have any type.
    fn merge_value(
        &mut self,
        value: &Value,
        (bytes, list): (&[u8], &[&str]),
        offset: u64,
        repairs: &mut Repairs,
    ) -> LogChange {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let started = json::time(&value["startTime"]);
        let fields =
            Fields { session_id: text("sessionId"), summary: text("summary"), kind: text("kind"), ..Fields::default() };
        self.started = self.started.or(started);
        let change = self.merge(fields, bytes, offset, repairs);
        if !value["messages"].is_array() && !value["messages"].is_object() {
            return change;
        }
        let model = &mut self.model;
        let ranges = tolerant_json::items(bytes, list).into_iter();
        let messages = ranges
            .filter_map(|range| ChatMessage::read(&bytes[range.clone()], offset + range.start as u64, model, repairs));
        let messages = messages.collect();
        self.replace(messages)
    }

    fn merge(&mut self, fields: Fields<'_>, bytes: &[u8], offset: u64, repairs: &mut Repairs) -> LogChange {
        if let Some(session) = fields.session_id {
            self.session = session;
        }
        self.started = self.started.or_else(|| fields.start_time.as_deref().and_then(Time::parse));
        self.summary = fields.summary.filter(|summary| !summary.trim().is_empty()).or(self.summary.take());
        self.subagent |= fields.kind.as_deref() == Some("subagent");
        let Some(list) = fields.messages else { return LogChange::None };
        let offset_of = |raw: &RawValue| offset + (raw.get().as_ptr() as usize - bytes.as_ptr() as usize) as u64;
        let model = &mut self.model;
        let messages = list
            .into_iter()
            .filter_map(|raw| ChatMessage::read(raw.get().as_bytes(), offset_of(raw), model, repairs))
            .collect();
        self.replace(messages)
    }

    fn upsert(&mut self, mut message: ChatMessage) -> LogChange {
        let known = self.messages.iter().rposition(|other| other.id == message.id && !other.id.is_empty());
        if let Some(at) = known {
            if message.is_torn {
                return LogChange::None;
            }
            let has_branched = !message.keeps(&self.messages[at]) && self.abandon_version(at);
            message.texts = None;
            self.messages[at] = message;
            return if has_branched { LogChange::Replaced } else { LogChange::From(at) };
        }
        message.texts = None;
        self.messages.push(message);
        LogChange::From(self.messages.len() - 1)
    }

    /// Makes the version of a message that is replaced the end of a branch.
    fn abandon_version(&mut self, at: usize) -> bool {
        if self.abandoned.len() >= MAX_BRANCHES {
            return false;
        }
        self.detach(at);
        let mut version = self.messages[at].clone();
        version.mark_replaced();
        self.abandoned.push(AbandonedEnd { shared: at, messages: vec![version] });
        true
    }

    /// Removes a message and all after it; removes all messages if the id is unknown, as the agent does.
    fn rewind(&mut self, id: &str) -> LogChange {
        let at = self.messages.iter().position(|message| message.id == id).unwrap_or(0);
        self.abandon(at);
        self.messages.truncate(at);
        LogChange::Replaced
    }

    /// Replaces the list. If a message with entries is not in the new one, the old end becomes a branch.
    fn replace(&mut self, mut new: Vec<ChatMessage>) -> LogChange {
        for torn in new.iter_mut().filter(|message| message.is_torn) {
            let whole = self.messages.iter().find(|old| old.id == torn.id && !torn.id.is_empty());
            *torn = whole.unwrap_or(torn).clone();
        }
        let by_id: HashMap<&str, &ChatMessage> = new.iter().map(|message| (&*message.id, message)).collect();
        let is_changed =
            |old: &ChatMessage| by_id.get(&*old.id).is_some_and(|new| !old.id.is_empty() && !new.keeps_text(old));
        let calls: HashSet<&str> = new.iter().flat_map(ChatMessage::all_calls).collect();
        // The agent also splits a reply with calls into several messages, and joins them again.
        let is_kept = |message: &ChatMessage| {
            let has_calls =
                message.all_calls().next().is_some() && message.all_calls().all(|call| calls.contains(call));
            let is_listed = by_id.contains_key(&*message.id) && !is_changed(message);
            message.entries == 0 || is_listed || has_calls
        };
        let is_same = |(old, new): &(&ChatMessage, &ChatMessage)| {
            old.id == new.id && old.entries == new.entries && old.text == new.text
        };
        let shared = self.messages.iter().zip(&new).take_while(is_same).count();
        let changed: HashSet<u64> = self.messages.iter().filter(|old| is_changed(old)).map(|old| old.offset).collect();
        if self.messages.iter().all(is_kept) {
            self.detach(shared);
        } else {
            self.abandon(shared);
            let end = self.abandoned.last_mut().into_iter().flat_map(|end| &mut end.messages);
            end.filter(|message| changed.contains(&message.offset)).for_each(ChatMessage::mark_replaced);
        }
        new.iter_mut().for_each(|message| message.texts = None);
        self.messages = new;
        LogChange::Replaced
    }

    /// Makes the messages from `at` on a branch.
    fn abandon(&mut self, at: usize) {
        self.detach(at);
        let messages = self.messages[at..].to_vec();
        if messages.iter().any(|message| message.entries > 0) {
            self.abandoned.push(AbandonedEnd { shared: at, messages });
        }
    }

    /// Copies the messages from `at` on to the branches that share them.
    fn detach(&mut self, at: usize) {
        for end in self.abandoned.iter_mut().filter(|end| end.shared > at) {
            end.messages.splice(0..0, self.messages[at..end.shared].iter().cloned());
            end.shared = at;
        }
    }

    /// Finds the results whose calls are in no message. They make entries.
    pub(super) fn find_lost_calls(&mut self) -> bool {
        let all = self.messages.iter().chain(self.abandoned.iter().flat_map(|end| &end.messages));
        if all.clone().all(|message| message.results.is_empty()) {
            return false;
        }
        let calls: HashSet<String> = all.flat_map(ChatMessage::all_calls).map(str::to_owned).collect();
        let ends = self.abandoned.iter_mut().flat_map(|end| &mut end.messages);
        let mut has_changed = false;
        for message in self.messages.iter_mut().chain(ends) {
            let lost: Vec<String> = message.results.iter().filter(|id| !calls.contains(*id)).cloned().collect();
            if lost != message.lost {
                let count = |ids: &[String]| u32::try_from(ids.len()).unwrap_or(u32::MAX);
                message.entries = message.entries.saturating_sub(count(&message.lost)).saturating_add(count(&lost));
                message.lost = lost;
                has_changed = true;
            }
        }
        has_changed
    }

    /// Number of branches; the last one is the list as the agent sees it.
    pub(super) fn branches(&self) -> usize {
        self.abandoned.len() + 1
    }

    /// Branch that is shown first: the list as the agent sees it, or the newest one if the agent has emptied the list.
    pub(super) fn first_shown(&self) -> usize {
        let is_empty = self.messages.iter().all(|message| message.entries == 0);
        if is_empty { self.abandoned.len().saturating_sub(1) } else { self.abandoned.len() }
    }

    /// Messages of a branch.
    pub(super) fn branch(&self, number: usize) -> impl DoubleEndedIterator<Item = &ChatMessage> + Clone {
        let end = self.abandoned.get(number);
        let shared = end.map_or(self.messages.len(), |end| end.shared.min(self.messages.len()));
        self.messages[..shared].iter().chain(end.into_iter().flat_map(|end| &end.messages))
    }

    /// Messages of the branch that is shown first.
    pub(super) fn shown(&self) -> impl DoubleEndedIterator<Item = &ChatMessage> + Clone {
        self.branch(self.first_shown())
    }

    /// Messages of all branches that have texts: entries, or results of calls in other messages.
    pub(super) fn with_texts(&self) -> Vec<ChatMessage> {
        let all = self.all();
        let open: HashSet<&String> = all.iter().flat_map(|message| &message.open_calls).collect();
        let has_texts =
            |message: &ChatMessage| message.entries > 0 || message.results.iter().any(|id| open.contains(id));
        all.into_iter().filter(|message| has_texts(message)).cloned().collect()
    }

    /// Messages of all branches, each once.
    pub(super) fn all(&self) -> Vec<&ChatMessage> {
        let mut seen = HashSet::new();
        let messages = self.messages.iter().chain(self.abandoned.iter().flat_map(|end| &end.messages));
        messages.filter(|message| seen.insert(message.key_id())).collect()
    }

    /// Number of entries of the branch that is shown first.
    pub(super) fn entries(&self) -> usize {
        self.shown().map(|message| message.entries as usize).sum()
    }
}
