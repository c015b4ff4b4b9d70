//! Messages and parts as OpenCode stores them, and the one rule that decides which of them make entries.
//!
//! Verified with 1.1.65, 1.2.27 and 1.18.33. Summaries count by [`kind`] and [`own_entries`], and transcripts are built
//! from them; no other code may decide this. Only the fields that the rule needs are parsed; texts are skipped.

use std::path::Path;

pub(super) use super::head::{
    MessageHead, MessageState, ModelRef, OpenCodeUsage, PartHead, each_part, head, moment, with_head, with_part,
};
use super::head::{TextStart, is_usual_part, usual_head, usual_part};
use super::normal;
use crate::agent::side_text::OutputFolder;
use crate::agent::tolerant_json::Repairs;
use crate::domain::event::NoticeLevel;

/// Folder of the whole outputs of tools, beside the databases.
pub(super) const OUTPUTS: &str = "tool-output";

/// A message and its parts in order, as stored.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenCodeMessage {
    pub id: String,
    /// The message's JSON; empty if its row or file is missing.
    pub data: String,
    pub parts: Vec<OpenCodePart>,
    /// Stored form, if `data` and `parts` were converted from another one.
    pub stored: Option<String>,
    /// Repairs that its records needed.
    pub repairs: Repairs,
    /// Number of records of which a part was lost.
    pub damaged: u32,
    /// Point from which the user reverted the conversation, if it is in this message or before it.
    pub reverted: Option<RevertPoint>,
    /// Folder of outputs that OpenCode keeps in files of their own.
    pub outputs: OutputFolder,
}

/// Folder of the outputs in files of their own, beside a database or the folder `storage`.
pub(super) fn outputs_beside(path: &Path) -> OutputFolder {
    path.parent().map(|data| OutputFolder::new(data.join(OUTPUTS))).unwrap_or_default()
}

/// Part of a message from which a revert undid the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RevertPoint {
    /// The whole message.
    Message,
    /// The part with this id, and those after it.
    Part(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct OpenCodePart {
    pub id: String,
    pub data: String,
}

/// Kind of entry that a part makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// Prompt of the user.
    Prompt,
    /// Command of the user that a sub-agent executes.
    Subtask,
    /// Answer of the agent.
    Text,
    /// Reasoning of the agent.
    Thinking,
    /// Tool call.
    Tool(ToolOutcome),
    /// Attachment.
    File,
    /// Compaction of the conversation.
    Compaction,
    /// Retry of a model request.
    Retry,
    /// Text that a program added in the user's name, such as the result of a background task.
    Added,
    /// Notice that the conversion of a record of 2.x makes.
    Notice(NoticeLevel),
    /// Answer in the form that the caller requested, which is no part.
    Structured,
    /// Part of a type unknown to this version.
    Other,
    /// Error or interruption of the message itself, which is no part.
    Error {
        /// True if the user interrupted it.
        aborted: bool,
    },
}

/// Outcome of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolOutcome {
    /// Not started.
    Pending,
    /// Running, as far as the record shows.
    Running,
    /// Succeeded.
    Done,
    /// Failed.
    Failed,
    /// Denied by the user.
    Denied,
    /// Interrupted.
    Interrupted,
}

impl PartKind {
    /// True for a prompt to jump to.
    pub(super) fn is_prompt(self) -> bool {
        matches!(self, Self::Prompt | Self::Subtask)
    }

    /// True for an error to jump to.
    pub(super) fn is_error(self) -> bool {
        matches!(
            self,
            Self::Tool(ToolOutcome::Failed) | Self::Error { aborted: false } | Self::Notice(NoticeLevel::Error)
        )
    }
}

/// Kind of the entry that a part makes, if any.
pub(super) fn kind(state: MessageState, part: &PartHead<'_>) -> Option<PartKind> {
    let hidden = part.synthetic == Some(true) || part.ignored == Some(true);
    match &*part.kind {
        // A text that has lost its text.
        "text" | "reasoning" if part.text == TextStart::Missing => Some(PartKind::Other),
        "text" if part.text == TextStart::Blank => None,
        "text" if hidden && part.text == TextStart::Reminder => None,
        "text" if hidden => Some(PartKind::Added),
        "text" if state.user => Some(PartKind::Prompt),
        "text" => Some(PartKind::Text),
        "reasoning" => (part.text != TextStart::Blank).then_some(PartKind::Thinking),
        "tool" => Some(PartKind::Tool(outcome(state, part))),
        "file" => Some(PartKind::File),
        "compaction" => Some(PartKind::Compaction),
        "retry" => Some(PartKind::Retry),
        "subtask" => matches!(part.prompt, TextStart::Text | TextStart::Reminder).then_some(PartKind::Subtask),
        NOTICE => Some(PartKind::Notice(notice_level(&part.state.status))),
        // The prompt's text contains agents named with `@`; the other types are book-keeping.
        "agent" | "step-start" | "step-finish" | "snapshot" | "patch" => None,
        _ => Some(PartKind::Other),
    }
}

/// Kinds of the entries that a message makes after those of its parts.
pub(super) fn own_entries(head: &MessageHead<'_>) -> impl Iterator<Item = PartKind> {
    let error = head.error.as_ref().map(|error| PartKind::Error { aborted: error.name == "MessageAbortedError" });
    head.structured.0.then_some(PartKind::Structured).into_iter().chain(error)
}

/// Type of parts that the conversion of records of 2.x adds; the status of its state is the level.
pub(super) const NOTICE: &str = "salon:notice";

fn notice_level(name: &str) -> NoticeLevel {
    match name {
        "error" => NoticeLevel::Error,
        "warning" => NoticeLevel::Warning,
        "boundary" => NoticeLevel::Boundary,
        _ => NoticeLevel::Info,
    }
}

fn outcome(message: MessageState, part: &PartHead<'_>) -> ToolOutcome {
    let state = &part.state;
    let exit = state.metadata.as_ref().and_then(|metadata| metadata.exit).unwrap_or_default();
    match &*state.status {
        // OpenCode replaces a call of an unknown tool by a call of the tool `invalid`.
        "completed" if exit != 0.0 || part.tool == "invalid" => ToolOutcome::Failed,
        "completed" => ToolOutcome::Done,
        "failed" => ToolOutcome::Failed,
        "interrupted" => ToolOutcome::Interrupted,
        "error" => match state.error.as_deref().unwrap_or_default() {
            text if ["rejected permission", "dismissed this question", "specified a rule which prevents"]
                .iter()
                .any(|refusal| text.contains(refusal)) =>
            {
                ToolOutcome::Denied
            }
            text if text.contains("aborted") || text == "Tool execution interrupted" => ToolOutcome::Interrupted,
            _ => ToolOutcome::Failed,
        },
        // A complete message has no running tools; they were killed with it.
        _ if message.complete => ToolOutcome::Interrupted,
        "running" => ToolOutcome::Running,
        _ => ToolOutcome::Pending,
    }
}

impl OpenCodeMessage {
    /// Creates a message from its stored records, which are repaired if necessary.
    pub(super) fn stored(id: &str, data: String, parts: Vec<OpenCodePart>) -> Self {
        let mut message = Self { id: id.to_owned(), data, parts, ..Self::default() };
        let mut originals = None;
        let parts = message.parts.iter().map(|part| part.data.as_str());
        let as_stored = || std::iter::once(message.data.as_str()).chain(parts.clone()).collect::<Vec<_>>().join("\n");
        if usual_head(&message.data).is_none() || message.parts.iter().any(|part| !is_usual_part(&part.data)) {
            originals = Some(as_stored());
        }
        message.stored = originals;
        if message.stored.is_some() {
            message.normalise();
        }
        message
    }

    fn normalise(&mut self) {
        if usual_head(&self.data).is_none()
            && let Some((usual, repairs)) = normal::message(&self.data)
        {
            self.data = usual;
            self.repaired(repairs);
        }
        for part in std::mem::take(&mut self.parts) {
            if is_usual_part(&part.data) {
                self.parts.push(part);
                continue;
            }
            let repaired = normal::parts(&part.data);
            if repaired.is_empty() {
                self.parts.push(part);
                continue;
            }
            for (at, (data, repairs)) in repaired.into_iter().enumerate() {
                let id = if at == 0 { part.id.clone() } else { format!("{}/{at}", part.id) };
                self.parts.push(OpenCodePart { id, data });
                self.repaired(repairs);
            }
        }
    }

    /// Notes the repairs of one of its records.
    pub(super) fn repaired(&mut self, repairs: Repairs) {
        self.repairs.add(repairs);
        self.damaged += u32::from(repairs.is_lossy());
    }

    /// True if the entry of a part (`None`: of the message itself) was reverted.
    pub(super) fn is_reverted(&self, part: Option<usize>) -> bool {
        match (&self.reverted, part) {
            (None, _) => false,
            (Some(RevertPoint::Message), _) => true,
            (Some(RevertPoint::Part(from)), Some(at)) => self.parts[at].id >= *from,
            (Some(RevertPoint::Part(_)), None) => true,
        }
    }
}

/// An entry of a message: the index of its part (`None` for the message itself), and its kind.
pub(super) type EntrySlot = (Option<usize>, PartKind);

/// Entries of a message in order, and the number of unreadable records in it.
pub(super) fn outline(record: &OpenCodeMessage) -> (Vec<EntrySlot>, u32) {
    // The parts of a message that is missing or unreadable are still shown.
    let (head, mut unreadable) = head(&record.data).map_or_else(|| (MessageHead::default(), 1), |head| (head, 0));
    let mut slots = Vec::new();
    for (at, part) in record.parts.iter().enumerate() {
        match usual_part(&part.data) {
            Some(part) => slots.extend(kind(head.state(), &part).map(|kind| (Some(at), kind))),
            None => unreadable += 1,
        }
    }
    slots.extend(own_entries(&head).map(|kind| (None, kind)));
    (slots, unreadable + record.damaged)
}
